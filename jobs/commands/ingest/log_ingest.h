#pragma once

#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "commands/ingest/call.h"
#include "commands/ingest/log_bytes.h"
#include "commands/ingest/log_lines.h"
#include "commands/ingest/log_map.h"
#include "commands/ingest/log_position.h"
#include "commands/ingest/log_record.h"
#include "commands/ingest/usage_batch.h"
#include "postgres/session.h"
#include "runner/interruption.h"

namespace keyrota {

/// A log that is being read.
struct OpenLog {
    explicit OpenLog(const std::string& path) : bytes(path), lines(bytes) {}

    LogBytes bytes;
    LogLines lines;
    LogPosition position;
    std::int64_t from = 0;        // where this run began
    std::int64_t good = 0;        // lines that were read
    std::int64_t malformed = 0;   // lines that could not be
    bool ends_in_a_line = false;  // the last one lacks its line break, and waits for it
};

/// How it ended with a log, for people and programs.
struct LogOutcome {
    std::string file;
    std::string trouble, hint;  // empty: none
    std::int64_t from = 0, to = 0;
    std::int64_t good = 0, malformed = 0;
    bool ends_in_a_line = false;
    bool is_shorter = false;
};

/// Reads logs into samples. What is read is counted together with the offset up to which it was
/// read, in one transaction: whenever that is cut off, it is read again. While one batch is being
/// written, the next one is read.
class LogIngest {
  public:
    struct Options {
        LogFormat format = LogFormat::json_lines;
        LogMap map;
        std::string gateway;
        bool dry_run = false;
    };
    LogIngest(Session& session, Options options, Interruption& interruption);

    /// Opens a log where reading it ended.
    /// @throws Error{usage} for one that cannot be read.
    std::unique_ptr<OpenLog> open(const std::string& path);
    /// The same, but nothing for one of which nothing was read yet, or of which all was.
    std::unique_ptr<OpenLog> open_known(const std::string& path);
    /// Reads what is there of the logs, up to a wish to stop. Writes as often as the memory asks
    /// for it.
    /// @param all the logs whose lines the samples in hand are of, `log` among them.
    /// @throws Error{usage} where reading fails.
    void read_on(OpenLog& log, const std::vector<OpenLog*>& all);
    /// Writes the samples in hand, and how far the logs were read; nothing is left to be written.
    void flush(const std::vector<OpenLog*>& all);
    /// How it stands with a log that is closed now.
    static LogOutcome outcome(const OpenLog& log);

    /// After flush(): all of it.
    const IngestTotals& totals() const { return totals_; }
    const Options& options() const { return options_; }

  private:
    void line(OpenLog& log, std::string_view text);
    void rest(OpenLog& log);
    const char* take(std::string_view text);
    void malformed(OpenLog& log, const char* reason);
    void begin_to_write(const std::vector<OpenLog*>& all);
    void finish_writing();
    SampleTotals write(const std::vector<PositionMove>& moves);

    Session& session_;  // the writing thread's, while there is one
    Options options_;
    Interruption& interruption_;
    std::unique_ptr<LogFormatReader> reader_;
    CallReader calls_;
    UsageBatch batch_, written_;  // what is in hand, and what is being written
    IngestTotals totals_;
    LogRecord record_;
    Call call_;
    std::int64_t unwritten_bytes_ = 0;
    std::future<SampleTotals> writing_;  // the last member: its end waits for what uses the others
};

}  // namespace keyrota
