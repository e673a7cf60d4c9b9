#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/complaint.h"
#include "config/config.h"

namespace keyrota {

/// Job -> cron schedule, or `off`.
using Schedules = std::map<std::string, std::string>;

/// The place that an option fills. Its type says what the option takes: a text, a whole number, a
/// duration, a path, a list of durations (kept longest first), a list of words, or schedules of
/// jobs.
using Member =
    std::variant<std::string*, std::int64_t*, std::chrono::microseconds*, std::filesystem::path*,
                 std::vector<std::chrono::microseconds>*, std::vector<std::string>*, Schedules*>;

/// Inclusive bounds: of a number itself, of a duration in microseconds, of a text, word
/// or path its length in bytes. A duration must also be a multiple of `step`, since PostgreSQL and
/// libpq would cut the rest off.
struct Range {
    std::int64_t min = 0;
    std::int64_t max = std::numeric_limits<std::int64_t>::max();
    std::int64_t step = 1;
};

/// What the items of a list of texts may be: words, which hold no space or comma and stand in it
/// once; any texts; or variables for a program, NAME=VALUE, each name once. The latter two stand in
/// a file only and may have references.
enum class Items { words, texts, variables };

/// How much of a value people may see. Nothing of a secret value stands in an error, whichever kind
/// it is.
enum class Secrecy { none, url, whole };

/// What stands for a value that people may not see.
inline constexpr std::string_view kRedacted = "<redacted>";

/// What options fill besides the configuration: an item of each of its lists.
struct ListItem {
    PolicyRule rule{};
    SinkOptions sink{};
    Config::NamedWebhook webhook{};
};

/// One option: parsing, the environment, `config show`, the hints and the schema all come from it.
struct Option {
    /// `database.lock_timeout`; `policy.rules[].name` is an option of each item of a list.
    std::string path;
    /// Where its value goes: below `policy` into the rule, below `sinks` and `webhooks` into the
    /// item, else into the configuration.
    Member (*member)(Config&, ListItem&) = nullptr;
    std::string help;  // one sentence, lower case, no full stop
    Range range{};
    std::vector<std::string> choices{};     // if not empty, the only texts allowed
    std::vector<std::string> beginnings{};  // if not empty, a text that is not empty has one
    Secrecy secrecy = Secrecy::none;
    Items items = Items::words;  // of a list of texts
};

/// The schedules of jobs; which jobs there are, the loader is told.
inline constexpr std::string_view kSchedules = "schedules";
inline constexpr std::string_view kOff = "off";

/// Where thresholds for all keys stand, and the rules that may set each of them again.
inline constexpr std::string_view kPolicyDefaults = "policy.defaults.";
inline constexpr std::string_view kPolicyRules = "policy.rules[].";

/// Whether the option is one of each item of a list, and so stands in a file only.
bool is_of_list(const Option& option);

/// All options in the order of config/keyrota.yaml. What `policy.defaults` may set, each of
/// `policy.rules[]` may too.
const std::vector<Option>& options();

/// The thresholds that hold where nobody sets any.
PolicyRule built_in_rule();

/// The option with this path, or null.
const Option* find_option(std::string_view path);

/// The names that may stand below `section` ("" for the top): `options_in("database")` begins with
/// `url`.
std::vector<std::string> options_in(std::string_view section);

/// `KEYROTA_DATABASE_LOCK_TIMEOUT`; empty for the options of a list's items and for schedules,
/// which only a file can set.
std::string environment_variable(const Option& option);

/// Reads one value into `member`; for a list, one more item of it, for schedules one more
/// `JOB: SCHEDULE`. Nothing if it was taken, else
/// the complaint, in which no secret stands, and `member` is as before.
std::optional<Complaint> read_value(const Option& option, Member member, std::string_view text);

/// The value as people may see it, in the form that the environment takes: `2s`, `[30d, 7d]`,
/// `<redacted>`.
std::string shown(const Option& option, Member member);

/// A text from outside as it may stand in a message: in double quotes, shortened, control
/// characters as `?`.
std::string in_quotes(std::string_view text);

}  // namespace keyrota
