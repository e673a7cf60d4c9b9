#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace keyrota {

/// Reads what GitHub's secret scanning sends its partners: a JSON list of alerts, each with the
/// token that was found. All that was read is wiped from memory afterwards.
/// @param path `-` for standard input.
/// @param use is handed each token, good during the call only, and what else is known of it as
/// JSON, without a secret.
/// @throws Error{usage} for a file that cannot be read, is longer than 16 MiB, or is no such list.
void read_secret_alert(
    const std::string& path,
    const std::function<void(std::string_view token, std::string evidence)>& use);

}  // namespace keyrota
