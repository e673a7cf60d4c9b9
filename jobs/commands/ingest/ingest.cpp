#include "commands/ingest/ingest.h"

#include <fmt/format.h>
#include <fmt/ostream.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "commands/ingest/follow.h"
#include "commands/ingest/log_ingest.h"
#include "config/options.h"
#include "error/error.h"
#include "postgres/database.h"
#include "report/escape.h"
#include "report/facts.h"
#include "text/name.h"

namespace keyrota {
namespace {

std::string gateway_of(const IngestOptions& options, const LogMap& map) {
    std::string gateway =
        options.gateway.empty() ? std::filesystem::path(map.name).stem().string() : options.gateway;
    if (const auto why = why_no_name(gateway))
        throw Error(ExitCode::usage, fmt::format("--gateway: {}", *why));
    return gateway;
}

LogOutcome failed(const std::string& file, const Error& error) {
    LogOutcome outcome;
    outcome.file = file;
    outcome.trouble = error.what();
    outcome.hint = error.hint();
    return outcome;
}

// One log from where reading it ended to its end.
LogOutcome ingest_one(LogIngest& ingest, const std::string& path) {
    std::unique_ptr<OpenLog> log;
    std::optional<Error> trouble;
    try {
        log = ingest.open(path);
        ingest.read_on(*log, {log.get()});
    } catch (const Error& error) {
        if (error.code() != ExitCode::usage) throw;
        if (!log) return failed(path, error);
        trouble = error;
    }
    ingest.flush({log.get()});  // also what came before the trouble
    LogOutcome outcome = LogIngest::outcome(*log);
    if (trouble) outcome.trouble = trouble->what();
    return outcome;
}

Cell minute_cell(const std::optional<std::int64_t>& minute) {
    if (!minute) return {};
    return Timestamp(std::chrono::minutes(*minute));
}

Facts facts_of(const LogIngest& ingest, const std::vector<LogOutcome>& outcomes) {
    const IngestTotals& totals = ingest.totals();
    std::int64_t bytes = 0;
    for (const LogOutcome& outcome : outcomes) bytes += outcome.to - outcome.from;
    Facts facts;
    facts.add("gateway", ingest.options().gateway);
    facts.add("bytes", bytes);
    facts.add("lines", totals.lines);
    facts.add("requests", totals.of_keys.requests);
    facts.add("samples", totals.of_keys.samples);
    facts.add("without_key", totals.without_key);
    facts.add("unknown_keys", totals.of_keys.unknown_keys);
    facts.add("malformed", totals.malformed);
    facts.add("over_caps", totals.over_caps);
    facts.add("ahead", totals.of_keys.ahead);
    facts.add("from", minute_cell(totals.first_minute));
    facts.add("to", minute_cell(totals.last_minute));
    return facts;
}

Facts facts_of(const LogOutcome& outcome) {
    Facts facts;
    facts.add("file", outcome.file);
    facts.add("from_byte", outcome.from);
    facts.add("to_byte", outcome.to);
    facts.add("lines", outcome.good + outcome.malformed);
    facts.add("malformed", outcome.malformed);
    facts.add("trouble", outcome.trouble.empty() ? Cell() : Cell(outcome.trouble));
    return facts;
}

void print_json(const LogIngest& ingest, const std::vector<LogOutcome>& outcomes,
                std::ostream& out) {
    fmt::print(out, R"({{"dry_run": {}, "total": {}, "files": [)", ingest.options().dry_run,
               facts_of(ingest, outcomes).json());
    for (const LogOutcome& outcome : outcomes)
        fmt::print(out, "{}{}", &outcome == &outcomes.front() ? "" : ", ",
                   facts_of(outcome).json());
    out << "]}\n";
}

// What somebody who looks on wants to know of a log that was read.
void print_text(const LogIngest& ingest, const std::vector<LogOutcome>& outcomes,
                std::ostream& out) {
    for (const LogOutcome& outcome : outcomes) {
        if (!outcome.trouble.empty()) continue;
        fmt::print(out, "{}: bytes {} to {}{}{}\n", for_terminal(outcome.file), outcome.from,
                   outcome.to,
                   outcome.is_shorter           ? "; an earlier copy: already counted"
                   : outcome.from == outcome.to ? "; nothing new"
                                                : "",
                   outcome.ends_in_a_line ? "; its last line is not complete yet" : "");
    }
    facts_of(ingest, outcomes).print_text(out);
    if (ingest.options().dry_run) out << "nothing was changed\n";
}

void warn(const LogIngest& ingest, const std::vector<LogOutcome>& outcomes) {
    for (const LogOutcome& outcome : outcomes) {
        if (outcome.trouble.empty()) continue;
        const bool is_named = outcome.trouble.starts_with(outcome.file);
        spdlog::error("{}{}{}", is_named ? "" : for_terminal(outcome.file) + ": ",
                      for_terminal(outcome.trouble),
                      outcome.hint.empty() ? "" : ". HINT: " + outcome.hint);
    }
    const IngestTotals& totals = ingest.totals();
    if (totals.of_keys.ahead > 0)
        spdlog::warn("{} requests are stamped more than an hour ahead of the database's clock",
                     totals.of_keys.ahead);
    if (totals.malformed > 0) spdlog::warn("{} lines are malformed", totals.malformed);
    const bool nobody = totals.of_keys.requests == 0 && totals.lines > totals.malformed;
    if (nobody && totals.of_keys.unknown_keys > 0)
        spdlog::warn("none of the keys in {} lines is known: is the map right?",
                     totals.of_keys.unknown_keys);
    else if (nobody)
        spdlog::warn("no line names a key: is the map right?");
}

}  // namespace

ExitCode usage_ingest(const Config& config, const IngestOptions& options, Format format,
                      bool is_terminal, std::ostream& out) {
    LogIngest::Options settings;
    settings.format = options.format;
    settings.map = load_log_map(options.map, options.format);
    settings.gateway = gateway_of(options, settings.map);
    settings.dry_run = options.dry_run;
    if (options.follow && std::count(options.files.begin(), options.files.end(), "-") > 0)
        throw Error(ExitCode::usage, "--follow: standard input is read to its end anyway",
                    "Name a file.");
    Interruption interruption;
    Session session = open_session(config, Access::runner);
    LogIngest ingest(session, std::move(settings), interruption);
    if (options.follow) {
        follow_logs(ingest, options.files, interruption);
        return interruption.exit_code();
    }
    std::vector<LogOutcome> outcomes;
    for (const std::string& path : options.files) {
        if (interruption.requested()) break;
        outcomes.push_back(ingest_one(ingest, path));
    }
    warn(ingest, outcomes);
    if (format == Format::json)
        print_json(ingest, outcomes, out);
    else if (is_terminal || options.dry_run)
        print_text(ingest, outcomes, out);
    if (interruption.requested()) return interruption.exit_code();
    for (const LogOutcome& outcome : outcomes)
        if (!outcome.trouble.empty()) return ExitCode::partial;
    return ExitCode::done;
}

}  // namespace keyrota
