#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "commands/keys/page.h"
#include "config/config.h"
#include "error/exit_code.h"

namespace keyrota {

/// Which keys a change is for: those that are named, or else those that the filter lets through.
struct KeySelection {
    std::vector<std::string> keys;  // KEY
    KeyFilter filter;
};

/// @throws Error{usage} where it selects nothing, or in two ways at once.
void require_selection(const KeySelection& selection);

/// Hands the selected keys over, in the caller's open transaction.
/// @throws Error{usage} for a key, owner or team that is not there.
void for_each_selected_key(Session& session, const KeySelection& selection,
                           const std::function<void(std::int64_t)>& use);

/// What `keys update` is to set; what is empty stays as it is.
struct KeyWishes {
    std::string expires_at;  // an instant or `never`
    std::string new_owner;
    std::vector<std::string> scopes;
    std::vector<std::string> add_scopes;
    std::vector<std::string> remove_scopes;
    std::string name;
    std::string service_plan;
    std::string limit;  // calls a minute, or `none`: the plan's

    bool is_empty() const;
};

enum class KeyAction { update, activate, deactivate, remove };

/// The most keys that one change may be for: what is decided on is kept in memory, 8 bytes a key.
inline constexpr std::int64_t kMostKeysOfAChange = 1'000'000;

struct ChangeOptions {
    bool dry_run = false;
    bool yes = false;  // ask nothing
    bool json = false;
    bool show_progress = false;
    std::int64_t max_keys = 1000;  // more: refused, exit 8
};

/// `keyrota keys update|activate|deactivate|delete`: looks at the selected keys, asks where more
/// than one was selected by a filter, then changes in batches exactly those that it looked at, each
/// batch a transaction with its audit entries, judged again under its locks. Killed anywhere, it
/// can be run again.
/// @returns partial where some were refused or stayed locked, blast_radius over max_keys.
/// @throws Error{usage} where the only key is refused, or the command line asks for nothing or too
/// much.
ExitCode keys_change(const Config& config, KeyAction action, const KeySelection& selection,
                     const KeyWishes& wishes, const ChangeOptions& options, std::ostream& out,
                     std::ostream& errors);

}  // namespace keyrota
