#pragma once

namespace keyrota::test {

/// How many rotations stand otherwise in the audit trail than in their table: 0, or changes were
/// not written down.
inline constexpr const char* kRotationsUntold =
    "select count(*) from keyrota.rotation r where keyrota.rotation_record(r)"
    " is distinct from ("
    "select coalesce(e.payload::jsonb -> 'after' -> 'rotation',"
    "                e.payload::jsonb -> 'after')"
    "  from keyrota.audit_entry e where e.key_id = r.key_id"
    "   and coalesce(e.payload::jsonb -> 'after' -> 'rotation',"
    "                e.payload::jsonb -> 'after') ->> 'token' = r.token::text"
    " order by e.entry_id desc limit 1)";

}  // namespace keyrota::test
