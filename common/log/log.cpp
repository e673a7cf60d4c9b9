#include "log/log.h"

#include <Poco/JSON/Object.h>
#include <fmt/format.h>
#include <spdlog/formatter.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <sstream>

#include "error/error.h"
#include "time/timestamp.h"

namespace keyrota {
namespace {

// spdlog's pattern cannot escape a message for JSON.
class JsonFormatter : public spdlog::formatter {
  public:
    void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
        Poco::JSON::Object line(Poco::JSON_PRESERVE_KEY_ORDER);
        line.set("time",
                 to_string(std::chrono::time_point_cast<std::chrono::microseconds>(message.time)));
        const auto level = spdlog::level::to_string_view(message.level);
        line.set("level", std::string(level.data(), level.size()));
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
        sink->set_formatter(std::make_unique<spdlog::pattern_formatter>(
            options.file.empty() ? "keyrota: %v" : "%Y-%m-%dT%H:%M:%S.%eZ %-7l %v",
            spdlog::pattern_time_type::utc));
    const bool quiet = options.file.empty() && !is_terminal;
    sink->set_level(quiet ? spdlog::level::warn : spdlog::level::trace);
    auto logger = std::make_shared<spdlog::logger>("keyrota", std::move(sink));
    logger->set_level(spdlog::level::from_str(options.level));
    logger->flush_on(spdlog::level::info);
    spdlog::set_default_logger(std::move(logger));
}

}  // namespace keyrota
