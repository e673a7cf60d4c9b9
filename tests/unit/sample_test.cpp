#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <set>

#include "commands/sample/sample_data.h"
#include "secret/key_format.h"

namespace keyrota {
namespace {

using namespace std::chrono_literals;
using std::chrono::days;

const Timestamp kNow = *parse_timestamp("2026-11-24T06:00:00Z");

SampleFrame frame_of(std::int64_t keys) {
    SampleFrame frame;
    frame.as_of = kNow;
    frame.keys = keys;
    frame.owners = keys / 25;
    frame.teams = frame.owners / 8;
    return frame;
}

const SampleFrame kFrame = frame_of(50'000);

// In a thousand of all keys.
double share(const std::function<bool(const SampleKey&)>& holds) {
    std::int64_t count = 0;
    for (std::int64_t i = 0; i < kFrame.keys; ++i)
        if (holds(sample_key(kFrame, i))) ++count;
    return 1000.0 * static_cast<double>(count) / static_cast<double>(kFrame.keys);
}

bool is_due(const SampleKey& key) {
    return key.status == "active" && key.expires_at && *key.expires_at <= kNow;
}

std::vector<SampleUsage> usage_of(const SampleFrame& frame, std::int64_t index, int day) {
    std::vector<SampleUsage> calls;
    sample_usage(frame, sample_key(frame, index), day, calls);
    return calls;
}

TEST(SampleData, TheSameSeedGivesTheSameKeyAndAnotherSeedAnother) {
    SampleFrame other = kFrame;
    other.seed = 2;
    const SampleKey key = sample_key(kFrame, 17);
    EXPECT_EQ(sample_secret(kFrame, key), sample_secret(kFrame, sample_key(kFrame, 17)));
    EXPECT_EQ(sample_key(kFrame, 17).created_at, key.created_at);
    EXPECT_NE(sample_secret(kFrame, key), sample_secret(other, sample_key(other, 17)));
}

TEST(SampleData, TheFirstKeyIsTheSameOnEveryMachine) {
    const SampleKey key = sample_key(kFrame, 0);
    EXPECT_EQ(sample_key_name(kFrame, key), "pricing-backend");
    EXPECT_EQ(key.type, "secret");
    EXPECT_EQ(secret_hint(sample_secret(kFrame, key)), "nFiQ");
    EXPECT_EQ(sample_owner(kFrame, 0).name, "Chloe Walsh");
}

TEST(SampleData, AKeyAppendedLaterHasASecretOfItsOwn) {
    SampleFrame later = kFrame;
    later.first_key_id = 50'001;
    EXPECT_NE(sample_secret(kFrame, sample_key(kFrame, 0)),
              sample_secret(later, sample_key(later, 0)));
}

TEST(SampleData, SecretsAreOfTheKeyFormatAndDiffer) {
    std::set<std::string> seen;
    for (std::int64_t i = 0; i < 5000; ++i) {
        const SampleKey key = sample_key(kFrame, i);
        const std::string secret = sample_secret(kFrame, key);
        EXPECT_EQ(secret.substr(0, key.prefix.size()), key.prefix);
        EXPECT_TRUE(has_valid_checksum(secret));
        EXPECT_TRUE(seen.insert(secret).second);
    }
}

TEST(SampleData, TypesPlansAndOwnersComeInTheirShares) {
    EXPECT_NEAR(share([](const SampleKey& k) { return k.type == "secret"; }), 550, 10);
    EXPECT_NEAR(share([](const SampleKey& k) { return k.type == "public"; }), 300, 10);
    EXPECT_NEAR(share([](const SampleKey& k) { return k.service_plan == "Free"; }), 600, 10);
    EXPECT_NEAR(share([](const SampleKey& k) { return k.service_plan == "Enterprise"; }), 30, 4);
    EXPECT_NEAR(share([](const SampleKey& k) { return !k.owner_id; }), 10, 2);
    EXPECT_NEAR(share([](const SampleKey& k) { return k.scopes.back() == "admin"; }), 10, 3);
}

TEST(SampleData, StatesComeInTheirShares) {
    EXPECT_NEAR(share(is_due), 4, 1);
    EXPECT_NEAR(share([](const SampleKey& k) {
                    return k.status == "active" && k.expires_at && *k.expires_at > kNow &&
                           *k.expires_at <= kNow + days(30);
                }),
                30, 5);
    EXPECT_NEAR(share([](const SampleKey& k) { return k.status == "expired"; }), 480, 30);
    EXPECT_NEAR(share([](const SampleKey& k) {
                    return k.status == "active" && !k.expires_at && k.created_at < kNow - days(730);
                }),
                100, 15);
    EXPECT_NEAR(share([](const SampleKey& k) { return k.status == "inactive"; }), 31, 5);
    EXPECT_NEAR(share([](const SampleKey& k) { return !k.last_used_at; }), 50, 5);
}

TEST(SampleData, DueKeysStayFarUnderWhatTheGuardAllows) {
    const double active = share([](const SampleKey& k) { return k.status == "active"; });
    EXPECT_LT(share(is_due), active * 4 / 100);
}

TEST(SampleData, MoreThanHalfOfTheActiveKeysAreInUse) {
    const double active = share([](const SampleKey& k) { return k.status == "active"; });
    const double in_use =
        share([](const SampleKey& k) { return k.status == "active" && k.in_use; });
    EXPECT_NEAR(in_use / active, .55, .02);
}

TEST(SampleData, EveryKeyIsOneThatTheTablesAccept) {
    for (std::int64_t i = 0; i < kFrame.keys; ++i) {
        const SampleKey key = sample_key(kFrame, i);
        SCOPED_TRACE(key.key_id);
        ASSERT_EQ(key.type == "test", key.environment == "test");
        ASSERT_FALSE(key.scopes.empty());
        ASSERT_GE(key.created_at, kNow - days(6 * 365));
        ASSERT_LE(key.created_at, kNow - 3min);
        ASSERT_EQ(key.status == "inactive", key.deactivated_at.has_value());
        if (key.deactivated_at) {
            ASSERT_LE(*key.deactivated_at, kNow);
        }
        if (key.last_used_at) {
            ASSERT_GE(*key.last_used_at, key.created_at);
            ASSERT_LE(*key.last_used_at, kNow);
        }
        // Everything that ended a day ago or earlier was expired; the rest of what ended is due.
        if (key.expires_at && *key.expires_at <= kNow) {
            ASSERT_EQ(key.status, *key.expires_at <= kNow - days(1) ? "expired" : "active");
        }
        if (key.owner_id) {
            ASSERT_GE(*key.owner_id, kFrame.first_owner_id);
            ASSERT_LT(*key.owner_id, kFrame.first_owner_id + kFrame.owners);
        }
    }
}

TEST(SampleData, KeysAreCreatedInTheOrderOfTheirIds) {
    for (std::int64_t i = 1; i < kFrame.keys; ++i)
        ASSERT_LE(sample_key(kFrame, i - 1).created_at, sample_key(kFrame, i).created_at) << i;
}

TEST(SampleData, OneKeyAndOneOwnerAreEnough) {
    SampleFrame tiny = kFrame;
    tiny.keys = tiny.owners = tiny.teams = 1;
    EXPECT_LE(sample_key(tiny, 0).created_at, kNow);
    EXPECT_EQ(sample_owner(tiny, 0).fallback_owner_id, std::nullopt);
    EXPECT_EQ(sample_owner(tiny, 0).team_id, 1);
}

TEST(SampleData, OwnersAreWhomTheTablesAccept) {
    std::set<std::string> addresses;
    std::int64_t inactive = 0;
    for (std::int64_t i = 0; i < kFrame.owners; ++i) {
        const SampleOwner owner = sample_owner(kFrame, i);
        if (owner.email) {
            EXPECT_TRUE(addresses.insert(*owner.email).second) << *owner.email;
            EXPECT_EQ(owner.email->find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-@"),
                      std::string::npos)
                << *owner.email;
            EXPECT_EQ(owner.email->substr(owner.email->find('@')), "@example.com");
        }
        EXPECT_NE(owner.fallback_owner_id, owner.owner_id);
        EXPECT_GE(owner.team_id, 1);
        EXPECT_LE(owner.team_id, kFrame.teams);
        if (!owner.active) ++inactive;
    }
    EXPECT_NEAR(static_cast<double>(inactive), 80, 30);
    EXPECT_LT(static_cast<std::int64_t>(addresses.size()), kFrame.owners);  // a few have none
}

TEST(SampleData, TeamNamesDiffer) {
    SampleFrame many = kFrame;
    many.teams = 1000;
    std::set<std::string> names;
    for (std::int64_t i = 0; i < many.teams; ++i)
        EXPECT_TRUE(names.insert(sample_team(many, i).name).second) << sample_team(many, i).name;
}

TEST(SampleData, CallsFallIntoTheirDayAndTheCountsAddUp) {
    constexpr int kDay = 4;  // from Thursday's morning to Friday's
    std::int64_t used = 0, rows = 0, limited = 0, query = 0, browser = 0;
    for (std::int64_t i = 0; i < kFrame.keys; ++i) {
        const SampleKey key = sample_key(kFrame, i);
        if (!key.in_use) continue;
        ++used;
        for (const SampleUsage& call : usage_of(kFrame, i, kDay)) {
            ++rows;
            ASSERT_GT(call.at, kNow - days(kDay + 1));
            ASSERT_LE(call.at, kNow - days(kDay));
            ASSERT_GE(call.at, key.created_at);
            ASSERT_EQ(call.at, std::chrono::floor<std::chrono::minutes>(call.at));
            ASSERT_GT(call.requests, 0);
            ASSERT_GE(call.client_errors, 0);
            ASSERT_LE(call.client_errors + call.server_errors + call.rate_limited, call.requests);
            ASSERT_THAT(key.scopes, ::testing::Contains(call.scope));
            if (call.rate_limited > 0) ++limited;
            if (call.query_auth) ++query;
            if (call.browser) ++browser;
        }
    }
    EXPECT_GT(rows, used * 3);
    EXPECT_LT(rows, used * 8);
    EXPECT_GT(limited, 0);
    EXPECT_GT(query, 0);
    EXPECT_GT(browser, 0);
}

TEST(SampleData, PeopleSleepAtNight) {
    std::int64_t night = 0, noon = 0;
    for (std::int64_t i = 0; i < kFrame.keys; ++i) {
        const SampleKey key = sample_key(kFrame, i);
        if (!key.in_use || !key.owner_id) continue;
        const auto offset = std::chrono::minutes(
            sample_owner(kFrame, *key.owner_id - kFrame.first_owner_id).utc_offset_minutes);
        for (const SampleUsage& call : usage_of(kFrame, i, 0)) {
            const Timestamp local = call.at + offset;
            const auto hour = (local - std::chrono::floor<days>(local)) / 1h;
            if (hour < 5) ++night;
            if (hour >= 10 && hour < 15) ++noon;
        }
    }
    EXPECT_EQ(night, 0);
    EXPECT_GT(noon, 1000);
}

TEST(SampleData, AKeyThatIsNotActiveIsRefusedEveryTime) {
    for (std::int64_t i = 0; i < kFrame.keys; ++i) {
        if (sample_key(kFrame, i).status == "active" || !sample_key(kFrame, i).in_use) continue;
        for (const SampleUsage& call : usage_of(kFrame, i, 0))
            EXPECT_EQ(call.client_errors + call.rate_limited, call.requests);
    }
}

TEST(SampleData, MostNeighboursExpireInOrder) {
    // What "clustered" means for a job that walks expires_at: of two keys far apart, the later one
    // expires later.
    std::int64_t in_order = 0, pairs = 0;
    const std::int64_t apart = kFrame.keys / 10;
    for (std::int64_t i = 0; i + apart < kFrame.keys; ++i) {
        const auto early = sample_key(kFrame, i).expires_at;
        const auto late = sample_key(kFrame, i + apart).expires_at;
        if (!early || !late) continue;
        ++pairs;
        if (*early < *late) ++in_order;
    }
    EXPECT_GT(static_cast<double>(in_order) / static_cast<double>(pairs), .7);
}

TEST(SampleReplay, WhatEndedInTheDaysToBeReplayedIsNotYetExpired) {
    SampleFrame frame = kFrame;
    frame.replay_days = 3;
    std::int64_t due = 0;
    for (std::int64_t i = 0; i < frame.keys; ++i) {
        const SampleKey key = sample_key(frame, i);
        const bool has_ended = key.expires_at && *key.expires_at <= frame.as_of;
        if (has_ended && *key.expires_at > frame.as_of - std::chrono::days(3)) {
            EXPECT_EQ(key.status, "active");
            ++due;
        } else if (has_ended) {
            EXPECT_EQ(key.status, "expired");
        }
    }
    EXPECT_GT(due, 0);
}

TEST(SampleReplay, SomeKeysBehaveUnlikeThemselvesInThoseDaysAndNoneBefore) {
    SampleFrame frame = kFrame;
    frame.replay_days = 3;
    std::int64_t in_days = 0;
    for (std::int64_t i = 0; i < frame.keys; ++i) {
        const SampleKey key = sample_key(frame, i);
        if (key.status != "active" || sample_key(kFrame, i).status != "active") continue;
        for (int day = 0; day < 6; ++day) {
            std::vector<SampleUsage> calls, usual;
            sample_usage(frame, key, day, calls);
            sample_usage(kFrame, key, day, usual);
            if (day >= 3) {
                EXPECT_EQ(calls.size(), usual.size());
            } else if (calls.size() > usual.size()) {
                ++in_days;
            }
        }
    }
    EXPECT_GT(in_days, 0);
    EXPECT_LT(in_days, frame.keys * 3 / 40);
}

}  // namespace
}  // namespace keyrota
