#include "notify/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "notify/hours.h"

namespace keyrota {

using Data = kainjow::mustache::data;

std::string grouped(std::int64_t number) {
    std::string text = std::to_string(number);
    for (int at = static_cast<int>(text.size()) - 3; at > 0; at -= 3)
        text.insert(static_cast<std::size_t>(at), 1, ',');
    return text;
}

std::string percentage(std::int64_t part, std::int64_t whole) {
    return fmt::format(
        "{:.1f} %",
        whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

std::string instant_for_people(Timestamp at, const std::string& time_zone) {
    std::string text = local_time(at, "UTC");
    const std::string local = local_time(at, time_zone);
    if (local != text && time_zone != "UTC") text += fmt::format(" ({})", local);
    return text;
}

std::string plain_word(const std::string& text, const char* otherwise) {
    const bool plain = !text.empty() &&
                       text.find_first_not_of(
                           "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                           "0123456789-_.:/@") == std::string::npos &&
                       text.front() != '-';
    return plain ? text : otherwise;
}

void add_chart(Data& data, const std::vector<std::int64_t>& days) {
    static constexpr std::array<const char*, 9> kMarks = {"_", "▁", "▂", "▃", "▄",
                                                          "▅", "▆", "▇", "█"};
    const std::int64_t peak = *std::max_element(days.begin(), days.end());
    std::string spark;
    Data bars{Data::type::list};
    for (const std::int64_t day : days) {
        const double share = static_cast<double>(day) / static_cast<double>(peak);
        spark += kMarks.at(day == 0 ? 0 : 1 + static_cast<std::size_t>(share * 7));
        bars << Data("height", std::to_string(1 + static_cast<int>(share * 39)));
    }
    data.set("peak", grouped(peak));
    data.set("spark", spark);
    data.set("bars", bars);
}

}  // namespace keyrota
