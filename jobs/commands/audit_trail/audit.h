#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "config/config.h"
#include "error/exit_code.h"
#include "postgres/session.h"
#include "report/listing.h"

namespace keyrota {

struct VerifyOptions {
    std::vector<std::string> heads;  // hash, HEIGHT:HASH or file
    std::string public_key;          // a file, instead of the database's word
    bool json = false;
};
/// `keyrota audit verify`: recomputes the whole trail. @throws Error{audit_broken} naming the first
/// broken place.
ExitCode audit_verify(const Config& config, const VerifyOptions& options, std::ostream& out);

/// `keyrota audit head`: the newest block, signed where the installation's key is at hand; where it
/// is not, `errors` says so.
ExitCode audit_head(const Config& config, bool json, std::ostream& out, std::ostream& errors);

struct ExportOptions {
    std::string format = "jsonl";  // or csv
    std::string key;
    std::string action;
    std::optional<Timestamp> since;  // inclusive
    std::optional<Timestamp> until;  // exclusive
    std::string file;                // empty: standard output
};
/// `keyrota audit export`: entries in the order of the chain (docs/audit.md has the format).
ExitCode audit_export(const Config& config, const ExportOptions& options, std::ostream& out);

/// `keyrota audit show KEY`: the story of one key, newest first; also of one that was deleted.
/// @param limit 0: all.
ExitCode audit_show(const Config& config, const std::string& key, std::int64_t limit, Format format,
                    std::ostream& out);

/// The key that KEY means to the trail: also one that was deleted, by its key_id, and 0 for what
/// concerns no key. Throws as find_key does.
std::int64_t find_audited_key(Session& session, const std::string& key);

/// The audit entries of a key, newest first. In the caller's transaction. @returns how many there
/// were, one more than the limit at most.
std::int64_t list_audit(Session& session, std::int64_t key_id, std::int64_t limit, Format format,
                        std::ostream& out);

}  // namespace keyrota
