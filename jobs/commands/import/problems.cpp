#include "commands/import/problems.h"

#include <fmt/format.h>

#include <algorithm>

#include "error/error.h"

namespace keyrota {

void Problems::keep(std::int64_t line, std::string text, const std::string& hint) {
    ++total_;
    // The file and each question to the database give theirs in the order of lines: the first of
    // several such passes are among what is kept.
    if (kept_.size() >= 4 * kMostShown) return;
    if (!hint.empty()) text += "\n  HINT: " + hint;
    kept_.push_back({line, std::move(text)});
}

void Problems::add(std::int64_t line, const std::string& message, const std::string& hint) {
    keep(line, fmt::format("{}:{}: {}", file_, line, message), hint);
}

void Problems::add_at(std::int64_t line, std::int64_t column, const std::string& message,
                      const std::string& hint) {
    keep(line, fmt::format("{}:{}:{}: {}", file_, line, column, message), hint);
}

void Problems::refuse_if_any(const std::string& hint) const {
    if (none()) return;
    std::vector<Problem> sorted = kept_;
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const Problem& a, const Problem& b) { return a.line < b.line; });
    if (sorted.size() > kMostShown) sorted.resize(kMostShown);
    std::string message;
    for (const Problem& problem : sorted) {
        if (!message.empty()) message += '\n';
        message += problem.text;
    }
    const std::int64_t more = total_ - static_cast<std::int64_t>(sorted.size());
    if (more > 0) message += fmt::format("\nand {} more", more);
    throw Error(ExitCode::usage, message, hint);
}

}  // namespace keyrota
