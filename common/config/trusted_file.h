#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "config/complaint.h"

namespace keyrota {

/// What a file is kept from.
enum class Kept {
    from_writers,  // nobody but root and the user who runs keyrota can have written it
    from_readers,  // nor read it, but for the group of a file that is root's (mode 0640)
};

struct TrustedFile {
    std::optional<std::string> text;  // nothing where the file is not used
    bool is_missing = false;
    Complaint why;  // where there is no text
};

/// Reads a file that others could use against us: the configuration, a secret, a template, a check.
/// It is used only if it is a regular file that belongs to root or to the user who runs keyrota,
/// that others cannot write, and that others cannot put another in the place of
/// (distrusted_folder).
/// @param what the file in a message: `the configuration`.
TrustedFile read_trusted_file(const std::filesystem::path& path, const std::string& what,
                              Kept kept);

/// Why others may have written the file, or may put another in its place; nothing if they cannot.
/// The same that read_trusted_file asks of one that it reads.
std::optional<Complaint> distrusted_file(const std::filesystem::path& path,
                                         const std::string& what);

/// Why others may put something else in the place of `path`; nothing if they cannot. Every folder
/// above it, and above what its links lead to, must belong to root or to the user who runs keyrota,
/// and others may write it only if it is sticky, as /tmp is: OpenSSH asks the same of
/// authorized_keys.
std::optional<Complaint> distrusted_folder(const std::filesystem::path& path,
                                           const std::string& what);

}  // namespace keyrota
