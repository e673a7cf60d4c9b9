#pragma once

#include <string>

#include "error/error.h"

struct pg_conn;

namespace keyrota {

/// What it means that the server refused a statement, and what can be done. The server's own text
/// may hold values and is not in it.
/// @param statement its name.
/// @param connection that it was refused on.
DatabaseError refused(const std::string& sqlstate, const char* statement,
                      const pg_conn* connection);

}  // namespace keyrota
