#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "commands/keys/change.h"
#include "postgres/session.h"

namespace keyrota {

/// What keys_judge.sql says of one key.
struct Judgement {
    std::int64_t key_id = 0;
    std::string masked;
    std::string name;
    std::string refused;  // why; empty: it is not
    std::string before;   // JSON of what differs; empty: it is so already
    std::string after;    // JSON; empty: it is gone

    explicit Judgement(const Row& row);
    bool changes() const { return refused.empty() && !before.empty(); }
};

/// What a change did, or would do.
struct ChangeReport {
    std::int64_t selected = 0;
    std::int64_t changed = 0;
    std::int64_t unchanged = 0;
    std::int64_t refused = 0;
    std::int64_t failed = 0;  // they stayed locked
    std::vector<Judgement> first_changes;
    std::vector<Judgement> first_refused;

    void look_at(const Judgement& judgement);
    /// Adds the totals of a batch of keys that were looked at already.
    void add(const ChangeReport& batch);
};

/// The verb on the command line: `delete`.
const char* name_of(KeyAction action);

void print(const ChangeReport& report, KeyAction action, bool dry_run, std::ostream& out);
void print_json(const ChangeReport& report, KeyAction action, bool dry_run, std::ostream& out);

}  // namespace keyrota
