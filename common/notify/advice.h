#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace keyrota {

/// One thing to do, and the command that does it where there is one.
struct AdviceStep {
    const char* text;
    const char* command = "";
};

/// What the mail about a finding of a check says. In all texts `{key}` stands for the key's name,
/// `{key_id}` for its id, `{when}` for its date as people say it (`in 3 days`), `{detail}` for the
/// finding's detail.
struct Advice {
    const char* check_id;
    const char* headline;  // goes into the subject
    const char* why;
    std::vector<AdviceStep> steps;
    const char* otherwise;  // what happens if nothing is done, and when
};

/// What a finding is about beside its check: the action that it announces by its date, one whose
/// date is past, or one that was done. A check that announces none has one row for all.
enum class AdviceAbout { finding, announced, overdue, acted };
/// The row for a check, or the general one. Adding a check adds a row.
const Advice& advice_for(std::string_view check_id, AdviceAbout about = AdviceAbout::finding);

/// The text with its placeholders filled in.
struct AdviceValues {
    std::string key;
    std::string key_id;
    std::string when;
    std::string detail;
};
std::string fill_in(std::string_view text, const AdviceValues& values);

}  // namespace keyrota
