#pragma once

#include <tsl/ordered_map.h>
#include <tsl/ordered_set.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "commands/ingest/call.h"
#include "postgres/session.h"

namespace keyrota {

/// What lines came to in the database, whether it is written or (a dry run) not.
struct SampleTotals {
    std::int64_t requests = 0;      // of keys that are known
    std::int64_t samples = 0;       // rows
    std::int64_t unknown_keys = 0;  // lines whose key the database does not have
    std::int64_t ahead = 0;         // of the requests, stamped more than an hour ahead of its clock

    SampleTotals& operator+=(const SampleTotals& more);
};

/// What was read.
struct IngestTotals {
    std::int64_t lines = 0;        // with anything on them
    std::int64_t malformed = 0;    // lines
    std::int64_t without_key = 0;  // lines
    std::int64_t over_caps = 0;    // lines that count without their network or scope
    std::optional<std::int64_t> first_minute{}, last_minute{};  // since 1970
    SampleTotals of_keys{};                                     // as far as it was written
};

/// Calls, summed up by key, minute, scope, network, authentication and browser, in memory that does
/// not grow with what callers invent.
class UsageBatch {
  public:
    /// Sums of one key in one minute with a network, and as many without.
    static constexpr std::uint32_t kMostOfKeyAndMinute = 256;
    /// Scopes, and secrets in URLs, that nobody else had before, of one key.
    static constexpr std::uint32_t kMostScopesOfKey = 64, kMostSecretsOfKey = 16;

    UsageBatch();

    void add(const Call& call, IngestTotals& totals);
    /// Whether it is time to write.
    bool is_full() const;
    bool is_empty() const { return sums_.empty(); }

    /// Finds out which keys are meant, and appends the samples, as rows of this gateway, in the
    /// caller's transaction.
    SampleTotals write(Session& session, const std::string& gateway,
                       const std::string& key_source) const;
    /// The same without the rows.
    SampleTotals count(Session& session, const std::string& key_source) const;
    void clear();

  private:
    struct Group {
        std::uint64_t network = 0;
        std::uint32_t key = 0;        // place in keys_
        std::uint32_t query_key = 0;  // likewise, + 1; 0: no secret in the URL
        std::uint32_t minute = 0;
        std::uint32_t scope = 0;  // place in scopes_
        bool browser = false;
        bool operator==(const Group&) const = default;
    };
    struct Sum {
        std::int32_t requests = 0, client_errors = 0, server_errors = 0, rate_limited = 0;
    };
    struct GroupHash {
        std::uint64_t seed;
        std::size_t operator()(const Group& group) const;
    };
    // Of what callers choose: seeded, so that nobody makes all of it collide.
    struct TextHash {
        using is_transparent = void;
        std::uint64_t seed;
        std::size_t operator()(std::string_view text) const;
    };
    // By a small table of places in a vector: calls come in the order of time, so the sums that are
    // asked for are the vector's last ones, and near.
    using Sums =
        tsl::ordered_map<Group, Sum, GroupHash, std::equal_to<>,
                         std::allocator<std::pair<Group, Sum>>, std::vector<std::pair<Group, Sum>>>;
    using Texts = tsl::ordered_set<std::string, TextHash, std::equal_to<>,
                                   std::allocator<std::string>, std::vector<std::string>>;

    struct Introduced {
        std::uint32_t scopes = 0, secrets = 0;
    };
    std::uint32_t key_index(std::string_view reference);
    std::uint32_t secret_index(std::uint32_t key, std::string_view reference);
    std::uint32_t scope_index(std::uint32_t key, std::string_view scope, bool& is_over_caps);
    Sum& sum_of(Group group, bool& is_over_caps);
    bool takes_one_more(const Group& group);
    std::vector<std::int64_t> key_ids(Session& session, const std::string& key_source) const;
    template <typename Use>
    SampleTotals resolved(Session& session, const std::string& key_source, Use use) const;

    Sums sums_;
    Texts keys_, scopes_;
    std::vector<Introduced> introduced_;  // by key
    std::size_t key_bytes_ = 0;
    tsl::ordered_map<std::uint64_t, std::uint32_t> of_key_and_minute_;
    std::uint64_t seed_;
};

}  // namespace keyrota
