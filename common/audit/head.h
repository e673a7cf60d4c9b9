#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "postgres/session.h"
#include "time/timestamp.h"

namespace keyrota {

/// The head of an installation's trail at an instant: whoever keeps one outside the database can
/// prove later that nothing below it was changed or cut off.
struct AuditHead {
    std::string installation;  // uuid
    std::int64_t height = 0;   // 0: no block yet
    std::string hash;          // of the block, 64 hexadecimal digits
    Timestamp signed_at{};
    std::string signature{};  // 64 bytes; empty: unsigned

    /// What is signed: `keyrota-head v1 INSTALLATION HEIGHT HASH SIGNED_AT`, without a line break.
    std::string message() const;
    /// The same and, after a blank, the signature in base64; `-` for an unsigned one.
    std::string line() const;
};

/// The head that stands somewhere in a line of text: by itself, in a log, in JSON. Nothing for a
/// line without one.
/// @throws Error{usage} for one that was cut off, or of another version.
std::optional<AuditHead> find_head(std::string_view line);

/// The present head and what belongs to it.
struct PresentHead {
    AuditHead head;
    std::string public_key;  // of the installation, PEM
    std::optional<Timestamp> sealed_at;
    std::string unsigned_because{};  // empty: it is signed
};
/// Unsigned.
PresentHead read_head(Session& session);
/// Signs it with data_dir's key, if that is the installation's; else says why not.
/// @throws Error{config} where the key file may be read by others, or is none.
void sign_head(PresentHead& present, const std::filesystem::path& data_dir);

/// A head that somebody kept elsewhere.
struct KeptHead {
    std::optional<std::int64_t> height;  // none: a hash alone
    std::string hash;                    // 64 hexadecimal digits
    std::string place;                   // for people: `heads.txt:3`, or what was given
};
/// Reads what a person kept: a hash, `HEIGHT:HASH`, or a file with the lines of heads in it, among
/// others or not. Signatures are verified with the key; unsigned heads are taken as they are.
/// @throws Error{usage} for what is none of these, or a head of another installation,
/// Error{audit_broken} for a signature that does not verify.
std::vector<KeptHead> read_kept_heads(const std::string& given, const std::string& installation,
                                      const std::string& public_key);

/// Writes the head to the log, one line, signed if the key is here. Says nothing as long as the
/// head is not above that height.
void log_head_above(Session& session, std::int64_t height, const std::filesystem::path& data_dir);

}  // namespace keyrota
