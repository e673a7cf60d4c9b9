#include "commands/import/records.h"

#include <csv.h>
#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <cstdlib>
#include <unordered_map>

#include "commands/import/lines.h"
#include "config/options.h"
#include "error/error.h"
#include "error/suggestion.h"
#include "report/escape.h"

namespace keyrota {
namespace {

using Use = std::function<void(const Record&)>;

std::string_view without_line_break(std::string_view line) {
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
    return line;
}

std::string too_long() {
    return fmt::format("longer than {} MiB", Lines::kLongest >> 20);
}

// Texts that the map calls empty.
void apply_empty(const ImportMap& map, Record& record) {
    if (map.empty.empty()) return;
    for (std::string_view& field : record.fields)
        if (std::find(map.empty.begin(), map.empty.end(), field) != map.empty.end()) field = {};
}

// A file without a header would have its first secret shown as the name of a column: only what is
// nearly the name of one is.
void complain_of_other_column(const ImportMap& map, std::int64_t line, std::string_view column,
                              const std::string& otherwise, Problems& problems) {
    const std::string hint = did_you_mean(column, map.columns);
    problems.add(line, "unknown column " + (hint.empty() ? otherwise : in_quotes(column)),
                 hint.empty()
                     ? "`other_columns: ignore` in a map ignores columns that it does not name."
                     : hint);
}

// -------------------------------------------------------------------------------------------------
// CSV

class CsvReader {
  public:
    CsvReader(Lines& lines, const ImportMap& map, Problems& problems, const Use& use)
        : lines_(lines), map_(map), problems_(problems), use_(use) {
        record_.fields.resize(map.columns.size());
        open_parser();
    }
    ~CsvReader() { csv_free(&parser_); }
    CsvReader(const CsvReader&) = delete;
    CsvReader& operator=(const CsvReader&) = delete;

    std::vector<bool> read() {
        while (!stopped_ && lines_.next()) line();
        if (!stopped_) last_line();
        if (!has_header_ && !stopped_)
            problems_.add(1, "the file is empty", "Its first line must name the columns.");
        std::vector<bool> there(map_.columns.size());
        for (std::size_t i = 0; i < there.size(); ++i) there[i] = places_[i].has_value();
        return there;
    }

  private:
    // A record in quotes that never end would be the rest of the file.
    static void* bounded(void* memory, std::size_t size) {
        return size > Lines::kLongest ? nullptr : std::realloc(memory, size);
    }
    static int is_no_space(unsigned char) { return 0; }  // blanks belong to the field

    void open_parser() {
        if (csv_init(&parser_, CSV_STRICT | CSV_STRICT_FINI) != 0)
            throw Error(ExitCode::internal, "the CSV parser cannot be set up");
        csv_set_space_func(&parser_, is_no_space);
        csv_set_realloc_func(&parser_, bounded);
        csv_set_blk_size(&parser_, std::size_t{1} << 14);
    }

    // The parser does not count lines, so it gets one at a time.
    void line() {
        const std::string_view text = lines_.text();
        if (!in_record_) first_line_ = lines_.number();
        if (lines_.is_too_long()) return stop(too_long());
        if (!is_text(text)) return drop_record();
        row_ended_ = false;
        const std::size_t parsed =
            csv_parse(&parser_, text.data(), text.size(), on_field, on_row, this);
        if (parsed != text.size()) {
            if (csv_error(&parser_) == CSV_ENOMEM) return stop(too_long());
            problems_.add_at(lines_.number(), static_cast<std::int64_t>(parsed) + 1,
                             "unexpected quote",
                             "Put a field that contains a quote in quotes, and double the quote.");
            return drop_record();
        }
        if (row_ended_)
            in_record_ = false;
        else if (!without_line_break(text).empty())
            in_record_ = true;
    }

    bool is_text(std::string_view text) {
        const char* what = nullptr;
        if (!simdjson::validate_utf8(text)) what = "not UTF-8";
        if (text.find('\0') != std::string_view::npos) what = "a NUL character";
        if (what) problems_.add(lines_.number(), what);
        return what == nullptr;
    }

    void last_line() {
        if (csv_fini(&parser_, on_field, on_row, this) == 0) return;
        problems_.add(first_line_, "the file ends inside a quoted field",
                      "It may have been truncated.");
    }

    // What follows is read as the beginning of a record again.
    void drop_record() {
        csv_free(&parser_);
        open_parser();
        fields_.clear();
        text_.clear();
        in_record_ = false;
        if (!has_header_) stopped_ = true;
    }
    void stop(const std::string& what) {
        problems_.add(first_line_, what, "Is a closing quote missing?");
        stopped_ = true;
    }

    static void on_field(void* text, std::size_t size, void* self) {
        auto& reader = *static_cast<CsvReader*>(self);
        reader.is_too_long_ = reader.is_too_long_ || reader.text_.size() + size > Lines::kLongest;
        if (!reader.is_too_long_ && size > 0)
            reader.text_.append(static_cast<const char*>(text), size);
        reader.fields_.push_back(reader.text_.size());
    }
    static void on_row(int, void* self) { static_cast<CsvReader*>(self)->row(); }

    std::string_view field(std::size_t place) const {
        const std::size_t begin = place == 0 ? 0 : fields_[place - 1];
        return std::string_view(text_).substr(begin, fields_[place] - begin);
    }

    void row() {
        row_ended_ = true;
        if (is_too_long_)
            problems_.add(first_line_, too_long());
        else if (!has_header_)
            header();
        else if (fields_.size() != width_)
            problems_.add(first_line_,
                          fmt::format("{} fields; the header has {}", fields_.size(), width_));
        else
            record();
        is_too_long_ = false;
        fields_.clear();
        text_.clear();
        first_line_ = lines_.number() + 1;
    }

    void record() {
        record_.line = first_line_;
        for (std::size_t i = 0; i < places_.size(); ++i)
            record_.fields[i] = places_[i] ? from_csv(field(*places_[i])) : std::string_view();
        apply_empty(map_, record_);
        use_(record_);
    }

    void header() {
        has_header_ = true;
        width_ = fields_.size();
        places_.resize(map_.columns.size());
        for (std::size_t place = 0; place < width_; ++place) {
            const std::string name(field(place));
            const auto found = std::find(map_.columns.begin(), map_.columns.end(), name);
            if (found == map_.columns.end()) {
                if (map_.refuses_other_columns)
                    complain_of_other_column(map_, first_line_, name, fmt::format("{}", place + 1),
                                             problems_);
                continue;
            }
            auto& known = places_[static_cast<std::size_t>(found - map_.columns.begin())];
            if (known)
                problems_.add(first_line_, fmt::format("column {} appears twice", in_quotes(name)));
            known = place;
        }
        for (std::size_t i = 0; i < places_.size(); ++i)
            if (!places_[i] && !map_.optional[i])
                problems_.add(first_line_,
                              fmt::format("column {} is missing", in_quotes(map_.columns[i])));
        stopped_ = !problems_.none();  // every line would be wrong
    }

    Lines& lines_;
    const ImportMap& map_;
    Problems& problems_;
    const Use& use_;
    csv_parser parser_{};
    std::string text_;                 // of the record's fields
    std::vector<std::size_t> fields_;  // where each ends in it
    std::vector<std::optional<std::size_t>> places_ =
        std::vector<std::optional<std::size_t>>(map_.columns.size());
    Record record_{};
    std::int64_t first_line_ = 1;  // of the present record
    std::size_t width_ = 0;
    bool has_header_ = false, in_record_ = false, row_ended_ = false, is_too_long_ = false;
    bool stopped_ = false;
};

// -------------------------------------------------------------------------------------------------
// JSON lines

class JsonReader {
  public:
    JsonReader(Lines& lines, const ImportMap& map, Problems& problems, const Use& use)
        : lines_(lines),
          map_(map),
          problems_(problems),
          use_(use),
          there_(map.columns.size()),
          texts_(map.columns.size()) {
        record_.fields.resize(map.columns.size());
        for (std::size_t i = 0; i < map.columns.size(); ++i) places_.emplace(map.columns[i], i);
    }

    std::vector<bool> read() {
        while (lines_.next()) {
            const std::string_view text = without_line_break(lines_.text());
            if (lines_.is_too_long())
                problems_.add(lines_.number(), too_long());
            else if (text.find_first_not_of(" \t") != std::string_view::npos)
                line(text);
        }
        return there_;
    }

  private:
    void line(std::string_view text) {
        simdjson::dom::object object;
        // Behind the line there is room to read (Lines::kPadding).
        if (const auto error =
                parser_.parse(text.data(), text.size(), false).get_object().get(object)) {
            problems_.add(lines_.number(), error == simdjson::INCORRECT_TYPE
                                               ? "not a JSON object"
                                               : "not valid JSON, or not UTF-8");
            return;
        }
        record_.line = lines_.number();
        std::fill(record_.fields.begin(), record_.fields.end(), std::string_view());
        seen_.assign(map_.columns.size(), false);
        bool is_good = true;
        for (const auto member : object) is_good = take(member.key, member.value) && is_good;
        if (!is_good) return;
        apply_empty(map_, record_);
        use_(record_);
    }

    bool take(std::string_view name, simdjson::dom::element value) {
        const auto found = places_.find(name);
        if (found == places_.end()) {
            if (map_.refuses_other_columns)
                complain_of_other_column(map_, lines_.number(), name, in_quotes(name), problems_);
            return !map_.refuses_other_columns;
        }
        const std::size_t place = found->second;
        const char* what = nullptr;
        if (seen_[place])
            what = "appears twice";
        else if (!read_value(value, texts_[place], record_.fields[place]))
            what = "must be a string, a number, true, false, null or a list of strings";
        else if (record_.fields[place].find('\0') != std::string_view::npos)
            what = "contains a NUL character";
        seen_[place] = true;
        there_[place] = true;
        if (what)
            problems_.add(lines_.number(), fmt::format("column {} {}", in_quotes(name), what));
        return what == nullptr;
    }

    static bool read_value(simdjson::dom::element value, std::string& text,
                           std::string_view& field) {
        using Type = simdjson::dom::element_type;
        switch (value.type()) {
            case Type::STRING:
                return value.get(field) == simdjson::SUCCESS;
            case Type::NULL_VALUE:
                return true;
            case Type::BOOL:
                field = value.get_bool().value_unsafe() ? "true" : "false";
                return true;
            case Type::INT64:
                text = fmt::to_string(value.get_int64().value_unsafe());
                break;
            case Type::UINT64:
                text = fmt::to_string(value.get_uint64().value_unsafe());
                break;
            case Type::ARRAY: {
                text.clear();
                std::string_view item;
                simdjson::dom::array list;  // named: the range of a loop over a temporary dangles
                if (value.get(list) != simdjson::SUCCESS) return false;
                for (const auto element : list) {
                    if (element.get(item) != simdjson::SUCCESS) return false;
                    if (!text.empty()) text += ' ';
                    text += item;
                }
                break;
            }
            case Type::DOUBLE:
                text = fmt::to_string(value.get_double().value_unsafe());
                break;
            case Type::OBJECT:
                return false;
        }
        field = text;
        return true;
    }

    Lines& lines_;
    const ImportMap& map_;
    Problems& problems_;
    const Use& use_;
    simdjson::dom::parser parser_;
    std::unordered_map<std::string_view, std::size_t> places_;
    std::vector<bool> there_;         // in any line
    std::vector<bool> seen_;          // in this line
    std::vector<std::string> texts_;  // of what is no text in the file
    Record record_{};
};

}  // namespace

std::vector<bool> read_records(const std::string& path, FileFormat format, const ImportMap& map,
                               Problems& problems, const Use& use) {
    Lines lines(path);
    if (format == FileFormat::csv) return CsvReader(lines, map, problems, use).read();
    return JsonReader(lines, map, problems, use).read();
}

}  // namespace keyrota
