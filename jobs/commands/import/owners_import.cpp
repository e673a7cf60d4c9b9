#include "commands/import/owners_import.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include "audit/audit.h"
#include "commands/import/values.h"
#include "config/options.h"
#include "error/error.h"
#include "jobs_sql.h"
#include "postgres/copy.h"
#include "postgres/database.h"

namespace keyrota {
namespace {

namespace owner_field {
enum : std::size_t { email, name, team, time_zone, active, fallback_email };
}

constexpr Statement kAnalyze{"owner_import_analyze", "analyze pg_temp.owner_import"};
constexpr std::size_t kLongestName = 200;
const std::vector<std::string> kTruths{"true", "false"};

struct OwnerRow {
    std::string_view email, name, team, time_zone, active, fallback_email;
};

bool read_owner_row(Values& values, OwnerRow& row) {
    values.required(owner_field::email);
    row.email = values.email(owner_field::email);
    values.required(owner_field::name);
    row.name = values.at_most(owner_field::name, kLongestName);
    row.team = values.at_most(owner_field::team, kLongestName);
    row.time_zone = values.text(owner_field::time_zone);
    row.active = values.one_of(owner_field::active, kTruths, "");
    row.fallback_email = values.email(owner_field::fallback_email);
    return values.good();
}

void copy_owner(CopyWriter& copy, std::int64_t line, const OwnerRow& owner) {
    const auto text_or_null = [&](std::string_view text) {
        if (text.empty())
            copy.null();
        else
            copy.text(text);
    };
    copy.row(7);
    copy.int64(line);
    copy.text(owner.email);
    copy.text(owner.name);
    text_or_null(owner.team);
    text_or_null(owner.time_zone);
    if (owner.active.empty())
        copy.null();
    else
        copy.boolean(owner.active == "true");
    text_or_null(owner.fallback_email);
}

void require_fields(const ImportMap& map) {
    for (const std::size_t field : {owner_field::email, owner_field::name})
        if (!map.names(field))
            throw Error(ExitCode::config,
                        fmt::format("{}: the map does not say where {} comes from", map.name,
                                    owners_kind().fields[field]));
}

// @returns which fields the file says anything about.
std::vector<bool> stage(Session& session, const OwnersImportOptions& options, const ImportMap& map,
                        Problems& problems) {
    session.execute_verbatim(sql::owner_import_tables.name, sql::owner_import_tables.text);
    CopyWriter copy(
        session, "owner_import",
        "pg_temp.owner_import (line, email, name, team, time_zone, active, fallback_email)");
    Values values(owners_kind(), map, problems);
    OwnerRow owner;
    const std::vector<bool> there =
        read_records(options.file, options.format, map, problems, [&](const Record& record) {
            for (const MapEntry& entry : map.entries)
                if (values.begin(record, entry) && read_owner_row(values, owner))
                    copy_owner(copy, record.line, owner);
        });
    copy.finish();
    session.execute(kAnalyze);
    return fields_said(owners_kind(), map, there);
}

void find_problems(Session& session, const OwnersImportOptions& options, Problems& problems) {
    add_problems(session, sql::owner_import_repeated, {}, problems, [&](const Row& row) {
        problems.add(row.int64("line"),
                     fmt::format("email: {} is already in line {}", in_quotes(row.text("email")),
                                 row.int64("first_line")));
    });
    if (!options.create_teams)
        add_problems(session, sql::owner_import_unknown_teams, {}, problems, [&](const Row& row) {
            problems.add(row.int64("line"),
                         fmt::format("team: there is no team {}", in_quotes(row.text("team"))),
                         "--create-teams creates it.");
        });
    add_problems(session, sql::owner_import_unknown_zones, {}, problems, [&](const Row& row) {
        problems.add(row.int64("line"), "time_zone: PostgreSQL does not know it",
                     "For example Europe/Berlin.");
    });
    add_problems(session, sql::owner_import_unknown_fallbacks, {}, problems, [&](const Row& row) {
        problems.add(row.int64("line"),
                     row.int64("is_self") == 1
                         ? "fallback_email: nobody can be their own fallback"
                         : fmt::format("fallback_email: no owner has the address {}",
                                       in_quotes(row.text("fallback_email"))));
    });
    problems.refuse_if_any();
}

void write(Session& session, const OwnersImportOptions& options, const std::vector<bool>& said) {
    if (options.create_teams) session.execute(sql::owner_import_make_teams);
    session.execute(sql::owner_import_find);
    session.execute(sql::owner_import_make);
    const auto has = [&](std::size_t field) { return said[field] ? 1 : 0; };
    session.execute(sql::owner_import_diff, {{"has_team", has(owner_field::team)},
                                             {"has_time_zone", has(owner_field::time_zone)},
                                             {"has_active", has(owner_field::active)},
                                             {"has_fallback", has(owner_field::fallback_email)}});
    session.execute(sql::owner_import_update);
}

void print(const OwnersImportOptions& options, const Row& totals, Format format,
           std::ostream& out) {
    const std::int64_t read = totals.int64("read"), added = totals.int64("new"),
                       changed = totals.int64("changed");
    if (format == Format::json) {
        fmt::print(
            out,
            "{{\"dry_run\": {}, \"read\": {}, \"new\": {}, \"changed\": {}, \"unchanged\": {}}}\n",
            options.dry_run, read, added, changed, read - added - changed);
        return;
    }
    fmt::print(out, "{} {} in the file{}\n  {:>10} new\n  {:>10} changed\n  {:>10} unchanged\n",
               read, read == 1 ? "owner" : "owners", options.dry_run ? "; nothing was changed" : "",
               added, changed, read - added - changed);
}

}  // namespace

ExitCode owners_import(const Config& config, const OwnersImportOptions& options, Format format,
                       bool is_terminal, std::ostream& out) {
    const ImportMap map = load_import_map(options.map, owners_kind());
    require_fields(map);
    Problems problems(options.file == "-" ? "stdin" : options.file);
    Session session = open_session(config, Access::runner);
    Transaction transaction(session);
    prepare_import(session);
    const std::vector<bool> said = stage(session, options, map, problems);
    wait_for_other_imports(session, "owners");
    find_problems(session, options, problems);
    write(session, options, said);
    const Row totals = session.one(sql::owner_import_totals);
    if (!options.dry_run) {
        AuditBlocks blocks(session);
        const Param actor("actor", audit_actor()), why("why", import_reason("", options.file));
        blocks.for_stretches(totals.int64("listed"), [&](Params stretch) {
            stretch.push_back(actor);
            stretch.push_back(why);
            session.execute(sql::owner_import_audit, stretch);
        });
        blocks.seal();
        transaction.commit();
    }
    if (format == Format::json || is_terminal || options.dry_run)
        print(options, totals, format, out);
    return ExitCode::done;
}

}  // namespace keyrota
