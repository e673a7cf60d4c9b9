#include <fmt/format.h>

#include <functional>
#include <sstream>

#include "audit/head.h"
#include "commands/audit_trail/audit.h"
#include "commands/find_key.h"
#include "jobs_sql.h"
#include "postgres/cursor.h"
#include "postgres/database.h"
#include "report/facts.h"
#include "report/new_file.h"
#include "secret/sha256.h"
#include "secret/signing_key.h"

namespace keyrota {
namespace {

constexpr int kFormat = 1;
constexpr const char* kFormatField = "keyrota_audit_export";

// Head and entries are of one instant. Nested loops along the indexes keep the memory flat.
constexpr Statement kOneSnapshot{"audit_one_snapshot",
                                 "set transaction isolation level repeatable read, read only"};
constexpr Statement kNestedLoops{"audit_nested_loops",
                                 "select set_config('enable_hashjoin', 'off', true),"
                                 "       set_config('enable_mergejoin', 'off', true),"
                                 "       set_config('enable_seqscan', 'off', true)"};

using Write = std::function<void(const std::string&)>;

struct Filter {
    std::optional<std::int64_t> key_id;
    std::string action;
    std::optional<Timestamp> since, until;

    bool takes_all() const { return !key_id && action.empty() && !since && !until; }
    Params params() const {
        return {
            {"key_id", key_id}, text_or_null("action", action), {"since", since}, {"until", until}};
    }
};

// ---- JSON lines: all that a third party needs to compute the chain again

Facts line_of(const char* kind) {
    Facts line;
    line.add("kind", std::string(kind));
    return line;
}

std::string first_line(const PresentHead& present, const Filter& filter) {
    Facts line = line_of("export");
    line.add(kFormatField, std::int64_t{kFormat});
    line.add("installation", present.head.installation);
    line.add("exported_at", present.head.signed_at);
    line.add("public_key", present.public_key);
    line.add("whole", filter.takes_all());
    return line.json() + "\n";
}

std::string block_line(const Row& row) {
    Facts line = line_of("block");
    for (const char* name : {"height", "block_id", "entries_total"})
        line.add(name, row.int64(name));
    line.add("previous_hash", row.text("previous_hash"));
    line.add("block_hash", row.text("block_hash"));
    line.add("sealed_at", row.instant("sealed_at"));
    return line.json() + "\n";
}

std::string entry_line(const Row& row) {
    Facts line = line_of("entry");
    line.add("height", row.int64("height"));
    line.add("block_hash", row.text("block_hash"));
    line.add("entry_id", row.int64("entry_id"));
    line.add("entry_hash", to_hex(sha256(row.text("payload"))));
    line.add("payload", row.text("payload"));
    return line.json() + "\n";
}

std::string head_line(const PresentHead& present) {
    Facts line = line_of("head");
    line.add("height", present.head.height);
    line.add("hash", present.head.hash);
    line.add("signed_by",
             present.head.signature.empty() ? Cell{} : Cell(fingerprint_of(present.public_key)));
    line.add("line", present.head.line());
    return line.json() + "\n";
}

// @returns how many entries.
std::int64_t write_lines(Session& session, const Filter& filter, const PresentHead& present,
                         const Write& write) {
    std::int64_t entries = 0;
    std::int64_t height = 0;
    write(first_line(present, filter));
    for_each_row(session, sql::audit_export, filter.params(), [&](const Row& row) {
        if (row.int64("height") != height) write(block_line(row));
        height = row.int64("height");
        write(entry_line(row));
        ++entries;
    });
    write(head_line(present));
    return entries;
}

// ---- CSV: for spreadsheets

std::int64_t write_csv(Session& session, const Filter& filter, const Write& write) {
    std::ostringstream text;
    Listing listing(text, Format::csv,
                    {{"at"},
                     {"action"},
                     {"key_id"},
                     {"run_id"},
                     {"height"},
                     {"block_hash"},
                     {"entry_id"},
                     {"entry_hash"},
                     {"payload"}});
    const auto flush = [&] {
        write(text.str());
        text.str("");
    };
    for_each_row(session, sql::audit_export, filter.params(), [&](const Row& row) {
        listing.row({instant_cell(row, "at"), text_cell(row, "action"), row.int64("key_id"),
                     number_cell(row, "run_id"), row.int64("height"), row.text("block_hash"),
                     row.int64("entry_id"), to_hex(sha256(row.text("payload"))),
                     row.text("payload")});
        flush();
    });
    listing.end();
    flush();
    return listing.rows_total();
}

}  // namespace

ExitCode audit_export(const Config& config, const ExportOptions& options, std::ostream& out) {
    Session session = open_session(config, Access::runner);
    const Transaction reading(session);
    session.execute(kOneSnapshot);
    session.one(kNestedLoops);
    Filter filter{{}, options.action, options.since, options.until};
    if (!options.key.empty()) filter.key_id = find_audited_key(session, options.key);
    PresentHead present = read_head(session);
    sign_head(present, config.data_dir);

    std::optional<NewFile> file;
    if (!options.file.empty()) file.emplace(options.file);
    const Write write = [&](const std::string& text) {
        if (file)
            file->write(text);
        else
            out << text;
    };
    const std::int64_t entries = options.format == "csv"
                                     ? write_csv(session, filter, write)
                                     : write_lines(session, filter, present, write);
    if (file) {
        file->finish();
        out << fmt::format("{}: {} {} up to block {}\n", options.file, entries,
                           entries == 1 ? "entry" : "entries", present.head.height);
    }
    return ExitCode::done;
}

}  // namespace keyrota
