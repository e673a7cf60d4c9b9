#pragma once

#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "config/config.h"
#include "error/exit_code.h"
#include "report/listing.h"

namespace keyrota {

/// A key as somebody wants it; what is empty takes its default.
struct NewKey {
    std::string owner;
    std::string name;
    std::string type;
    std::string environment;  // by the type: test keys in test, all others in production
    std::vector<std::string> scopes;
    std::string service_plan;
    std::string expires_at;  // an instant or `never`
    std::optional<std::int64_t> limit{};
};

/// `keyrota keys create`: makes it, active at once, and shows its secret: here and never again.
/// @throws Error{usage} where something of it cannot be, before anything is stored.
ExitCode keys_create(const Config& config, const NewKey& key, Format format, std::ostream& out);

/// An end date from the command line: nothing for `never`.
/// @throws Error{usage} where it cannot be read, or is not in the future of the database's clock.
std::optional<Timestamp> end_date(Session& session, const char* option, const std::string& text);

}  // namespace keyrota
