#include "log/log.h"

#include <Poco/JSON/Object.h>
#include <fmt/format.h>
#include <spdlog/formatter.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <mutex>
#include <sstream>

#include "error/error.h"
#include "time/timestamp.h"

namespace keyrota {
namespace {

// What LoggedRun says. Threads (the lease's heartbeat) log too.
struct CurrentRun {
    std::string job;
    std::int64_t run_id = 0;
};
std::mutex current_run_mutex;
CurrentRun current_run;

CurrentRun the_run() {
    const std::lock_guard lock(current_run_mutex);
    return current_run;
}

// `expire-keys run 12: ` in a line for people.
class RunFlag : public spdlog::custom_flag_formatter {
  public:
    void format(const spdlog::details::log_msg&, const std::tm&,
                spdlog::memory_buf_t& out) override {
        const CurrentRun run = the_run();
        if (run.job.empty()) return;
        fmt::format_to(fmt::appender(out), "{}", run.job);
        if (run.run_id != 0) fmt::format_to(fmt::appender(out), " run {}", run.run_id);
        fmt::format_to(fmt::appender(out), ": ");
    }
    std::unique_ptr<custom_flag_formatter> clone() const override {
        return std::make_unique<RunFlag>();
    }
};

std::unique_ptr<spdlog::formatter> text_formatter(bool is_file) {
    if (!is_file)
        return std::make_unique<spdlog::pattern_formatter>("keyrota: %v",
                                                           spdlog::pattern_time_type::utc);
    auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
    formatter->add_flag<RunFlag>('*').set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %-7l %*%v");
    return formatter;
}

// spdlog's pattern cannot escape a message for JSON.
class JsonFormatter : public spdlog::formatter {
  public:
    void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
        Poco::JSON::Object line(Poco::JSON_PRESERVE_KEY_ORDER);
        line.set("time",
                 to_string(std::chrono::time_point_cast<std::chrono::microseconds>(message.time)));
        const auto level = spdlog::level::to_string_view(message.level);
        line.set("level", std::string(level.data(), level.size()));
        const CurrentRun run = the_run();
        if (!run.job.empty()) line.set("job", run.job);
        if (run.run_id != 0) line.set("run_id", run.run_id);
        line.set("message", std::string(message.payload.data(), message.payload.size()));
        std::ostringstream text;
        line.stringify(text);
        fmt::format_to(fmt::appender(out), "{}\n", text.str());
    }
    std::unique_ptr<spdlog::formatter> clone() const override {
        return std::make_unique<JsonFormatter>();
    }
};

}  // namespace

void start_logging(const Config::Log& options, bool is_terminal) {
    std::shared_ptr<spdlog::sinks::sink> sink;
    try {
        if (options.file.empty())
            sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
        else
            sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(options.file);
    } catch (const spdlog::spdlog_ex&) {
        throw Error(ExitCode::config, fmt::format("cannot write the log file {}", options.file),
                    "Correct log.file, or make its directory writable for this user.");
    }
    if (options.format == "json")
        sink->set_formatter(std::make_unique<JsonFormatter>());
    else
        sink->set_formatter(text_formatter(!options.file.empty()));
    const bool quiet = !is_kept(options) && !is_terminal;
    sink->set_level(quiet ? spdlog::level::warn : spdlog::level::trace);
    auto logger = std::make_shared<spdlog::logger>("keyrota", std::move(sink));
    logger->set_level(spdlog::level::from_str(options.level));
    logger->flush_on(spdlog::level::info);
    spdlog::set_default_logger(std::move(logger));
}

LoggedRun::LoggedRun(std::string job, std::int64_t run_id) {
    const std::lock_guard lock(current_run_mutex);
    current_run = {std::move(job), run_id};
}

LoggedRun::~LoggedRun() {
    const std::lock_guard lock(current_run_mutex);
    current_run = {};
}

}  // namespace keyrota
