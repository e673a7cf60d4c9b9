#include "commands/config.h"

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "error/error.h"
#include "notify/templates.h"
#include "notify/transport.h"
#include "notify_owners/mode.h"
#include "postgres/connection.h"
#include "waiver/waiver_file.h"

namespace keyrota {
namespace {

constexpr auto kInOrder = Poco::JSON_PRESERVE_KEY_ORDER;

void show_json(const LoadedConfig& loaded, std::ostream& out) {
    Poco::JSON::Array settings;
    for (const Setting& setting : loaded.settings) {
        Poco::JSON::Object object(kInOrder);
        object.set("option", setting.path);
        object.set("value", setting.value);
        object.set("origin", setting.origin);
        settings.add(object);
    }
    Poco::JSON::Object document(kInOrder);
    document.set("file", loaded.file.empty() ? Poco::Dynamic::Var()
                                             : Poco::Dynamic::Var(loaded.file.string()));
    document.set("settings", settings);
    document.stringify(out, 2);
    out << '\n';
}

void show_columns(const LoadedConfig& loaded, std::ostream& out) {
    constexpr std::size_t kWidest = 48;  // one long URL must not push all origins off the screen
    std::size_t path_width = 0;
    std::size_t value_width = 0;
    for (const Setting& setting : loaded.settings) {
        path_width = std::max(path_width, setting.path.size());
        value_width = std::max(value_width, std::min(setting.value.size(), kWidest));
    }
    for (const Setting& setting : loaded.settings)
        out << fmt::format("{:<{}}  {:<{}}  {}\n", setting.path, path_width,
                           setting.value.empty() ? "''" : setting.value, value_width,
                           setting.origin);
}

// The part of the configuration that stands in a file of its own. Whether it ends too late is asked
// of this machine's clock: a run asks the database's, of what is new or changed.
void check_waivers(const Config::Waivers& config, std::ostream& out) {
    const std::vector<Waiver> waivers = read_waiver_file(config.file);
    const auto now =
        std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
    std::string message;
    for (const Waiver& waiver : waivers)
        if (const auto complaint = why_too_long(waiver, now, config.max_duration))
            message += fmt::format("{}{}: {}\n  HINT: {}", message.empty() ? "" : "\n",
                                   waiver.place, complaint->message, complaint->hint);
    if (!message.empty()) throw Error(ExitCode::config, message);
    out << fmt::format("waivers: {} in {}\n", waivers.size(), config.file.string());
}

const std::string& origin_of(const LoadedConfig& loaded, std::string_view path) {
    static const std::string unknown;
    for (const Setting& setting : loaded.settings)
        if (setting.path == path) return setting.origin;
    return unknown;
}

// What commands would say of servers and runs of notify-owners of mail, with the place that says
// so.
void check_use(const LoadedConfig& loaded) {
    std::string faults;
    const auto check = [&](const char* option, const auto& read) {
        try {
            read();
        } catch (const Error& error) {
            if (!faults.empty()) faults += '\n';
            faults += fmt::format("{}: {}", origin_of(loaded, option), error.what());
            if (!error.hint().empty()) faults += "\n  HINT: " + error.hint();
        }
    };
    const Config::Database& database = loaded.config.database;
    const auto check_url = [&](const char* option, const std::string& url) {
        if (url.empty() || url == "embedded") return;
        check(option, [&] { parse_connection(url, std::chrono::seconds(2)); });
    };
    check_url("database.url", database.url);
    check_url("database.admin_url", database.admin_url);
    check_url("database.checker_url", database.checker_url);
    Config digest = loaded.config;
    digest.notify.quiet_hours.clear();
    Config quiet = loaded.config;
    quiet.notify.digest_at = Config{}.notify.digest_at;
    check("notify.digest_at", [&] { sending_hours(digest); });
    check("notify.quiet_hours", [&] { sending_hours(quiet); });
    check("notify.templates", [&] { const Templates templates(loaded.config.notify.templates); });
    const Config::Mail& mail = loaded.config.mail;
    check("mail.from", [&] { mail_identity(mail, ""); });
    // Without any server there may be nothing to send yet; doctor says that nobody is told.
    const bool is_chosen = mail.transport == "smtp" || !mail.host.empty();
    if (mail_transport(loaded.config) == "smtp" && is_chosen)
        check("mail.host", [&] { smtp_server(mail); });
    if (!faults.empty()) throw Error(ExitCode::config, faults);
}

}  // namespace

ExitCode config_check(const ConfigSources& sources, std::ostream& out) {
    const LoadedConfig loaded = load_config(sources);
    check_use(loaded);
    const std::size_t rules = loaded.config.policy.size() - 1;
    out << fmt::format("configuration is valid: {}\n",
                       loaded.file.empty() ? "no file, defaults" : loaded.file.string())
        << fmt::format("policy: {} {} and the default\n", rules, rules == 1 ? "rule" : "rules");
    if (!loaded.config.waivers.file.empty()) check_waivers(loaded.config.waivers, out);
    return ExitCode::done;
}

ExitCode config_show(const ConfigSources& sources, bool json, std::ostream& out) {
    const LoadedConfig loaded = load_config(sources);
    if (json)
        show_json(loaded, out);
    else
        show_columns(loaded, out);
    return ExitCode::done;
}

}  // namespace keyrota
