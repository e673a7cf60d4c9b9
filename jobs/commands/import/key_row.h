#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "commands/import/values.h"

namespace keyrota {

/// Fields of keys_kind() by name.
namespace key_field {
enum : std::size_t {
    external_id,
    name,
    owner_email,
    type,
    environment,
    prefix,
    hint,
    scopes,
    plan,
    created_at,
    expires_at,
    status,
    secret_hash,
    secret
};
}

/// A key as a file says it, checked by itself. Texts are valid until the next record.
struct KeyRow {
    std::string_view external_id, name, owner_email, type, environment, prefix, hint, plan, status;
    std::vector<std::string_view> scopes;  // sorted, each once: their order means nothing
    std::optional<Timestamp> created_at, expires_at;
    std::string secret_hash;  // 32 bytes, or empty: nothing said
};

/// @param plans names of the service plans.
/// @param owner of keys for which the file names none; may be empty.
/// @returns false, with the problems noted, for a row that cannot be a key.
bool read_key_row(Values& values, const std::vector<std::string>& plans, std::string_view owner,
                  KeyRow& row);

}  // namespace keyrota
