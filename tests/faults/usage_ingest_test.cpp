// keyrota usage ingest --follow: logs grow and are rotated, the program is killed; every line
// counts once.

#include <fmt/format.h>
#include <signal.h>

#include <fstream>
#include <random>
#include <thread>

#include "support/program.h"

namespace keyrota::test {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

class FollowedLog : public ProgramTest {
  protected:
    void SetUp() override {
        ProgramTest::SetUp();
        given_keys(3, {.name = "k"});
        log_ = scratch().path() / "access.log";
    }
    void write_lines(int count) {
        std::ofstream out(log_, std::ios::app);
        for (int i = 0; i < count; ++i)
            out << fmt::format(R"({{"at":"2026-11-24T06:{:02}:00Z","status":200,"key":{},"id":{}}})"
                               "\n",
                               written_ % 60, 1 + written_ % 3, written_),
                ++written_;
    }
    void rename_log() {
        fs::rename(log_, fmt::format("{}.{}", log_, ++rotated_));
        write_lines(1);
    }
    void truncate_log() {
        fs::copy(log_, fmt::format("{}.{}", log_, ++rotated_));
        fs::resize_file(log_, 0);
        write_lines(1);
    }
    Program follow() {
        return start(
            {"usage", "ingest", "--format", "jsonl", "--gateway", "edge", "--follow", log_});
    }
    void expect_all_counted() {
        EXPECT_TRUE(eventually([&] { return requests() >= written_; }));
        EXPECT_EQ(requests(), written_);
    }
    // Each a sum of its own: enough of them for batches that are written while the next is read.
    void write_different_lines(int count) {
        std::ofstream out(log_, std::ios::app);
        for (int i = 0; i < count; ++i, ++written_)
            out << fmt::format(
                R"({{"at":"2026-11-{:02}T{:02}:{:02}:00Z","status":200,"key":{},"network":"10.0.{}.1"}})"
                "\n",
                1 + i % 20, i / 20 % 24, i / 480 % 60, 1 + written_ % 3, i / 28'800);
    }
    Arguments ingest() const {
        return {"usage", "ingest", "--format", "jsonl", "--gateway", "edge", log_};
    }
    std::int64_t requests() {
        return number("select coalesce(sum(requests), 0) from keyrota.usage_sample");
    }

    std::string log_;
    int written_ = 0, rotated_ = 0;
};

TEST_F(FollowedLog, EveryLineCountsThroughBothWaysOfRotation) {
    Program following = follow();  // before there is one
    write_lines(100);
    expect_all_counted();
    write_lines(50);
    rename_log();
    std::ofstream(fmt::format("{}.{}", log_, rotated_), std::ios::app)
        << R"({"at":"2026-11-24T06:30:00Z","status":200,"key":1,"id":"by a slow worker"})"
        << "\n";
    ++written_;
    write_lines(50);
    expect_all_counted();
    write_lines(50);
    truncate_log();
    write_lines(20);
    expect_all_counted();
    following.signal(SIGTERM);
    EXPECT_EQ(following.wait().exit_code, 143);
}

TEST_F(FollowedLog, WhatIsInHandIsWrittenWhenItIsAskedToStop) {
    write_lines(10);
    Program following = follow();
    expect_all_counted();
    write_lines(5);
    std::this_thread::sleep_for(milliseconds(600));  // read, most likely not written yet
    following.signal(SIGTERM);
    following.wait();
    EXPECT_EQ(requests(), 15);
}

TEST_F(FollowedLog, OfTwoThatReadTheSameOneEndsAndEveryLineCountsOnce) {
    write_lines(10);
    Program following = follow();
    const auto has_found_its_place = [&] {
        return number("select count(*) from keyrota.ingest_position") == 1;
    };
    ASSERT_TRUE(eventually(has_found_its_place));
    following.signal(SIGSTOP);  // it has most likely read them, and has not written them yet
    EXPECT_EQ(keyrota(ingest()).exit_code, 0);
    following.signal(SIGCONT);
    following.signal(SIGTERM);
    const auto outcome = following.wait();
    EXPECT_EQ(outcome.exit_code, 6) << outcome.errors;
    EXPECT_EQ(requests(), 10);
}

TEST_F(FollowedLog, AKillBetweenTheBatchesOfALongLogCountsEveryLineOnce) {
    write_different_lines(150'000);
    std::mt19937 random(7);
    for (int round = 0; round < 4; ++round) {
        Program reading = start(ingest());
        std::this_thread::sleep_for(milliseconds(std::uniform_int_distribution(200, 1500)(random)));
        reading.signal(SIGKILL);
        reading.wait();
    }
    EXPECT_TRUE(eventually([&] { return keyrota(ingest()).exit_code == 0; }));
    EXPECT_EQ(requests(), written_);
}

TEST_F(FollowedLog, AKillAtAnyMomentCountsEveryLineOnce) {
    std::mt19937 random(7);
    for (int round = 0; round < 12; ++round) {
        Program following = follow();
        const int steps = std::uniform_int_distribution(1, 6)(random);
        for (int step = 0; step < steps; ++step) {
            write_lines(std::uniform_int_distribution(1, 400)(random));
            std::this_thread::sleep_for(milliseconds(std::uniform_int_distribution(1, 60)(random)));
            if (round % 3 == 1 && step == 1) rename_log();
            if (round % 3 == 2 && step == 1) truncate_log();
        }
        following.signal(SIGKILL);
        following.wait();
    }
    Arguments words = ingest();
    for (int i = 1; i <= rotated_; ++i) words.push_back(fmt::format("{}.{}", log_, i));
    for (int again = 0; again < 2; ++again) {
        // The killed one's transaction may still be open for a moment.
        EXPECT_TRUE(eventually([&] { return keyrota(words).exit_code == 0; }));
        EXPECT_EQ(requests(), written_);
    }
}

}  // namespace
}  // namespace keyrota::test
