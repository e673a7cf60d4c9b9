#include "report/listing.h"

#include <Poco/JSON/Stringifier.h>
#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cctype>
#include <sstream>

#include "report/escape.h"

namespace keyrota {
namespace {

constexpr std::size_t kRowsThatSetWidths = 500;
constexpr std::size_t kWidest = 40;

std::string json_string(const std::string& text) {
    std::ostringstream quoted;
    Poco::JSON::Stringifier::formatString(text, quoted);
    return quoted.str();
}

struct ToJsonText {
    std::string operator()(std::monostate) const { return "null"; }
    std::string operator()(bool flag) const { return flag ? "true" : "false"; }
    std::string operator()(std::int64_t number) const { return std::to_string(number); }
    std::string operator()(const std::string& text) const { return json_string(text); }
    std::string operator()(Timestamp t) const { return json_string(to_string(t)); }
    std::string operator()(const Json& json) const { return json.text; }
};

struct ToCsv {
    std::string operator()(std::monostate) const { return ""; }
    std::string operator()(bool flag) const { return flag ? "true" : "false"; }
    std::string operator()(std::int64_t number) const { return std::to_string(number); }
    std::string operator()(const std::string& text) const { return for_csv(text); }
    std::string operator()(Timestamp t) const { return to_string(t); }
    std::string operator()(const Json& json) const { return for_csv(json.text); }
};

struct ToTable {
    std::string operator()(std::monostate) const { return "-"; }
    std::string operator()(bool flag) const { return flag ? "yes" : "no"; }
    std::string operator()(std::int64_t number) const { return std::to_string(number); }
    std::string operator()(const std::string& text) const {
        return shortened(for_terminal(text), kWidest);
    }
    std::string operator()(Timestamp t) const { return short_instant(t); }
    std::string operator()(const Json& json) const { return (*this)(json.text); }
};

std::string head_of(const char* name) {
    std::string head = name;
    for (char& c : head) c = c == '_' ? ' ' : static_cast<char>(std::toupper(c));
    return head;
}

}  // namespace

Listing::Listing(std::ostream& out, Format format, std::vector<Column> columns)
    : out_(out), format_(format), columns_(std::move(columns)) {
    if (format_ == Format::json) out_ << "[";
    if (format_ != Format::csv) return;
    std::string separator;
    for (const Column& column : columns_) {
        out_ << separator << column.name;
        separator = ",";
    }
    out_ << "\r\n";
}

void Listing::row(std::vector<Cell> cells) {
    assert(cells.size() == columns_.size());
    ++rows_total_;
    std::string separator;
    switch (format_) {
        case Format::json:
            out_ << (rows_total_ == 1 ? "\n  {" : ",\n  {");
            for (std::size_t i = 0; i < cells.size(); ++i) {
                out_ << separator << json_string(columns_[i].name) << ": " << cell_json(cells[i]);
                separator = ", ";
            }
            out_ << "}";
            return;
        case Format::csv:
            for (const Cell& cell : cells) {
                out_ << separator << std::visit(ToCsv{}, cell);
                separator = ",";
            }
            out_ << "\r\n";
            return;
        case Format::text:
            break;
    }
    std::vector<std::string> shown;
    for (std::size_t i = 0; i < cells.size(); ++i)
        if (columns_[i].shown == Shown::everywhere)
            shown.push_back(std::visit(ToTable{}, cells[i]));
    if (widths_.empty()) {
        held_.push_back(std::move(shown));
        if (held_.size() == kRowsThatSetWidths) write_table_head();
    } else {
        write_table_row(shown);
    }
}

void Listing::end() {
    if (format_ == Format::json) out_ << (rows_total_ == 0 ? "]\n" : "\n]\n");
    if (format_ == Format::text && widths_.empty() && rows_total_ > 0) write_table_head();
}

void Listing::end(const char* nothing, bool is_cut) {
    end();
    if (format_ != Format::text) return;
    if (rows_total_ == 0) out_ << nothing << "\n";
    if (is_cut) out_ << "\nThese are the first " << rows_total_ << "; --limit 0 shows all.\n";
}

void Listing::write_table_head() {
    std::vector<std::string> heads;
    for (const Column& column : columns_)
        if (column.shown == Shown::everywhere) heads.push_back(head_of(column.name));
    for (std::size_t i = 0; i < heads.size(); ++i) {
        std::size_t width = width_of(heads[i]);
        for (const auto& cells : held_) width = std::max(width, width_of(cells[i]));
        widths_.push_back(width);
    }
    write_table_row(heads);
    for (const auto& cells : held_) write_table_row(cells);
    held_.clear();
}

void Listing::write_table_row(const std::vector<std::string>& cells) {
    std::string line;
    std::size_t column = 0;  // where the present cell begins
    for (std::size_t i = 0; i < cells.size(); ++i) {
        line += cells[i];
        column += widths_[i] + 2;
        if (i + 1 == cells.size()) break;
        const std::size_t used = width_of(line);
        line += std::string(used < column ? column - used : 2, ' ');
    }
    out_ << line << "\n";
}

Cell text_cell(const Row& row, std::string_view column) {
    if (row.is_null(column)) return std::monostate{};
    return row.text(column);
}

Cell number_cell(const Row& row, std::string_view column) {
    if (row.is_null(column)) return std::monostate{};
    return row.int64(column);
}

Cell instant_cell(const Row& row, std::string_view column) {
    if (row.is_null(column)) return std::monostate{};
    return row.instant(column);
}

Cell flag_cell(const Row& row, std::string_view column) {
    if (row.is_null(column)) return std::monostate{};
    return row.int64(column) != 0;
}

std::string cell_json(const Cell& cell) {
    return std::visit(ToJsonText{}, cell);
}

std::string short_instant(Timestamp t) {
    return to_string(std::chrono::floor<std::chrono::seconds>(t));
}

}  // namespace keyrota
