#include "commands/ingest/json_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "commands/ingest/log_lines.h"

namespace keyrota {
namespace {

// @param number keeps the text of one: of a fraction as much as times need.
// @returns nothing where it is neither a text nor a number.
std::optional<std::string_view> text_of(const simdjson::dom::element& from, std::string& number) {
    using Type = simdjson::dom::element_type;
    switch (from.type()) {
        case Type::STRING:
            return std::string_view(from);
        case Type::INT64:
            number = fmt::format_int(std::int64_t(from)).str();
            return number;
        case Type::DOUBLE:
            number = fmt::format("{:.6f}", double(from));
            return number;
        case Type::BOOL:
            return bool(from) ? "true" : "";
        default:
            return std::nullopt;
    }
}

}  // namespace

JsonLog::JsonLog(const LogMap& map) : map_(map), parser_(LogLines::kLongest + LogLines::kPadding) {
    for (const LogSource& source : map.sources) {
        std::vector<std::size_t>* level = &top_;
        std::size_t index = 0;
        for (const std::string& part : source.path) {
            const auto found = std::find_if(level->begin(), level->end(),
                                            [&](std::size_t i) { return names_[i].text == part; });
            if (found != level->end()) {
                index = *found;
            } else {
                index = names_.size();
                level->push_back(index);  // before names_ moves
                names_.push_back({part, {}, {}, 0});
            }
            level = &names_[index].within;
        }
        names_[index].fields.push_back(source.field);
    }
}

// The DOM parser: of simdjson's two it is the one that is compiled for every processor and takes
// the best one's instructions at run time. It checks the whole line, too.
const char* JsonLog::read(std::string_view line, LogRecord& record) {
    record.texts.fill({});
    record_ = &record;
    ++line_;
    place_ = 0;
    simdjson::dom::object top;
    if (const auto error = parser_.parse(line.data(), line.size(), false).get_object().get(top))
        return error == simdjson::INCORRECT_TYPE ? "not a JSON object"
                                                 : "not valid JSON, or not UTF-8";
    return object(top, top_);
}

// A name that stands twice may have been smuggled in where a gateway does not escape what callers
// send: neither is believed.
const char* JsonLog::object(const simdjson::dom::object& from, const Level& level) {
    for (const auto member : from) {
        Name* name = name_at_place(member.key, level);
        if (!name) continue;
        if (name->seen_in == line_) return "a field appears twice";
        name->seen_in = line_;
        if (const char* wrong = value(member.value, *name)) return wrong;
    }
    return nullptr;
}

JsonLog::Name* JsonLog::name_at_place(std::string_view text, const Level& level) {
    if (place_ == kPlaces || text.size() > kLongestAtPlace) return find(text, level);
    Place& place = places_[place_++];
    if (place.level != &level || place.text != text)
        place = {std::string(text), &level, find(text, level)};
    return place.name;
}

JsonLog::Name* JsonLog::find(std::string_view text, const Level& level) {
    for (const std::size_t index : level)
        if (names_[index].text == text) return &names_[index];
    return nullptr;
}

const char* JsonLog::value(const simdjson::dom::element& from, Name& name) {
    simdjson::dom::object inner;
    if (!name.within.empty() && from.get(inner) == simdjson::SUCCESS)
        return object(inner, name.within);
    if (name.fields.empty() || from.is_null()) return nullptr;
    const auto text = text_of(from, numbers_[static_cast<std::size_t>(name.fields.front())]);
    if (!text) return "a field must be a string or a number";
    for (const LogField field : name.fields) {
        std::string_view& place = record_->texts[static_cast<std::size_t>(field)];
        if (map_.means_nothing(place)) place = *text;  // of several the first that says anything
    }
    return nullptr;
}

}  // namespace keyrota
