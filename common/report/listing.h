#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <variant>
#include <vector>

#include "postgres/session.h"
#include "time/timestamp.h"

namespace keyrota {

enum class Format { text, json, csv };

/// Where a column of a listing appears.
enum class Shown { everywhere, data };  // data: in JSON and CSV only

/// A column, by the name that JSON and CSV give it; the table's head is the same in capitals.
struct Column {
    const char* name;
    Shown shown = Shown::everywhere;
};

/// JSON that goes into JSON as it is.
struct Json {
    std::string text;
};
/// A bool is true or false for programs, yes or no for people.
using Cell = std::variant<std::monostate, bool, std::int64_t, std::string, Timestamp, Json>;

/// A list of things for people (a table, columns as wide as what stands in them), for programs (a
/// JSON list of objects) or for spreadsheets (CSV). Holds no more than the rows that set the
/// widths; escapes for its medium.
class Listing {
  public:
    Listing(std::ostream& out, Format format, std::vector<Column> columns);

    /// One cell a column, in their order.
    void row(std::vector<Cell> cells);
    /// What is still held back; nothing can be added after.
    void end();
    /// The same, and a word for people: `nothing` ("no keys") where there are no rows, and that a
    /// limit cut the list off.
    void end(const char* nothing, bool is_cut = false);

    std::int64_t rows_total() const { return rows_total_; }

  private:
    void write_table_head();
    void write_table_row(const std::vector<std::string>& cells);

    std::ostream& out_;
    Format format_;
    std::vector<Column> columns_;
    std::vector<std::vector<std::string>> held_;  // text: until the widths are known
    std::vector<std::size_t> widths_;
    std::int64_t rows_total_ = 0;
};

/// The cell for a column of a result that may be null.
Cell text_cell(const Row& row, std::string_view column);
Cell number_cell(const Row& row, std::string_view column);
Cell instant_cell(const Row& row, std::string_view column);
/// Of a column that is 0 or 1.
Cell flag_cell(const Row& row, std::string_view column);

/// A cell as a JSON value.
std::string cell_json(const Cell& cell);

/// An instant as people read it in a list: to the second.
std::string short_instant(Timestamp t);

}  // namespace keyrota
