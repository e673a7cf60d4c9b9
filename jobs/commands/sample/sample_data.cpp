#include "commands/sample/sample_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iterator>

#include "commands/sample/sample_names.h"
#include "secret/key_format.h"

namespace keyrota {
namespace {

using namespace std::chrono_literals;
using std::chrono::days;
using std::chrono::microseconds;

enum class Purpose : std::uint64_t { team = 1, owner, key, name, secret, usage, incident };

// Random numbers of one row: splitmix64 (Vigna), which costs nothing to start. Standard
// distributions differ from library to library, so the few needed ones are spelled out.
class Stream {
  public:
    Stream(std::uint64_t seed, Purpose purpose, std::int64_t id)
        : state_(mix(mix(seed + kStep * static_cast<std::uint64_t>(purpose)) ^
                     static_cast<std::uint64_t>(id))) {}

    std::uint64_t next() { return mix(state_ += kStep); }
    /// From 0 to below n. Bounds here are so small against 2^64 that the remainder's bias does not
    /// show.
    std::int64_t below(std::int64_t n) {
        return static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(n));
    }
    std::int32_t between(std::int32_t low, std::int32_t high) {
        return low + static_cast<std::int32_t>(below(high - low + 1));
    }
    microseconds below(microseconds d) { return microseconds(below(d.count())); }
    bool chance(std::int64_t in_a_thousand) { return below(1000) < in_a_thousand; }
    /// From 0 to below 1, in steps of 2^-53.
    double fraction() { return static_cast<double>(next() >> 11) * 0x1p-53; }
    template <typename Items>
    const auto& pick(const Items& items) {
        return items[static_cast<std::size_t>(below(static_cast<std::int64_t>(std::size(items))))];
    }

  private:
    static constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15;

    static std::uint64_t mix(std::uint64_t z) {
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }

    std::uint64_t state_;
};

// How many keys were made when. The three days on which the usual lifetimes of 90, 180 and 365 days
// run out just now saw four times as many as their neighbours: that makes a night's work of due
// keys.
struct Stretch {
    int from_days;  // before as_of, up to the next stretch
    int per_100_000;
};
constexpr Stretch kMadeWhen[] = {{6 * 365, 39'500}, {730, 7'000}, {366, 590},
                                 {365, 26'290},     {181, 590},   {180, 12'720},
                                 {91, 590},         {90, 12'720}, {0, 0}};

Timestamp created_at(const SampleFrame& frame, std::int64_t index, double fraction) {
    double rest =
        (static_cast<double>(index) + fraction) * 100'000 / static_cast<double>(frame.keys);
    const Stretch* stretch = kMadeWhen;
    for (; stretch[1].from_days > 0 && rest >= stretch->per_100_000; ++stretch)
        rest -= stretch->per_100_000;
    const double length_us =
        static_cast<double>(microseconds(days(stretch->from_days - stretch[1].from_days)).count());
    const microseconds since_start(
        static_cast<std::int64_t>(length_us * rest / stretch->per_100_000));
    const microseconds age = microseconds(days(stretch->from_days)) - since_start;
    return frame.as_of - std::max<microseconds>(age, 3min);
}

std::optional<days> lifetime(Stream& random) {
    if (random.chance(260)) return std::nullopt;
    if (random.chance(40)) return days(random.between(7, 700));  // somebody moved the end
    const std::int64_t share = random.below(10);
    return share < 3 ? days(90) : share < 5 ? days(180) : days(365);
}

void choose_type(Stream& random, SampleKey& key) {
    const std::int64_t share = random.below(100);
    key.type = share < 55 ? "secret" : share < 85 ? "public" : "test";
    key.environment = key.type == "test" ? "test" : "production";
    key.prefix = *secret_prefix(key.type, key.environment);
}

void choose_scopes(Stream& random, SampleKey& key) {
    key.scopes.reserve(6);
    const bool is_public = key.type == "public";
    const bool writes = is_public ? random.chance(20) : random.chance(600);
    if (random.chance(850)) key.scopes.push_back("read:experiences");
    if (writes) key.scopes.push_back("write:experiences");
    if (!is_public && random.chance(500)) key.scopes.push_back("read:consumers");
    if (!is_public && writes && random.chance(300)) key.scopes.push_back("write:consumers");
    if (random.chance(350) || key.scopes.empty()) key.scopes.push_back("read:analytics");
    if (!is_public && random.chance(15)) key.scopes.push_back("admin");
}

void choose_plan(Stream& random, SampleKey& key) {
    constexpr std::int32_t kAgreed[] = {20'000, 30'000, 50'000, 100'000};
    const std::int64_t share = random.below(100);
    if (share < 60) {
        key.service_plan = "Free";
        key.limit_per_minute = 100;
    } else if (share < 85) {
        key.service_plan = "Basic";
        key.limit_per_minute = 1'000;
    } else if (share < 97) {
        key.service_plan = "Pro";
        key.limit_per_minute = 10'000;
    } else {
        key.service_plan = "Enterprise";
        key.limit_per_minute = random.pick(kAgreed);
        key.rate_limit_per_minute = key.limit_per_minute;
    }
}

void choose_state(Stream& random, const SampleFrame& frame, SampleKey& key) {
    const Timestamp as_of = frame.as_of;
    if (const auto life = lifetime(random)) key.expires_at = key.created_at + *life;
    const microseconds age = as_of - key.created_at;
    key.status = "active";
    if (key.expires_at && *key.expires_at <= as_of - days(std::max(frame.replay_days, 1))) {
        key.status = "expired";
    } else if ((!key.expires_at || *key.expires_at > as_of) && random.chance(60)) {
        key.status = "inactive";
        key.deactivated_at = key.created_at + random.below(age);
    }
}

void choose_activity(Stream& random, Timestamp as_of, SampleKey& key) {
    if (random.chance(50)) return;  // never used
    key.in_use =
        random.chance(key.status == "active" ? 580 : 5);  // some go on calling with a dead key
    if (key.in_use) {
        key.last_used_at = std::max(key.created_at, as_of - random.below(microseconds(days(1))));
        return;
    }
    Timestamp end = as_of;
    if (key.expires_at) end = std::min(end, *key.expires_at);
    if (key.deactivated_at) end = std::min(end, *key.deactivated_at);
    key.last_used_at = key.created_at + random.below(end - key.created_at + 1us);
}

// A team's share of owners and an owner's of keys are uneven, as they are in life: a few of the
// first have some ten times their share.
std::int64_t uneven_below(Stream& random, std::int64_t n) {
    return random.below(random.below(n) + 1);
}

std::string slug(std::string_view name) {
    std::string text;
    for (const char c : name)
        text += c == ' ' ? '-' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return text;
}

// How many of 10 are awake and at work in each hour of their day.
constexpr std::int8_t kAwake[24] = {0, 0, 0,  0, 0, 1, 2, 4, 7, 9, 10, 10,
                                    8, 9, 10, 9, 8, 6, 4, 3, 3, 2, 1,  0};

bool awake(Stream& random, Timestamp local) {
    const auto day = std::chrono::floor<days>(local);
    const bool weekend = std::chrono::weekday(day).iso_encoding() >= 6;
    const auto hour = std::chrono::floor<std::chrono::hours>(local - day).count();
    return random.below(10) < kAwake[hour] && (!weekend || random.chance(300));
}

// How a key behaves, the same on all days.
struct Habit {
    int utc_offset_minutes = 0;
    std::int32_t usual_requests;     // a minute
    std::int32_t max_client_errors;  // of 1000
    std::uint32_t home, elsewhere;
    std::string_view gateway;
    bool query_auth, browser;
};

std::uint32_t choose_network(Stream& random) {
    constexpr std::uint32_t kDocumentation[] = {0xC0000200, 0xC6336400, 0xCB007100};  // RFC 5737
    if (random.chance(300)) return random.pick(kDocumentation);
    return 0x0A000000 | static_cast<std::uint32_t>(random.below(0x10000)) << 8;
}

Habit habit_of(const SampleFrame& frame, const SampleKey& key) {
    Stream random(frame.seed, Purpose::usage, key.key_id);
    Habit habit{};
    if (key.owner_id)
        habit.utc_offset_minutes =
            sample_owner(frame, *key.owner_id - frame.first_owner_id).utc_offset_minutes;
    const std::int32_t limit = key.limit_per_minute;
    habit.usual_requests = random.chance(10)  // at its limit
                               ? limit * 9 / 10
                               : static_cast<std::int32_t>(1 + uneven_below(random, limit / 10));
    habit.max_client_errors = random.chance(10) ? 400 : 20;
    habit.home = choose_network(random);
    habit.elsewhere = choose_network(random);
    habit.gateway = random.pick(kSampleGateways);
    habit.query_auth = random.chance(5);
    habit.browser = key.type == "public" ? random.chance(400) : random.chance(2);
    return habit;
}

// What is wrong with a key in days to be replayed.
struct Incident {
    bool is_leak = false;  // else its calls are refused
    Timestamp from, until;
};

std::optional<Incident> incident_of(const SampleFrame& frame, const SampleKey& key) {
    constexpr std::int64_t kInAThousand = 12;
    constexpr std::chrono::hours kLeak(5), kRefused(10);
    Stream random(frame.seed, Purpose::incident, key.key_id);
    if (frame.replay_days == 0 || key.status != "active" || !random.chance(kInAThousand))
        return std::nullopt;
    Incident incident;
    incident.is_leak = random.chance(600);
    const microseconds lasts = incident.is_leak ? kLeak : kRefused;
    incident.from = frame.as_of - days(frame.replay_days) +
                    random.below(days(frame.replay_days) - std::chrono::hours(12));
    incident.until = incident.from + lasts;
    return incident;
}

// The calls of an incident in the 24 h up to `end`, one every few minutes.
void add_incident(const SampleFrame& frame, const SampleKey& key, const Habit& habit, Timestamp end,
                  std::vector<SampleUsage>& calls) {
    constexpr std::uint32_t kElsewhere = 0xCB007100;  // 203.0.113.0, of RFC 5737
    constexpr std::chrono::minutes kEvery(4);
    const std::optional<Incident> incident = incident_of(frame, key);
    if (!incident) return;
    for (Timestamp at = incident->from; at < incident->until; at += kEvery) {
        if (at <= end - days(1) || at > end) continue;
        SampleUsage& call = calls.emplace_back();
        call.at = at;
        call.gateway = habit.gateway;
        call.scope = key.scopes.front();
        call.network = incident->is_leak ? kElsewhere : habit.home;
        call.requests = incident->is_leak ? std::max(habit.usual_requests * 8, 60)
                                          : std::max(habit.usual_requests, 5);
        call.rate_limited = std::max(0, call.requests - key.limit_per_minute);
        call.client_errors =
            (call.requests - call.rate_limited) * (incident->is_leak ? 10 : 95) / 100;
    }
}

}  // namespace

SampleTeam sample_team(const SampleFrame& frame, std::int64_t index) {
    const auto areas = static_cast<std::int64_t>(std::size(sample_names::kTeamAreas));
    const auto units = static_cast<std::int64_t>(std::size(sample_names::kTeamUnits));
    SampleTeam team;
    team.team_id = frame.first_team_id + index;
    const std::int64_t n = team.team_id - 1;
    team.name = fmt::format("{} {}", sample_names::kTeamAreas[n % areas],
                            sample_names::kTeamUnits[n / areas % units]);
    if (n >= areas * units) team.name += fmt::format(" {}", n / (areas * units) + 1);
    team.email = slug(team.name) + "@example.com";
    team.security_email = slug(team.name) + "-security@example.com";
    return team;
}

SampleOwner sample_owner(const SampleFrame& frame, std::int64_t index) {
    SampleOwner owner;
    owner.owner_id = frame.first_owner_id + index;
    Stream random(frame.seed, Purpose::owner, owner.owner_id);
    const sample_names::Region& region = random.pick(sample_names::kRegions);
    const sample_names::Name& given = random.pick(region.given);
    const sample_names::Name& family = random.pick(region.family);
    owner.name = region.family_first ? fmt::format("{} {}", family.text, given.text)
                                     : fmt::format("{} {}", given.text, family.text);
    // The id keeps namesakes apart, those of an earlier load too.
    if (!random.chance(10))
        owner.email =
            fmt::format("{}.{}.{}@example.com", given.ascii, family.ascii, owner.owner_id);
    owner.team_id = frame.first_team_id + uneven_below(random, frame.teams);
    owner.time_zone = region.time_zone;
    owner.utc_offset_minutes = region.utc_offset_minutes;
    owner.active = !random.chance(40);
    const std::int64_t other = frame.first_owner_id + random.below(frame.owners);
    if (random.chance(150) && other != owner.owner_id) owner.fallback_owner_id = other;
    owner.created_at = frame.as_of - days(6 * 365) - random.below(microseconds(days(365)));
    return owner;
}

SampleKey sample_key(const SampleFrame& frame, std::int64_t index) {
    SampleKey key;
    key.key_id = frame.first_key_id + index;
    Stream random(frame.seed, Purpose::key, key.key_id);
    key.created_at = created_at(frame, index, random.fraction());
    if (!random.chance(10))
        key.owner_id = frame.first_owner_id + uneven_below(random, frame.owners);
    choose_type(random, key);
    choose_scopes(random, key);
    choose_plan(random, key);
    choose_state(random, frame, key);
    choose_activity(random, frame.as_of, key);
    return key;
}

std::string sample_key_name(const SampleFrame& frame, const SampleKey& key) {
    Stream random(frame.seed, Purpose::name, key.key_id);
    const std::string_view subject = key.type == "public" ? random.pick(sample_names::kClients)
                                                          : random.pick(sample_names::kServices);
    const std::string_view use = key.type == "public"   ? random.pick(sample_names::kPublicUses)
                                 : key.type == "secret" ? random.pick(sample_names::kSecretUses)
                                                        : random.pick(sample_names::kTestUses);
    return fmt::format("{}-{}", subject, use);
}

std::string sample_secret(const SampleFrame& frame, const SampleKey& key) {
    constexpr std::size_t kDigitsOfOneNumber = 10;  // 62^10 < 2^64
    Stream random(frame.seed, Purpose::secret, key.key_id);
    std::string characters(kSecretRandomLength, '0');
    std::uint64_t digits = 0;
    for (std::size_t i = 0; i < characters.size(); ++i, digits /= kBase62.size()) {
        if (i % kDigitsOfOneNumber == 0) digits = random.next();
        characters[i] = kBase62[digits % kBase62.size()];
    }
    return make_secret(key.prefix, characters);
}

void sample_usage(const SampleFrame& frame, const SampleKey& key, int day,
                  std::vector<SampleUsage>& calls) {
    constexpr int kAttempts = 12;  // of which the hours of sleep take more than half
    constexpr std::int64_t kMinutesADay = 1440;
    const Habit habit = habit_of(frame, key);
    Stream random(frame.seed ^ static_cast<std::uint64_t>(day + 1), Purpose::usage, key.key_id);
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        const Timestamp at =
            frame.as_of - days(day) - std::chrono::minutes(random.below(kMinutesADay));
        if (at < key.created_at) continue;
        if (!awake(random, at + std::chrono::minutes(habit.utc_offset_minutes))) continue;
        SampleUsage& call = calls.emplace_back();
        call.at = at;
        call.gateway = habit.gateway;
        call.requests = std::max(1, habit.usual_requests * random.between(60, 130) / 100);
        call.rate_limited = std::max(0, call.requests - key.limit_per_minute);
        const std::int32_t served = call.requests - call.rate_limited;
        call.client_errors = key.status == "active"
                                 ? served * random.between(0, habit.max_client_errors) / 1000
                                 : served;  // refused, all of them
        call.server_errors = (served - call.client_errors) * random.between(0, 5) / 1000;
        call.scope = random.pick(key.scopes);
        call.network = random.chance(900) ? habit.home : habit.elsewhere;
        call.query_auth = habit.query_auth;
        call.browser = habit.browser;
    }
    add_incident(frame, key, habit, frame.as_of - days(day), calls);
}

}  // namespace keyrota
