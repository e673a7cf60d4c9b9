#include "commands/ingest/follow.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <set>
#include <thread>

#include "error/error.h"
#include "report/escape.h"

namespace keyrota {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPause(200);
constexpr std::chrono::seconds kWriteEvery(5);
// A renamed log is written to until its gateway opens the new one; a copy may be compressed late.
constexpr std::chrono::seconds kPatience(60);
constexpr std::chrono::seconds kLookAgain(5);

class Follower {
  public:
    Follower(LogIngest& ingest, const std::vector<std::string>& paths, Interruption& interruption)
        : ingest_(ingest), interruption_(interruption) {
        for (const std::string& path : paths) logs_.push_back({path, nullptr, {}, {}});
    }

    void run() {
        for (Followed& one : logs_) catch_up(one);
        auto written_at = steady_clock::now();
        while (!interruption_.requested()) {
            for (Followed& one : logs_) step(one);
            read_renamed();
            if (steady_clock::now() - written_at >= kWriteEvery) {
                ingest_.flush(all());
                written_at = steady_clock::now();
            }
            std::this_thread::sleep_for(kPause);
        }
        ingest_.flush(all());
    }

  private:
    struct Followed {
        std::string path;
        std::unique_ptr<OpenLog> log;
        std::string trouble;  // that was told already
        steady_clock::time_point look_until, looked_at{};
    };
    struct Renamed {
        std::unique_ptr<OpenLog> log;
        std::int64_t offset;  // when it was last seen to grow
        steady_clock::time_point grown_at;
    };

    std::vector<OpenLog*> all() const {
        std::vector<OpenLog*> open;
        for (const Followed& one : logs_)
            if (one.log) open.push_back(one.log.get());
        for (const Renamed& one : renamed_) open.push_back(one.log.get());
        return open;
    }

    void step(Followed& one) {
        const auto now = steady_clock::now();
        if (now < one.look_until && now - one.looked_at >= kLookAgain) catch_up(one);
        if (!one.log && !open(one)) return;
        if (one.log->bytes.was_rewritten()) {
            ingest_.flush(all());  // as far as it was read before
            one.log = nullptr;
            one.look_until = now + kPatience;
            catch_up(one);
            return;
        }
        ingest_.read_on(*one.log, all());
        if (one.log->bytes.is_at(one.path)) return;
        const std::int64_t offset = one.log->lines.ends_at();
        renamed_.push_back({std::move(one.log), offset, now});
    }

    // @returns whether there is anything in it.
    bool open(Followed& one) {
        try {
            std::unique_ptr<OpenLog> log = ingest_.open(one.path);
            if (!log->bytes.may_grow())
                throw Error(ExitCode::usage, one.path + ": a compressed log does not grow");
            one.trouble.clear();
            if (log->position.id == 0) return false;
            one.log = std::move(log);
            return true;
        } catch (const Error& error) {
            if (error.code() != ExitCode::usage) throw;
            if (one.trouble != error.what())
                spdlog::warn("{}; waiting for it", for_terminal(error.what()));
            one.trouble = error.what();
            return false;
        }
    }

    void read_renamed() {
        const auto now = steady_clock::now();
        bool any_is_through = false;
        for (Renamed& one : renamed_) {
            ingest_.read_on(*one.log, all());
            if (one.log->lines.ends_at() != one.offset) {
                one.offset = one.log->lines.ends_at();
                one.grown_at = now;
            }
            any_is_through = any_is_through || now - one.grown_at >= kPatience;
        }
        if (!any_is_through) return;
        ingest_.flush(all());
        std::erase_if(renamed_,
                      [&](const Renamed& one) { return now - one.grown_at >= kPatience; });
    }

    // What was written to a log before it was rotated, and not read in time, stands in a copy or
    // under another name beside it, which begins with the log's own. Others there are not ours.
    void catch_up(Followed& one) {
        one.looked_at = steady_clock::now();
        const fs::path path = fs::absolute(one.path);
        const std::string name = path.filename().string();
        std::vector<std::string> beside;
        std::error_code ignored;
        for (const auto& entry : fs::directory_iterator(path.parent_path(), ignored)) {
            const std::string other = entry.path().filename().string();
            if (other == name || !other.starts_with(name) || !entry.is_regular_file(ignored))
                continue;
            if (is_new(entry)) beside.push_back(entry.path().string());
        }
        for (const std::string& other : beside) catch_up(other);
    }

    // Whether it was written to within a day, and since it was looked at: to find one's place in a
    // compressed log costs unpacking it.
    bool is_new(const fs::directory_entry& entry) {
        std::error_code ignored;
        const auto written_at = entry.last_write_time(ignored);
        if (fs::file_time_type::clock::now() - written_at > std::chrono::hours(24)) return false;
        return seen_
            .insert(fmt::format("{} {} {}", entry.path().string(), entry.file_size(ignored),
                                written_at.time_since_epoch().count()))
            .second;
    }

    void catch_up(const std::string& other) {
        try {
            const std::unique_ptr<OpenLog> log = ingest_.open_known(other);
            std::vector<OpenLog*> with_it = all();
            const auto is_the_same = [&](const OpenLog* open) {
                return open->position.id == log->position.id;
            };
            if (!log || std::any_of(with_it.begin(), with_it.end(), is_the_same)) return;
            with_it.push_back(log.get());
            ingest_.read_on(*log, with_it);
            ingest_.flush(with_it);
        } catch (const Error& error) {
            if (error.code() != ExitCode::usage) throw;
        }
    }

    LogIngest& ingest_;
    Interruption& interruption_;
    std::vector<Followed> logs_;
    std::vector<Renamed> renamed_;
    std::set<std::string> seen_;
};

}  // namespace

void follow_logs(LogIngest& ingest, const std::vector<std::string>& paths,
                 Interruption& interruption) {
    Follower(ingest, paths, interruption).run();
}

}  // namespace keyrota
