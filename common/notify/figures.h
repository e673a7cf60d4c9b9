#pragma once

#include <kainjow/mustache.hpp>
#include <string>
#include <vector>

#include "time/timestamp.h"

namespace keyrota {

/// `1,234,567`
std::string grouped(std::int64_t number);

/// `12.5 %`; of nothing nothing: `0.0 %`.
std::string percentage(std::int64_t part, std::int64_t whole);

/// In UTC, and as the recipient's clock shows it where that is another time.
std::string instant_for_people(Timestamp at, const std::string& time_zone);

/// Of a command only what a shell takes as one plain word, else `otherwise`.
std::string plain_word(const std::string& text, const char* otherwise);

/// Gives `data` the figures of some days as a chart: `spark` for text, `bars` (of `height`) for
/// HTML, each as high as its share of the busiest day, and `peak`, that day's. At least one is not
/// 0.
void add_chart(kainjow::mustache::data& data, const std::vector<std::int64_t>& days);

}  // namespace keyrota
