#pragma once

#include <cstdint>
#include <filesystem>
#include <ostream>
#include <string>
#include <vector>

#include "config/config.h"
#include "error/exit_code.h"
#include "report/listing.h"

namespace keyrota {

/// `keyrota mail queue`: what is not sent. @param state unsent (also when empty), pending, sending,
/// sent, dead, cancelled or all. @param limit negative: 100 for people, all for programs; 0: all.
ExitCode mail_queue(const Config& config, const std::string& state, std::int64_t limit,
                    Format format, std::ostream& out);

/// `keyrota mail show MESSAGE`: what it says, and what became of each try.
ExitCode mail_show(const Config& config, std::int64_t message_id, Format format, std::ostream& out);

/// `keyrota mail retry MESSAGE... | --dead`: they go out with the next delivery, as if never tried.
/// @param messages empty: all that are dead.
ExitCode mail_retry(const Config& config, const std::vector<std::int64_t>& messages, Format format,
                    std::ostream& out);

/// `keyrota mail cancel MESSAGE...`: they never go out. All or none, audited.
ExitCode mail_cancel(const Config& config, const std::vector<std::int64_t>& messages,
                     const std::string& why, Format format, std::ostream& out);

/// `keyrota mail flush`: delivers at once what waits for its next try.
ExitCode mail_flush(const Config& config, Format format, std::ostream& out);

/// `keyrota mail test ADDRESS`: one message, now, by the way that all take. @param address an
/// address, or `webhook`.
ExitCode mail_test(const Config& config, const std::string& address, Format format,
                   std::ostream& out);

/// `keyrota mail preview OWNER|FINDING --out DIR`: the mail about what is open of an owner's keys,
/// or about one finding, as the next run would write it, into NAME.eml, .html and .txt. Changes
/// nothing, sends nothing.
ExitCode mail_preview(const Config& config, const std::string& about,
                      const std::filesystem::path& directory, std::ostream& out);

/// `keyrota mail release`: owners are told from now on. Asks before, unless `yes`. Audited.
ExitCode mail_release(const Config& config, bool yes, std::ostream& out, std::ostream& errors);

/// `keyrota mail suppressions list|add|remove`: addresses that get no mail. Changes are audited.
ExitCode suppressions_list(const Config& config, Format format, std::ostream& out);
ExitCode suppressions_add(const Config& config, const std::string& address, const std::string& why,
                          std::ostream& out);
ExitCode suppressions_remove(const Config& config, const std::string& address, std::ostream& out);

}  // namespace keyrota
