#include "commands/import/keys_import.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>
#include <istream>
#include <map>

#include "audit/audit.h"
#include "commands/import/key_row.h"
#include "config/options.h"
#include "error/error.h"
#include "jobs_sql.h"
#include "plan/action.h"
#include "postgres/copy.h"
#include "postgres/database.h"
#include "progress/progress.h"
#include "report/escape.h"
#include "text/email_address.h"

namespace keyrota {
namespace {

constexpr Statement kPlans{
    "import_plans",
    "select name, service_plan_id from keyrota.service_plan order by service_plan_id"};
// What the comparing joins by; the other columns need no statistics.
constexpr Statement kAnalyze{
    "import_analyze", "analyze pg_temp.key_import (line, external_id, owner_email, secret_hash)"};
constexpr Statement kAnalyzeOwners{"import_analyze_owners", "analyze pg_temp.key_import_owner"};
constexpr Statement kAnalyzeChanged{"import_analyze_changed", "analyze pg_temp.key_import_changed"};
constexpr Statement kAnalyzeVanished{"import_analyze_vanished",
                                     "analyze pg_temp.key_import_vanished"};
constexpr std::size_t kLongestSource = 50;

struct Totals {
    std::int64_t read = 0, added = 0, changed = 0, vanished = 0, pruned = 0, new_owners = 0;
    std::int64_t unchanged() const { return read - added - changed; }
};

struct Import {
    const KeysImportOptions& options;
    Session& session;
    Problems problems;
    ImportMap map;
    Totals totals{};
    std::vector<Row> vanished_first{};
};

void require_source(const std::string& source) {
    if (source == "native")
        throw Error(ExitCode::usage, "--source native: these keys are keyrota's own",
                    "Choose another name for where the file comes from.");
    const bool is_name =
        source.size() <= kLongestSource &&
        source.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789._-") == std::string::npos;
    if (!is_name)
        throw Error(
            ExitCode::usage, fmt::format("--source {}: not a name for a source", in_quotes(source)),
            fmt::format("Use a-z, 0-9, dots, _ and -, at most {} characters.", kLongestSource));
}

void require_fields(const Import& import) {
    for (const std::size_t field :
         {key_field::external_id, key_field::name, key_field::owner_email, key_field::type}) {
        if (import.map.names(field)) continue;
        if (field != key_field::owner_email)
            throw Error(ExitCode::config,
                        fmt::format("{}: the map does not say where {} comes from", import.map.name,
                                    keys_kind().fields[field]));
        if (import.options.owner.empty())
            throw Error(ExitCode::usage, "the map does not mention owners",
                        "Give --owner EMAIL: who is notified about these keys.");
    }
}

void require_consent_is_possible(const KeysImportOptions& options, const Terminal& terminal) {
    if (!options.prune || options.yes || options.dry_run) return;
    if (!terminal.in || options.file == "-")
        throw Error(ExitCode::usage, "--prune asks before it expires keys, and nobody can answer",
                    "Give --yes.");
}

// -------------------------------------------------------------------------------------------------
// From the file to key_import

class Staging {
  public:
    Staging(Session& session, std::map<std::string, std::int64_t, std::less<>> plans)
        : plans_(std::move(plans)),
          copy_(session, "key_import",
                "pg_temp.key_import (line, external_id, name, owner_email, type, environment, "
                "prefix, hint, "
                "scopes, service_plan_id, created_at, expires_at, status, secret_hash)") {}

    void add(std::int64_t line, const KeyRow& key) {
        copy_.row(14);
        copy_.int64(line);
        for (const std::string_view text :
             {key.external_id, key.name, key.owner_email, key.type, key.environment})
            copy_.text(text);
        text_or_null(key.prefix);
        text_or_null(key.hint);
        if (key.scopes.empty())
            copy_.null();
        else
            copy_.text_array(key.scopes);
        if (key.plan.empty())
            copy_.null();
        else
            copy_.int64(plans_.find(key.plan)->second);
        instant_or_null(key.created_at);
        instant_or_null(key.expires_at);
        copy_.text(key.status);
        text_or_null(key.secret_hash);
    }
    void finish() { copy_.finish(); }

  private:
    void text_or_null(std::string_view text) {
        if (text.empty())
            copy_.null();
        else
            copy_.text(text);
    }
    void instant_or_null(const std::optional<Timestamp>& instant) {
        if (instant)
            copy_.instant(*instant);
        else
            copy_.null();
    }

    std::map<std::string, std::int64_t, std::less<>> plans_;
    CopyWriter copy_;
};

// @returns which fields the file says anything about.
std::vector<bool> stage(Import& import) {
    std::map<std::string, std::int64_t, std::less<>> plans;
    std::vector<std::string> plan_names;
    for (const Row& row : import.session.rows(kPlans)) {
        plans.emplace(row.text("name"), row.int64("service_plan_id"));
        plan_names.push_back(row.text("name"));
    }
    import.session.execute_verbatim(sql::key_import_tables.name, sql::key_import_tables.text);
    Staging staging(import.session, std::move(plans));
    Values values(keys_kind(), import.map, import.problems);
    KeyRow key;
    const std::vector<bool> there =
        read_records(import.options.file, import.options.format, import.map, import.problems,
                     [&](const Record& record) {
                         for (const MapEntry& entry : import.map.entries)
                             if (values.begin(record, entry) &&
                                 read_key_row(values, plan_names, import.options.owner, key))
                                 staging.add(record.line, key);
                     });
    staging.finish();
    import.session.execute(kAnalyze);
    return fields_said(keys_kind(), import.map, there);
}

// -------------------------------------------------------------------------------------------------
// What is wrong, what is different

void find_problems(Import& import) {
    Problems& problems = import.problems;
    Session& session = import.session;
    add_problems(session, sql::key_import_repeated, {}, problems, [&](const Row& row) {
        problems.add(row.int64("line"),
                     fmt::format("external_id: {} is already in line {}",
                                 in_quotes(row.text("external_id")), row.int64("first_line")));
    });
    add_problems(session, sql::key_import_repeated_secrets, {}, problems, [&](const Row& row) {
        problems.add(row.int64("line"),
                     fmt::format("the secret is the same as in line {}", row.int64("first_line")));
    });
    add_problems(session, sql::key_import_taken_secrets, {{"source", import.options.source}},
                 problems, [&](const Row& row) {
                     problems.add(row.int64("line"),
                                  fmt::format("the secret is the same as that of key {}",
                                              row.int64("key_id")));
                 });
    if (!import.options.create_owners)
        add_problems(session, sql::key_import_unknown_owners, {}, problems, [&](const Row& row) {
            problems.add(row.int64("line"),
                         fmt::format("owner_email: no owner has the address {}",
                                     in_quotes(row.text("owner_email"))),
                         "`keyrota owners import` adds owners; --create-owners creates them from "
                         "their addresses.");
        });
    problems.refuse_if_any();
}

void compare(Import& import, const std::vector<bool>& said) {
    Session& session = import.session;
    const auto has = [&](std::size_t field) {
        const bool from_secret =
            said[key_field::secret] && (field == key_field::prefix || field == key_field::hint);
        return said[field] || from_secret ? 1 : 0;
    };
    session.execute(sql::key_import_diff, {{"has_prefix", has(key_field::prefix)},
                                           {"has_hint", has(key_field::hint)},
                                           {"has_scopes", has(key_field::scopes)},
                                           {"has_plan", has(key_field::plan)},
                                           {"has_status", has(key_field::status)},
                                           {"has_expires_at", has(key_field::expires_at)},
                                           {"source", import.options.source}});
    session.execute(sql::key_import_vanish, {{"source", import.options.source}});
    const Row row = session.one(sql::key_import_totals, {{"source", import.options.source}});
    Totals& totals = import.totals;
    totals.read = row.int64("read");
    totals.added = row.int64("new");
    totals.changed = row.int64("changed");
    totals.vanished = row.int64("vanished");
    totals.new_owners = row.int64("new_owners");
    if (totals.vanished > 0) import.vanished_first = session.rows(sql::key_import_vanished_first);
}

// -------------------------------------------------------------------------------------------------
// What was or would be done

std::string vanished_json(const std::vector<Row>& rows) {
    std::string list = "[";
    for (const Row& row : rows)
        list += fmt::format(R"({}{{"key_id": {}, "external_id": {}, "name": {}}})",
                            list.size() == 1 ? "" : ", ", row.int64("key_id"),
                            cell_json(row.text("external_id")), cell_json(row.text("name")));
    return list + "]";
}

void print_json(const Import& import, std::ostream& out) {
    const Totals& t = import.totals;
    fmt::print(out,
               "{{\"source\": {}, \"dry_run\": {}, \"read\": {}, \"new\": {}, \"changed\": {}, "
               "\"unchanged\": {}, \"vanished\": {}, \"pruned\": {}, \"new_owners\": {}, "
               "\"vanished_first\": {}}}\n",
               cell_json(import.options.source), import.options.dry_run, t.read, t.added, t.changed,
               t.unchanged(), t.vanished, t.pruned, t.new_owners,
               vanished_json(import.vanished_first));
}

void print_vanished(const Import& import, std::ostream& out) {
    constexpr std::size_t kWidth = 40;
    for (const Row& row : import.vanished_first)
        fmt::print(out, "    {}  {}  {}\n",
                   shortened(for_terminal(row.text("external_id")), 2 * kWidth),
                   shortened(for_terminal(row.text("name")), kWidth),
                   row.is_null("owner") ? "no owner" : for_terminal(row.text("owner")));
    const auto more =
        import.totals.vanished - static_cast<std::int64_t>(import.vanished_first.size());
    if (more > 0) fmt::print(out, "    and {} more\n", more);
}

void print_text(const Import& import, std::ostream& out) {
    const Totals& t = import.totals;
    fmt::print(out, "{}: {} {} in the file{}\n", import.options.source, t.read,
               t.read == 1 ? "key" : "keys", import.options.dry_run ? "; nothing was changed" : "");
    const char* fate = import.options.prune ? t.pruned > 0 ? "no longer in the file: expired"
                                                           : "no longer in the file: to be expired"
                                            : "no longer in the file; --prune expires them";
    const auto line = [&](std::int64_t total, const std::string& what) {
        fmt::print(out, "  {:>10} {}\n", total, what);
    };
    line(t.added, "new");
    line(t.changed, "changed");
    line(t.unchanged(), "unchanged");
    if (t.new_owners > 0) line(t.new_owners, "owners created from their addresses");
    if (t.vanished > 0) line(t.vanished, fate);
    print_vanished(import, out);
}

// -------------------------------------------------------------------------------------------------
// Doing it

void guard_prune(const Import& import) {
    const KeysImportOptions& options = import.options;
    const std::int64_t wanted = import.totals.vanished;
    if (!options.prune || wanted == 0) return;
    if (import.totals.read == 0)
        throw Error(ExitCode::usage, "the file holds no key: nothing would be left of this source",
                    "Without --prune they are only counted.");
    constexpr Action kPrune{"prune", "key.expire", {"", ""}, false};
    const bool fits = options.max_actions ? wanted <= *options.max_actions
                                          : within_blast_radius(import.session, kPrune, wanted);
    if (!fits)
        throw Error(
            ExitCode::blast_radius,
            fmt::format("{} keys are no longer in the file: too many to expire at once", wanted),
            fmt::format("Preview them with --dry-run, then give --max-actions {}.", wanted));
}

void ask(const Import& import, std::istream& in, std::ostream& out) {
    const std::int64_t wanted = import.totals.vanished;
    if (!import.options.prune || import.options.yes || wanted == 0) return;
    print_text(import, out);
    fmt::print(out, "Type {} to expire that many keys: ", wanted);
    out.flush();
    std::string answer;
    std::getline(in, answer);
    if (answer != std::to_string(wanted))
        throw Error(ExitCode::usage, "not confirmed: nothing was changed");
}

void require_all(std::int64_t done, std::int64_t expected) {
    if (done != expected)
        throw Error(ExitCode::database,
                    "another session changed keys of this source in the meantime",
                    "Nothing was changed: run it again.");
}

// What the entries of one import share.
class Writer {
  public:
    Writer(Import& import, bool show_progress)
        : import_(import),
          session_(import.session),
          blocks_(import.session),
          source_("source", import.options.source),
          actor_("actor", audit_actor()),
          why_("why", import_reason(import.options.source, import.options.file)),
          progress_("importing", import.totals.added + import.totals.changed, show_progress) {}

    void write() {
        owners();
        added();
        changed();
        if (import_.options.prune) vanished();
        blocks_.seal();
    }

  private:
    Params audited(const Params& stretch, bool with_source = false) const {
        Params params = stretch;
        params.push_back(actor_);
        params.push_back(why_);
        if (with_source) params.push_back(source_);
        return params;
    }
    static Params bounds(const Params& stretch) { return {stretch[0], stretch[1]}; }

    void owners() {
        if (import_.totals.new_owners == 0) return;
        import_.totals.new_owners = session_.execute(sql::key_import_make_owners);
        session_.execute(sql::key_import_find_owners);
        if (import_.totals.new_owners > 0)
            session_.execute(sql::key_import_audit_owners, audited({{"block_id", blocks_.open()}}));
    }

    void added() {
        if (import_.totals.added == 0) return;
        require_all(session_.execute(sql::key_import_number, {source_}), import_.totals.added);
        blocks_.for_stretches(import_.totals.added, [&](const Params& stretch) {
            Params with_source = bounds(stretch);
            with_source.push_back(source_);
            const std::int64_t done = session_.execute(sql::key_import_insert, with_source);
            session_.execute(sql::key_import_insert_states, bounds(stretch));
            session_.execute(sql::key_import_insert_activity, bounds(stretch));
            session_.execute(sql::key_import_audit_new, audited(stretch, true));
            progress_.advance(done);
        });
        session_.execute(sql::key_import_insert_external, {source_});
        session_.execute(sql::key_import_insert_secrets);
    }

    void changed() {
        if (import_.totals.changed == 0) return;
        session_.execute(kAnalyzeChanged);
        const Row expected = session_.one(sql::key_import_changed_totals);
        require_all(session_.execute(sql::key_import_update), expected.int64("keys"));
        require_all(session_.execute(sql::key_import_update_states), expected.int64("states"));
        if (expected.int64("secrets") > 0) {
            session_.execute(sql::key_import_drop_secrets);
            session_.execute(sql::key_import_replace_secrets);
        }
        blocks_.for_stretches(import_.totals.changed, [&](const Params& stretch) {
            progress_.advance(session_.execute(sql::key_import_audit_changed, audited(stretch)));
        });
    }

    void vanished() {
        if (import_.totals.vanished == 0) return;
        session_.execute(kAnalyzeVanished);
        import_.totals.pruned = session_.execute(sql::key_import_prune);
        require_all(import_.totals.pruned, import_.totals.vanished);
        const std::int64_t listed = session_.one(kVanishedTotal).int64("total");
        blocks_.for_stretches(listed, [&](const Params& stretch) {
            session_.execute(sql::key_import_audit_pruned, audited(stretch));
        });
    }

    static constexpr Statement kVanishedTotal{
        "import_vanished_total", "select count(*) as total from pg_temp.key_import_vanished"};

    Import& import_;
    Session& session_;
    AuditBlocks blocks_;
    Param source_, actor_, why_;
    Progress progress_;
};

}  // namespace

ExitCode keys_import(const Config& config, const KeysImportOptions& options, Format format,
                     const Terminal& terminal, std::istream& in, std::ostream& out) {
    require_source(options.source);
    require_consent_is_possible(options, terminal);
    if (!options.owner.empty() && !is_email_address(options.owner))
        throw Error(ExitCode::usage, "--owner: not an email address");
    const std::string file = options.file == "-" ? "stdin" : options.file;
    ImportMap map = load_import_map(options.map, keys_kind());
    Session session = open_session(config, Access::runner);
    Import import{options, session, Problems(file), std::move(map)};
    require_fields(import);

    Transaction transaction(session);
    prepare_import(session);
    const std::vector<bool> said = stage(import);
    wait_for_other_imports(session, options.source);
    session.execute(sql::key_import_owners);
    session.execute(kAnalyzeOwners);
    find_problems(import);
    compare(import, said);
    if (!options.dry_run) {
        guard_prune(import);
        ask(import, in, out);
        Writer(import, terminal.errors).write();
        transaction.commit();
    }
    // Under cron it speaks where there is something to say.
    if (format == Format::json)
        print_json(import, out);
    else if (terminal.out || options.dry_run || import.totals.vanished > 0)
        print_text(import, out);
    if (options.dry_run) guard_prune(import);
    return ExitCode::done;
}

}  // namespace keyrota
