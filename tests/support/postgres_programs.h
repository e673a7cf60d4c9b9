#pragma once

#include <filesystem>
#include <string>

namespace keyrota::test {

/// Runs a shell command (without single quotes) as the user postgres where this is root, with
/// PostgreSQL's own programs in its PATH. @returns whether it went well.
bool as_postgres(const std::string& command);

/// The folder of the tests' server's socket.
std::filesystem::path server_socket();

}  // namespace keyrota::test
