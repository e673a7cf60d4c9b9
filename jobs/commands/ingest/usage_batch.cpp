#include "commands/ingest/usage_batch.h"

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "error/error.h"
#include "jobs_sql.h"
#include "postgres/copy.h"
#include "report/listing.h"
#include "secret/key_format.h"
#include "secret/sha256.h"

namespace keyrota {
namespace {

constexpr std::size_t kMostGroups = 65'536;
constexpr std::size_t kLongestScope = 200;  // bytes
constexpr std::size_t kMostKeyBytes = std::size_t{8} << 20;
constexpr std::size_t kKeyBytesAtOnce = std::size_t{1} << 20;

constexpr const char* kSamples =
    "keyrota.usage_sample (key_id, at, gateway, requests, client_errors, server_errors,"
    " rate_limited, scope, network, auth, browser)";
constexpr Statement kClock{"ingest_clock", "select keyrota.micros(clock_timestamp()) as now"};

std::uint64_t random_seed() {
    std::uint64_t seed = 0;
    if (RAND_bytes(reinterpret_cast<unsigned char*>(&seed), sizeof seed) != 1)
        throw Error(ExitCode::internal, "the operating system gives no random numbers");
    return seed;
}

// Of two words one, each bit of it by all of theirs (the finalizer of SplitMix64).
std::uint64_t mixed(std::uint64_t a, std::uint64_t b) {
    std::uint64_t x = a ^ (b * 0x9E37'79B9'7F4A'7C15U);
    x = (x ^ (x >> 30U)) * 0xBF58'476D'1CE4'E5B9U;
    x = (x ^ (x >> 27U)) * 0x94D0'49BB'1331'11EBU;
    return x ^ (x >> 31U);
}

// A scope as OAuth has them (RFC 6749, 3.3): printable, no blanks. One that looks like a part of a
// URL, or may be a secret, is not kept.
bool can_be_scope(std::string_view scope) {
    constexpr std::string_view kOfUrls = "?%=&#";
    return scope.size() <= kLongestScope &&
           std::all_of(scope.begin(), scope.end(),
                       [&](char c) {
                           return c > ' ' && c < '\x7f' && c != '"' && c != '\\' &&
                                  kOfUrls.find(c) == std::string_view::npos;
                       }) &&
           !may_hold_secret(scope);
}

// What `references` are, as a JSON array of texts.
std::string json_of(const std::vector<std::string_view>& references) {
    std::string list = "[";
    for (const std::string_view reference : references) {
        if (list.size() > 1) list += ',';
        const std::string_view bytes = reference.substr(1);
        if (reference.front() == reference::kExternal) {
            list += cell_json(Cell(std::string(bytes)));
        } else if (reference.front() == reference::kHash) {
            list += '"' + to_hex(bytes) + '"';
        } else {
            std::int64_t id = 0;
            std::memcpy(&id, bytes.data(), sizeof id);
            list += '"' + std::to_string(id) + '"';
        }
    }
    return list + "]";
}

void put_network(CopyWriter& copy, std::uint64_t network) {
    constexpr std::uint64_t kBytes = (std::uint64_t{1} << 48U) - 1;
    if (network == 0)
        copy.null();
    else if ((network & kNetworkV4) != 0)
        copy.cidr4(static_cast<std::uint32_t>((network & kBytes) >> 16U), 24);
    else
        copy.cidr6((network & kBytes) << 16U, 48);
}

void put_optional(CopyWriter& copy, std::string_view text) {
    if (text.empty())
        copy.null();
    else
        copy.text(text);
}

// Where in the order of their coming.
template <typename Texts>
std::uint32_t place_of(const Texts& texts, typename Texts::const_iterator text) {
    return static_cast<std::uint32_t>(text - texts.begin());
}

}  // namespace

SampleTotals& SampleTotals::operator+=(const SampleTotals& more) {
    requests += more.requests;
    samples += more.samples;
    unknown_keys += more.unknown_keys;
    ahead += more.ahead;
    return *this;
}

std::size_t UsageBatch::GroupHash::operator()(const Group& group) const {
    const std::uint64_t who = std::uint64_t{group.key} << 32U | group.query_key;
    const std::uint64_t what = std::uint64_t{group.minute} << 32U |
                               std::uint64_t{group.scope} << 1U | (group.browser ? 1U : 0U);
    return mixed(mixed(mixed(seed, who), what), group.network);
}

std::size_t UsageBatch::TextHash::operator()(std::string_view text) const {
    std::uint64_t hash = mixed(seed, text.size());
    for (std::size_t at = 0; at < text.size(); at += sizeof hash) {
        std::uint64_t word = 0;
        std::memcpy(&word, text.data() + at, std::min(sizeof word, text.size() - at));
        hash = mixed(hash, word);
    }
    return hash;
}

UsageBatch::UsageBatch()
    : sums_(0, GroupHash{random_seed()}),
      keys_(0, TextHash{random_seed()}),
      scopes_(0, TextHash{random_seed()}),
      seed_(random_seed()) {
    clear();
}

void UsageBatch::clear() {
    sums_.clear();
    keys_.clear();
    scopes_.clear();
    of_key_and_minute_.clear();
    introduced_.clear();
    scopes_.emplace();  // the first: none
    key_bytes_ = 0;
}

bool UsageBatch::is_full() const {
    return sums_.size() >= kMostGroups || keys_.size() >= kMostGroups ||
           key_bytes_ >= kMostKeyBytes || scopes_.size() >= kMostGroups;
}

std::uint32_t UsageBatch::key_index(std::string_view reference) {
    const auto found = keys_.find(reference);
    if (found != keys_.end()) return place_of(keys_, found);
    introduced_.emplace_back();
    key_bytes_ += reference.size();
    return place_of(keys_, keys_.emplace(reference).first);
}

// Of the secret in a key's URL, + 1; 0 where the key comes with ever new ones.
std::uint32_t UsageBatch::secret_index(std::uint32_t key, std::string_view reference) {
    if (reference.empty()) return 0;
    const auto found = keys_.find(reference);
    if (found != keys_.end()) return place_of(keys_, found) + 1;
    return ++introduced_[key].secrets > kMostSecretsOfKey ? 0 : key_index(reference) + 1;
}

std::uint32_t UsageBatch::scope_index(std::uint32_t key, std::string_view scope,
                                      bool& is_over_caps) {
    const auto found = scopes_.find(scope);
    if (found != scopes_.end()) return place_of(scopes_, found);
    if (!can_be_scope(scope)) return 0;
    if (++introduced_[key].scopes > kMostScopesOfKey) {
        is_over_caps = true;
        return 0;
    }
    return place_of(scopes_, scopes_.emplace(scope).first);
}

bool UsageBatch::takes_one_more(const Group& group) {
    const std::uint64_t which =
        mixed(mixed(seed_, std::uint64_t{group.key} << 32U | group.minute), group.network == 0);
    return ++of_key_and_minute_[which] <= kMostOfKeyAndMinute;
}

// Past the cap a call counts without its network, then without its scope and whatever stood in its
// URL: what is left of a key in a minute is one sum, or two.
UsageBatch::Sum& UsageBatch::sum_of(Group group, bool& is_over_caps) {
    auto found = sums_.find(group);
    if (found != sums_.end()) return found.value();
    if (takes_one_more(group)) return sums_[group];
    is_over_caps = true;
    if (group.network != 0) {
        group.network = 0;
        found = sums_.find(group);
        if (found != sums_.end()) return found.value();
        if (takes_one_more(group)) return sums_[group];
    }
    group.scope = 0;
    if (group.query_key != group.key + 1) group.query_key = 0;
    return sums_[group];
}

void UsageBatch::add(const Call& call, IngestTotals& totals) {
    totals.first_minute = std::min(totals.first_minute.value_or(call.minute), call.minute);
    totals.last_minute = std::max(totals.last_minute.value_or(call.minute), call.minute);
    if (call.key.empty()) {
        ++totals.without_key;
        return;
    }
    Group group;
    group.key = key_index(call.key);
    group.query_key = secret_index(group.key, call.query_key);
    group.minute = static_cast<std::uint32_t>(call.minute);
    group.network = call.network;
    bool is_over_caps = false;
    group.scope = scope_index(group.key, call.scope, is_over_caps);
    group.browser = call.browser;
    Sum& sum = sum_of(group, is_over_caps);
    if (is_over_caps) ++totals.over_caps;
    ++sum.requests;
    constexpr int kTooMany = 429;
    if (call.status == kTooMany)
        ++sum.rate_limited;
    else if (call.status / 100 == 4)
        ++sum.client_errors;
    else if (call.status / 100 == 5)
        ++sum.server_errors;
}

std::vector<std::int64_t> UsageBatch::key_ids(Session& session,
                                              const std::string& key_source) const {
    std::vector<std::int64_t> ids(keys_.size());
    for (const auto& [kind, statement] :
         {std::pair{reference::kId, &sql::ingest_keys_by_id},
          {reference::kHash, &sql::ingest_keys_by_hash},
          {reference::kExternal, &sql::ingest_keys_by_external_id}}) {
        std::vector<std::string_view> references;
        std::vector<std::uint32_t> places;
        std::size_t bytes = 0;
        const auto ask = [&, which = statement] {
            Params params{{"given", json_of(references)}};
            if (which == &sql::ingest_keys_by_external_id)
                params.emplace_back("source", key_source);
            for (const Row& row : session.rows(*which, params))
                ids[places[static_cast<std::size_t>(row.int64("place")) - 1]] = row.int64("key_id");
            references.clear();
            places.clear();
            bytes = 0;
        };
        for (auto text = keys_.begin(); text != keys_.end(); ++text) {
            if (text->front() != kind) continue;
            references.emplace_back(*text);
            places.push_back(place_of(keys_, text));
            bytes += text->size();
            if (bytes >= kKeyBytesAtOnce) ask();
        }
        if (!references.empty()) ask();
    }
    return ids;
}

// Calls `use` with each sum whose key is known; counts all of them.
template <typename Use>
SampleTotals UsageBatch::resolved(Session& session, const std::string& key_source, Use use) const {
    SampleTotals totals;
    const std::vector<std::int64_t> ids = key_ids(session, key_source);
    constexpr std::int64_t kMinute = 60'000'000;
    const std::int64_t now = to_micros(session.one(kClock).instant("now")) / kMinute;
    for (const auto& [group, sum] : sums_) {
        const std::int64_t key_id = ids[group.key];
        if (key_id == 0) {
            totals.unknown_keys += sum.requests;
            continue;
        }
        totals.requests += sum.requests;
        ++totals.samples;
        if (group.minute > now + 60) totals.ahead += sum.requests;
        // A parameter that is another key's, or nobody's, says nothing about this one.
        const bool is_in_url = group.query_key != 0 && ids[group.query_key - 1] == key_id;
        use(key_id, group, sum, is_in_url);
    }
    return totals;
}

SampleTotals UsageBatch::count(Session& session, const std::string& key_source) const {
    return resolved(session, key_source, [](auto&&...) {});
}

SampleTotals UsageBatch::write(Session& session, const std::string& gateway,
                               const std::string& key_source) const {
    std::optional<CopyWriter> copy;  // once there is anything to write
    const auto totals =
        resolved(session, key_source,
                 [&](std::int64_t key_id, const Group& group, const Sum& sum, bool is_in_url) {
                     if (!copy) copy.emplace(session, "ingest_samples", kSamples);
                     copy->row(11);
                     copy->int64(key_id);
                     copy->instant(Timestamp(std::chrono::minutes(group.minute)));
                     copy->text(gateway);
                     copy->int32(sum.requests);
                     copy->int32(sum.client_errors);
                     copy->int32(sum.server_errors);
                     copy->int32(sum.rate_limited);
                     put_optional(*copy, scopes_.values_container()[group.scope]);
                     put_network(*copy, group.network);
                     copy->text(is_in_url ? "query" : "header");
                     copy->boolean(group.browser);
                 });
    if (copy) copy->finish();
    return totals;
}

}  // namespace keyrota
