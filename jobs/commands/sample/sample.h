#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>

#include "error/exit_code.h"
#include "postgres/session.h"

namespace keyrota {

struct SampleOptions {
    std::int64_t keys = 100'000;
    std::optional<std::int64_t> owners = {};  // absent: one for 25 keys, 10 at least
    int days = 3;                             // of usage samples, back from now
    std::uint64_t seed = 1;
    int replay_days = 0;  // so many of these are for runs with --as-of; on a simulation only
    bool append = false;  // also into a database that holds keys; ids go on after those that were
                          // ever given out
};

/// `keyrota sample load`: made-up teams, owners, keys and usage, the same for the same options and
/// the same minute of the database's clock. One transaction: all of it or nothing; the tables are
/// analyzed after it. Its memory does not grow with the keys. While it runs, nobody else can write
/// keys or owners, nor read keys where it fills empty tables.
///
/// Secrets are neither printed nor kept, but follow from the seed: no gateway that matters may ask
/// such a database.
/// @param owner a session as keyrota_owner, outside a transaction.
/// With replay_days samples arrived when they were used, so usage is known for all the days.
/// @param out gets a summary.
/// @throws Error{usage} for options out of range, and for a database that holds keys unless told to
/// append, and for days to be replayed on a real one.
ExitCode sample_load(Session& owner, const SampleOptions& options, std::ostream& out);

}  // namespace keyrota
