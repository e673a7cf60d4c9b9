#pragma once

#include "postgres/session.h"
#include "report/facts.h"

namespace keyrota {

/// What is known of one key, as `keys show` and `explain` read it: a row of key_facts.sql.
Row key_facts_row(Session& session, std::int64_t key_id);
Facts key_facts(const Row& key);

}  // namespace keyrota
