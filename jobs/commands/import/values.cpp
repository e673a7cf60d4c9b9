#include "commands/import/values.h"

#include <date/date.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <sstream>

#include "error/suggestion.h"
#include "text/email_address.h"

namespace keyrota {
namespace {

// A word may be shown; anything longer might be a secret in the wrong column.
std::string shown(std::string_view text) {
    constexpr std::size_t kLongestWord = 16;
    const bool is_word =
        text.size() <= kLongestWord && std::all_of(text.begin(), text.end(), [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
        });
    return is_word ? fmt::format("\"{}\"", text) : "this";
}

std::size_t characters_in(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
    }));
}

std::optional<Timestamp> epoch(std::string_view text, std::int64_t unit_us) {
    std::int64_t count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    constexpr std::int64_t kFarthest = 253'402'300'800'000'000;  // the year 10000
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    if (count > kFarthest / unit_us || count < -kFarthest / unit_us) return std::nullopt;
    return from_micros(count * unit_us);
}

std::optional<Timestamp> read_instant(std::string_view text, const std::string& format) {
    if (format.empty()) return parse_timestamp(text);
    if (format == "unix") return epoch(text, 1'000'000);
    if (format == "unix_ms") return epoch(text, 1'000);
    std::istringstream in{std::string(text)};
    date::sys_time<std::chrono::microseconds> instant;
    in >> date::parse(format, instant);
    if (in.fail() || in.peek() != std::istringstream::traits_type::eof()) return std::nullopt;
    return from_micros(instant.time_since_epoch().count());
}

}  // namespace

Values::Values(const ImportKind& kind, const ImportMap& map, Problems& problems)
    : kind_(kind),
      map_(map),
      problems_(problems),
      texts_(kind.fields.size()),
      made_(kind.fields.size()) {}

bool Values::begin(const Record& record, const MapEntry& entry) {
    if (entry.needs && record.fields[*entry.needs].empty()) return false;
    record_ = &record;
    entry_ = &entry;
    good_ = true;
    for (std::size_t i = 0; i < texts_.size(); ++i) {
        texts_[i] = {};
        if (!entry.fields[i]) continue;
        const MapField& field = *entry.fields[i];
        if (field.pieces.size() == 1) {
            const MapPiece& piece = field.pieces.front();
            texts_[i] = piece.column ? record.fields[*piece.column] : std::string_view(piece.text);
        } else {
            made_[i].clear();
            for (const MapPiece& piece : field.pieces) {
                const std::string_view text =
                    piece.column ? record.fields[*piece.column] : std::string_view(piece.text);
                if (text.empty()) {  // half of an id would be another key's
                    made_[i].clear();
                    break;
                }
                made_[i] += text;
            }
            texts_[i] = made_[i];
        }
        if (field.values.empty()) continue;
        const auto translated = field.values.find(texts_[i]);
        if (translated != field.values.end()) texts_[i] = translated->second;
    }
    return true;
}

void Values::complain(std::size_t field, const std::string& message, const std::string& hint) {
    good_ = false;
    std::string where = kind_.fields[field];
    if (entry_->fields[field] && entry_->fields[field]->pieces.size() == 1)
        if (const auto& column = entry_->fields[field]->pieces.front().column)
            if (map_.columns[*column] != where)
                where += fmt::format(" (column \"{}\")", map_.columns[*column]);
    problems_.add(record_->line, fmt::format("{}: {}", where, message), hint);
}

std::string_view Values::required(std::size_t field) {
    if (texts_[field].empty()) complain(field, "empty");
    return texts_[field];
}

std::string_view Values::at_most(std::size_t field, std::size_t characters) {
    if (characters_in(texts_[field]) > characters)
        complain(field, fmt::format("longer than {} characters", characters));
    return texts_[field];
}

std::string_view Values::one_of(std::size_t field, const std::vector<std::string>& choices,
                                std::string_view otherwise) {
    const std::string_view text = texts_[field];
    if (text.empty()) return otherwise;
    if (std::find(choices.begin(), choices.end(), text) == choices.end()) {
        std::string hint = did_you_mean(text, choices);
        if (hint.empty()) hint = fmt::format("Allowed: {}.", fmt::join(choices, ", "));
        complain(field, shown(text) + " is not known", hint);
    }
    return text;
}

std::string_view Values::email(std::size_t field) {
    const std::string_view text = texts_[field];
    if (!text.empty() && !is_email_address(text)) complain(field, "not an email address");
    return text;
}

std::optional<Timestamp> Values::instant(std::size_t field) {
    const std::string_view text = texts_[field];
    if (text.empty()) return std::nullopt;
    const std::string& format = entry_->fields[field]->time_format;
    const std::optional<Timestamp> instant = read_instant(text, format);
    if (!instant)
        complain(field, "not an instant",
                 format.empty() ? "For example 2027-01-01 or 2027-01-01T08:00:00Z; a map's "
                                  "time_format allows others."
                                : fmt::format("The map reads it as {}.", format));
    return instant;
}

}  // namespace keyrota
