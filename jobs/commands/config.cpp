#include "commands/config.h"

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <fmt/format.h>

#include <algorithm>

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

}  // namespace

ExitCode config_check(const ConfigSources& sources, std::ostream& out) {
    const LoadedConfig loaded = load_config(sources);
    const std::size_t rules = loaded.config.policy.size() - 1;
    out << fmt::format("configuration is valid: {}\n",
                       loaded.file.empty() ? "no file, defaults" : loaded.file.string())
        << fmt::format("policy: {} {} and the default\n", rules, rules == 1 ? "rule" : "rules");
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
