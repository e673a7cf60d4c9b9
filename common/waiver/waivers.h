#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "postgres/session.h"
#include "waiver/waiver.h"

namespace keyrota {

/// One difference between the file of waivers and the table.
struct WaiverChange {
    std::string kind;  // add | change | end
    std::string name;
};

/// When a waiver changes, and in which run.
struct WaiverMoment {
    Timestamp at;
    std::optional<std::int64_t> run_id{};
};

/// What taking the file over would change; changes nothing. No file is a file without waivers.
/// @throws Error{config} where the file is refused: a mistake in it (read_waiver_file), a name that
/// a waiver made by command has, a waiver that is new or changed and lasts too long.
std::vector<WaiverChange> waiver_changes(Session& session, const Config::Waivers& config,
                                         Timestamp at);

/// What is rolled back leaves the audit entries out, and the locks that others would wait for.
enum class Trail { written, left_out };

/// Makes the table's waivers of the file what the file says, in the present transaction, with an
/// audit entry for each change. Leaves those made by command alone. Where nothing differs it only
/// reads. Throws as waiver_changes does.
void take_waivers_over(Session& session, const Config::Waivers& config, const WaiverMoment& moment,
                       Trail trail);

/// Adds a waiver made by command, in the present transaction. An expired one of the same name makes
/// room. @returns its id.
/// @throws Error{usage} where one of this name is in force.
std::int64_t add_waiver(Session& session, const Waiver& waiver, const WaiverMoment& moment,
                        Trail trail);

/// Ends a waiver made by command, in the present transaction, audited.
/// @throws Error{usage} where none of this name was made by command and has not ended yet.
void end_waiver(Session& session, const std::string& name, const std::string& why,
                const WaiverMoment& moment);

}  // namespace keyrota
