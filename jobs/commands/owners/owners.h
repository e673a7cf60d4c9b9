#pragma once

#include <optional>
#include <ostream>
#include <string>

#include "config/config.h"
#include "error/exit_code.h"
#include "report/listing.h"

namespace keyrota {

/// What an owner is to be; what is empty stays as it is, or takes its default.
struct OwnerWishes {
    std::string name;
    std::string email;
    std::string team;       // TEAM; `none` takes it away
    std::string time_zone;  // IANA
    std::string fallback;   // OWNER who is told instead; `none` takes it away
    std::string active;     // true | false
};

struct OwnerFilter {
    std::string team;
    std::string active;  // true | false
    std::optional<std::int64_t> limit{};
};

/// `keyrota owners create`. @throws Error{usage} where something of it cannot be, or an owner has
/// that address.
ExitCode owners_create(const Config& config, const OwnerWishes& owner, Format format,
                       std::ostream& out);
/// `keyrota owners list`: by address, with how many keys and unresolved findings are theirs.
ExitCode owners_list(const Config& config, const OwnerFilter& filter, Format format,
                     std::ostream& out);
ExitCode owners_show(const Config& config, const std::string& owner, Format format,
                     std::ostream& out);
/// `keyrota owners update`: their keys stay as they are.
ExitCode owners_update(const Config& config, const std::string& owner, const OwnerWishes& wishes,
                       std::ostream& out);

}  // namespace keyrota
