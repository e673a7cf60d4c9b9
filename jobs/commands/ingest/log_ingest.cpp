#include "commands/ingest/log_ingest.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "error/error.h"
#include "report/escape.h"

namespace keyrota {
namespace {

constexpr std::int64_t kBytesAtOnce = std::int64_t{1} << 28;  // read again after a kill, at most
constexpr std::int64_t kLoggedLines = 20;                     // of a log; the rest is counted

bool is_blank(std::string_view text) {
    return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

}  // namespace

LogIngest::LogIngest(Session& session, Options options, Interruption& interruption)
    : session_(session),
      options_(std::move(options)),
      interruption_(interruption),
      reader_(make_log_reader(options_.format, options_.map)),
      calls_(options_.map) {}

std::unique_ptr<OpenLog> LogIngest::open(const std::string& path) {
    finish_writing();
    auto log = std::make_unique<OpenLog>(path);
    Transaction transaction(session_);
    log->position = find_position(session_, log->bytes, log->lines, !options_.dry_run);
    transaction.commit();
    log->from = log->position.offset;
    return log;
}

std::unique_ptr<OpenLog> LogIngest::open_known(const std::string& path) {
    finish_writing();
    auto log = std::make_unique<OpenLog>(path);
    log->position = find_position(session_, log->bytes, log->lines, false);
    log->from = log->position.offset;
    return log->position.id == 0 || log->position.is_shorter ? nullptr : std::move(log);
}

void LogIngest::read_on(OpenLog& log, const std::vector<OpenLog*>& all) {
    if (log.position.is_shorter) return;
    // It was empty when it was opened, so it has no position: what came since would be counted
    // again.
    if (log.position.id == 0 && !options_.dry_run) return;
    while (!interruption_.requested() && log.lines.next()) {
        line(log, log.lines.text());
        unwritten_bytes_ += log.lines.length();
        if (batch_.is_full() || unwritten_bytes_ >= kBytesAtOnce) begin_to_write(all);
    }
    log.ends_in_a_line = false;
    if (!interruption_.requested() && log.lines.has_rest()) rest(log);
}

void LogIngest::line(OpenLog& log, std::string_view text) {
    if (!log.lines.is_too_long() && is_blank(text)) return;
    ++totals_.lines;
    const char* wrong = log.lines.is_too_long() ? "longer than 1 MiB" : take(text);
    if (wrong)
        malformed(log, wrong);
    else
        ++log.good;
}

// @returns why the line is malformed, and has not counted it then.
const char* LogIngest::take(std::string_view text) {
    if (const char* wrong = reader_->read(text, record_)) return wrong;
    if (const char* wrong = calls_.read(record_, call_)) return wrong;
    batch_.add(call_, totals_);
    return nullptr;
}

// The last line of a log that lacks its line break may still be written to. It counts if it is
// whole: a JSON object is as soon as it ends, others where nothing can come any more.
void LogIngest::rest(OpenLog& log) {
    const std::string_view text = log.lines.rest();
    const bool may_be_whole =
        reader_->knows_its_end() || (!log.bytes.may_grow() && !log.bytes.is_cut_short());
    if (!is_blank(text) && (!may_be_whole || take(text) != nullptr)) {
        log.ends_in_a_line = true;
        return;
    }
    if (text.empty()) {
        log.ends_in_a_line = true;  // too long to be kept
        return;
    }
    if (is_blank(text)) return;
    log.lines.take_rest();
    ++totals_.lines;
    ++log.good;
}

// Its text may hold a secret, or be what an attacker wants to have in our log.
void LogIngest::malformed(OpenLog& log, const char* reason) {
    ++totals_.malformed;
    if (++log.malformed > kLoggedLines) return;
    spdlog::warn("{}: malformed line at byte {}, {} bytes long: {}", for_terminal(log.bytes.name()),
                 log.lines.begins_at(), log.lines.length(), reason);
    if (log.malformed == kLoggedLines)
        spdlog::warn("{}: further malformed lines are counted only",
                     for_terminal(log.bytes.name()));
}

void LogIngest::flush(const std::vector<OpenLog*>& all) {
    begin_to_write(all);
    finish_writing();
}

// A log of which no line could be read is most likely read wrongly: its position stays.
void LogIngest::begin_to_write(const std::vector<OpenLog*>& all) {
    finish_writing();
    unwritten_bytes_ = 0;
    std::vector<PositionMove> moves;
    for (OpenLog* log : all) {
        LogPosition& position = log->position;
        if (log->good == 0 || position.id == 0 || position.is_shorter ||
            log->lines.ends_at() == position.offset)
            continue;
        moves.push_back(move_to_line_end(position, log->bytes, log->lines));
        position.offset = log->lines.ends_at();  // should it fail, nobody goes on with it
    }
    if (batch_.is_empty() && moves.empty()) return;
    std::swap(batch_, written_);
    writing_ =
        std::async(std::launch::async, [this, moves = std::move(moves)] { return write(moves); });
}

void LogIngest::finish_writing() {
    if (!writing_.valid()) return;
    totals_.of_keys += writing_.get();
    written_.clear();
}

SampleTotals LogIngest::write(const std::vector<PositionMove>& moves) {
    if (options_.dry_run) return written_.count(session_, options_.map.key_source);
    Transaction transaction(session_);
    for (const PositionMove& move : moves) move_position(session_, move);
    const SampleTotals totals = written_.write(session_, options_.gateway, options_.map.key_source);
    transaction.commit();
    return totals;
}

LogOutcome LogIngest::outcome(const OpenLog& log) {
    LogOutcome outcome{.file = log.bytes.name(),
                       .trouble = {},
                       .hint = {},
                       .from = log.from,
                       .to = log.lines.ends_at(),
                       .good = log.good,
                       .malformed = log.malformed,
                       .ends_in_a_line = log.ends_in_a_line,
                       .is_shorter = log.position.is_shorter};
    if (log.good == 0 && log.malformed > 0) {
        outcome.trouble = fmt::format("not one of its {} lines could be read", log.malformed);
        outcome.hint = "Are --format and --map right? It will be read again from where it began.";
    } else if (log.bytes.is_cut_short()) {
        outcome.trouble = "it ends too early, or is damaged";
        outcome.hint = "What could be unpacked is counted; run it again with the whole file.";
    }
    return outcome;
}

}  // namespace keyrota
