#include "commands/keys/list.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <memory>
#include <sstream>

#include "postgres/database.h"
#include "report/facts.h"
#include "report/new_file.h"

namespace keyrota {
namespace {

// A list for people has days: the second matters on one key's page.
Cell day_cell(const Row& row, const char* column, const char* otherwise) {
    if (row.is_null(column)) return std::string(otherwise);
    return to_string(row.instant(column)).substr(0, 10);
}

class KeyListing {
  public:
    KeyListing(std::ostream& out, Format format)
        : format_(format), listing_(out, format, kColumns) {}

    void row(const Row& key) {
        const bool for_people = format_ == Format::text;
        const auto instant = [&](const char* column) {
            return for_people ? day_cell(key, column, "never") : instant_cell(key, column);
        };
        listing_.row({key.int64("key_id"), key.text("name"), key.text("type"),
                      key.text("environment"),
                      text_cell(key, for_people && key.is_null("owner") ? "owner_name" : "owner"),
                      instant("created_at"), key.int64("age_days"), instant("last_used_at"),
                      instant("expires_at"), key.text("status"), key.text("masked"),
                      key.text("source"), text_cell(key, "external_id"), text_cell(key, "team"),
                      format_ == Format::json ? Cell(Json{key.text("scopes")})
                                              : Cell(key.text("scope_words")),
                      text_cell(key, "service_plan"), number_cell(key, "limit_per_minute")});
    }
    std::int64_t rows_total() const { return listing_.rows_total(); }
    void end() { listing_.end(); }

  private:
    inline static const std::vector<Column> kColumns{{"key_id"},
                                                     {"name"},
                                                     {"type"},
                                                     {"environment"},
                                                     {"owner"},
                                                     {"created_at"},
                                                     {"age_days"},
                                                     {"last_used_at"},
                                                     {"expires_at"},
                                                     {"status"},
                                                     {"key", Shown::data},
                                                     {"source", Shown::data},
                                                     {"external_id", Shown::data},
                                                     {"team", Shown::data},
                                                     {"scopes", Shown::data},
                                                     {"service_plan", Shown::data},
                                                     {"limit_per_minute", Shown::data}};

    Format format_;
    Listing listing_;
};

// The columns of an export, which an import reads by these names.
std::vector<std::pair<const char*, Cell>> export_cells(const Row& key, ExportFormat format) {
    return {{"external_id", text_cell(key, "external_id")},
            {"name", key.text("name")},
            {"owner_email", text_cell(key, "owner")},
            {"type", key.text("type")},
            {"environment", key.text("environment")},
            {"prefix", key.text("prefix")},
            {"hint", key.text("hint")},
            {"scopes", format == ExportFormat::jsonl ? Cell(Json{key.text("scopes")})
                                                     : Cell(key.text("scope_words"))},
            {"plan", text_cell(key, "service_plan")},
            {"created_at", instant_cell(key, "created_at")},
            {"expires_at", instant_cell(key, "expires_at")},
            {"status", key.text("status")}};
}

const std::vector<Column> kExported{{"external_id"}, {"name"},       {"owner_email"}, {"type"},
                                    {"environment"}, {"prefix"},     {"hint"},        {"scopes"},
                                    {"plan"},        {"created_at"}, {"expires_at"},  {"status"}};

std::string json_line(const Row& key) {
    Facts facts;
    for (auto& [name, cell] : export_cells(key, ExportFormat::jsonl))
        facts.add(name, std::move(cell));
    return facts.json() + "\n";
}

}  // namespace

ExitCode keys_list(const Config& config, const KeyFilter& filter, const KeyOrder& order,
                   Format format, std::ostream& out) {
    constexpr std::int64_t kRowsForPeople = 100;
    KeyOrder page = order;
    if (!page.limit && format == Format::text) page.limit = kRowsForPeople;
    if (page.limit && *page.limit == 0) page.limit.reset();
    const std::optional<std::int64_t> shown = page.limit;
    if (page.limit) ++*page.limit;  // one more, to know whether there are more

    Session session = open_session(config, Access::runner);
    KeyListing listing(out, format);
    std::int64_t last = 0;
    bool is_cut = false;
    Transaction reading(session);
    for_each_key(session, filter, page, [&](const Row& key) {
        if (shown && listing.rows_total() == *shown) {
            is_cut = true;
            return;
        }
        listing.row(key);
        last = key.int64("key_id");
    });
    listing.end();
    if (format != Format::text) return ExitCode::done;
    if (listing.rows_total() == 0) out << "no keys\n";
    if (is_cut)
        fmt::print(out, "\nThere are more: --after {} continues, --limit 0 shows all.\n", last);
    return ExitCode::done;
}

ExitCode keys_credential_report(const Config& config, const KeyFilter& filter,
                                const KeyOrder& order, std::ostream& out) {
    KeyOrder all = order;
    all.with_findings = true;
    if (all.limit && *all.limit == 0) all.limit.reset();
    const auto or_none = [](const Cell& cell) {
        return std::holds_alternative<std::monostate>(cell) ? Cell("N/A") : cell;
    };
    Session session = open_session(config, Access::runner);
    Listing listing(out, Format::csv,
                    {{"key_id"},
                     {"key"},
                     {"name"},
                     {"type"},
                     {"environment"},
                     {"source"},
                     {"owner"},
                     {"team"},
                     {"key_active"},
                     {"status"},
                     {"created_time"},
                     {"age_days"},
                     {"last_used_time"},
                     {"expires_time"},
                     {"scopes"},
                     {"findings"}});
    Transaction reading(session);
    for_each_key(session, filter, all, [&](const Row& key) {
        listing.row(
            {key.int64("key_id"), key.text("masked"), key.text("name"), key.text("type"),
             key.text("environment"), key.text("source"), or_none(text_cell(key, "owner")),
             or_none(text_cell(key, "team")), key.text("status") == "active" ? "TRUE" : "FALSE",
             key.text("status"), instant_cell(key, "created_at"), key.int64("age_days"),
             or_none(instant_cell(key, "last_used_at")), or_none(instant_cell(key, "expires_at")),
             key.text("scope_words"), text_cell(key, "findings")});
    });
    listing.end();
    return ExitCode::done;
}

ExitCode keys_export(const Config& config, const KeyFilter& filter, ExportFormat format,
                     const std::filesystem::path& file, std::ostream& out) {
    Session session = open_session(config, Access::runner);
    std::unique_ptr<NewFile> new_file;
    if (!file.empty()) new_file = std::make_unique<NewFile>(file);
    std::ostringstream written;
    std::ostream& target = new_file ? written : out;
    const auto pass_on = [&] {
        if (!new_file) return;
        new_file->write(written.str());
        written.str("");
    };
    std::unique_ptr<Listing> csv;
    if (format == ExportFormat::csv)
        csv = std::make_unique<Listing>(target, Format::csv, kExported);
    std::int64_t total = 0;
    Transaction reading(session);
    for_each_key(session, filter, {}, [&](const Row& key) {
        ++total;
        if (csv) {
            std::vector<Cell> cells;
            for (auto& [name, cell] : export_cells(key, format)) cells.push_back(std::move(cell));
            csv->row(std::move(cells));
        } else {
            target << json_line(key);
        }
        pass_on();
    });
    if (csv) csv->end();
    pass_on();
    if (!new_file) return ExitCode::done;
    new_file->finish();
    fmt::print(out, "{} {} written to {}\n", total, total == 1 ? "key" : "keys", file.string());
    return ExitCode::done;
}

}  // namespace keyrota
