#include "sink/exec_sink.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/trusted_file.h"
#include "error/error.h"
#include "postgres/process.h"
#include "report/escape.h"
#include "secret/key_format.h"

namespace keyrota {
namespace {

using Kind = SinkAnswer::Kind;
using std::chrono::milliseconds;

constexpr std::size_t kLongestLine = 200;
// After so many timeouts in a row the rest of the batch is not tried: it would take hours.
constexpr int kMostTimeouts = 3;
// A piece of a secret so long gives too much of it away; shorter ones occur by themselves.
constexpr std::size_t kPiece = 12;
constexpr std::size_t kShortestValue = 6;

// An end of 128 + N, also by a shell whose command a signal ended.
bool is_end_by_signal(int exit_status) {
    return exit_status > 128 && exit_status <= 128 + 64;
}

std::vector<std::string> variables_of(const SecretDelivery& delivery) {
    const auto variable = [](const char* name, const std::string& value) {
        return fmt::format("KEYROTA_{}={}", name, for_terminal(value));
    };
    return {variable("TOKEN", delivery.token),
            variable("KEY_ID", std::to_string(delivery.key_id)),
            variable("PREDECESSOR_ID", std::to_string(delivery.predecessor_id)),
            variable("LINEAGE_ID", std::to_string(delivery.lineage_id)),
            variable("NAME", delivery.name),
            variable("ENVIRONMENT", delivery.environment),
            variable("TYPE", delivery.type),
            variable("OWNER", delivery.owner),
            variable("EXPIRES_AT", delivery.expires_at ? to_string(*delivery.expires_at) : "")};
}

bool holds_piece_of(std::string_view line, std::string_view secret) {
    for (std::size_t at = 0; at + kPiece <= secret.size(); ++at)
        if (line.find(secret.substr(at, kPiece)) != std::string::npos) return true;
    return false;
}

bool holds_value_of(const std::string& line, const std::string& variable) {
    const std::string value = variable.substr(variable.find('=') + 1);
    return value.size() >= kShortestValue && line.find(value) != std::string::npos;
}

}  // namespace

ExecSink::ExecSink(SinkOptions options) : options_(std::move(options)) {
    const std::string& program = options_.command.at(0);
    if (const auto complaint = distrusted_file(
            program, fmt::format("the program {} of the sink {}", program, options_.name)))
        throw Error(ExitCode::config, complaint->message, complaint->hint);
}

std::vector<SinkAnswer> ExecSink::deliver(const std::vector<SecretDelivery>& deliveries) {
    std::vector<SinkAnswer> answers;
    int timeouts = 0;
    for (const SecretDelivery& delivery : deliveries) {
        if (timeouts >= kMostTimeouts) {
            answers.push_back(
                {Kind::refused, "not tried, since the program did not end for others"});
            continue;
        }
        bool timed_out = false;
        answers.push_back(run(delivery, timed_out));
        timeouts = timed_out ? timeouts + 1 : 0;
    }
    return answers;
}

SinkAnswer ExecSink::run(const SecretDelivery& delivery, bool& timed_out) const {
    const std::string& program = options_.command.front();
    LockedText line(delivery.secret->text());
    line += '\n';
    // Killed with us: it must not bring this secret after the next run has brought another.
    ProgramOptions how{.timeout = std::chrono::ceil<milliseconds>(options_.timeout),
                       .input = line,
                       .ends_with_caller = true,
                       .environment = options_.environment};
    for (std::string& variable : variables_of(delivery))
        how.environment.push_back(std::move(variable));
    try {
        const ProgramResult result = run_program(options_.command, how);
        timed_out = result.timed_out;
        if (timed_out)
            return {Kind::unknown,
                    fmt::format("{} did not end within {}", program, to_string(options_.timeout))};
        if (result.exit_status == 0) return {};
        if (is_end_by_signal(result.exit_status))
            return {Kind::unknown,
                    fmt::format("{} was ended by signal {}", program, result.exit_status - 128)};
        return {Kind::refused,
                fmt::format("{} ended with exit status {}{}", program, result.exit_status,
                            said(result.errors, *delivery.secret))};
    } catch (const Error& error) {  // it could not be started
        return {Kind::refused, error.what()};
    }
}

// Its first line, unless it may give away what people must not see.
std::string ExecSink::said(const std::string& errors, const Secret& secret) const {
    const std::string line = errors.substr(0, errors.find('\n'));
    if (line.empty()) return "";
    const auto& variables = options_.environment;
    const bool gives_away =
        may_hold_secret(line) || holds_piece_of(line, secret.text()) ||
        std::any_of(variables.begin(), variables.end(),
                    [&](const std::string& variable) { return holds_value_of(line, variable); });
    if (gives_away) return "; what it said may hold a secret and is not repeated";
    return ": " + shortened(for_terminal(line), kLongestLine);
}

}  // namespace keyrota
