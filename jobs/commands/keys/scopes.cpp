#include "commands/keys/scopes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "config/options.h"
#include "error/error.h"
#include "error/suggestion.h"

namespace keyrota {

std::vector<std::string> split_scopes(const std::vector<std::string>& given) {
    std::vector<std::string> scopes;
    for (const std::string& list : given)
        for (std::size_t begin = 0; begin <= list.size();) {
            const std::size_t comma = std::min(list.find(',', begin), list.size());
            std::string scope = list.substr(begin, comma - begin);
            if (std::find(scopes.begin(), scopes.end(), scope) == scopes.end())
                scopes.push_back(std::move(scope));
            begin = comma + 1;
        }
    if (scopes.size() == 1 && scopes.front() == "none") scopes.clear();
    return scopes;
}

void require_known_scopes(const Config& config, const char* option,
                          const std::vector<std::string>& scopes) {
    const std::vector<std::string>& known = config.keys.scopes;
    for (const std::string& scope : scopes) {
        if (std::find(known.begin(), known.end(), scope) != known.end()) continue;
        std::string hint = did_you_mean(scope, known);
        if (hint.empty())
            hint =
                known.empty()
                    ? std::string("The configuration has none: keys.scopes lists them.")
                    : fmt::format("Known scopes: {}; keys.scopes in the configuration lists them.",
                                  fmt::join(known, ", "));
        throw Error(ExitCode::usage,
                    fmt::format("{}: there is no scope {}", option, in_quotes(scope)), hint);
    }
}

bool is_fit_for_public(std::string_view scope) {
    return scope.starts_with("read:");
}

}  // namespace keyrota
