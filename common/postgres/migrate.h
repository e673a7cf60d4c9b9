#pragma once

#include <string>
#include <vector>

#include "postgres/session.h"

namespace keyrota {

/// How the database's schema stands to this program.
struct SchemaState {
    int database_version = 0;          // highest applied migration; 0: none
    int program_version = 0;           // highest this program knows
    std::vector<std::string> pending;  // names, in order
    std::vector<std::string>
        altered;  // applied under another checksum than this program's file of that number

    bool is_current() const {
        return pending.empty() && altered.empty() && database_version == program_version;
    }
};

/// Reads it with any role that may see keyrota.schema_migration; a database without the schema is
/// version 0.
SchemaState schema_state(Session& session);

/// @throws Error{config} with what to do when the program is older or newer than the schema.
void require_current_schema(Session& session);

/// Applies what is pending, a transaction each, as keyrota_owner; concurrent callers wait for each
/// other.
/// @returns the names applied.
std::vector<std::string> apply_migrations(Session& owner);

/// Cuts a migration into statements (quotes, dollar quotes and comments respected), since a cluster
/// takes one a call.
std::vector<std::string> split_statements(const std::string& sql);

}  // namespace keyrota
