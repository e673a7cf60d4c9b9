#include "notify/sendmail.h"

#include <fmt/format.h>
#include <sysexits.h>

#include "error/error.h"
#include "postgres/process.h"

namespace keyrota {
namespace {

using Kind = Answer::Kind;

// Exit statuses by sysexits.h, which all of them keep to.
Kind kind_of(int exit_status) {
    switch (exit_status) {
        case EX_OK:
            return Kind::sent;
        case EX_DATAERR:
        case EX_NOUSER:
        case EX_NOHOST:
            return Kind::never;
        case EX_USAGE:
        case EX_CONFIG:
        case EX_NOPERM:
        case 127:  // there is no such program, say it that started it
            return Kind::unreachable;
        default:
            return Kind::later;
    }
}

std::string first_line(const std::string& text) {
    return text.substr(0, text.find('\n'));
}

}  // namespace

Answer SendmailTransport::send(const OutgoingMessage& message,
                               const std::function<void()>& before_content) {
    before_content();
    // -i: a line with a dot alone does not end it. The program wants lines as this system has them.
    std::string text = to_mime(message, identity_);
    std::erase(text, '\r');
    try {
        const ProgramResult result = run_program(
            {program_.string(), "-i", "-f", identity_.from, "--", message.recipient},
            {.timeout = std::chrono::ceil<std::chrono::milliseconds>(timeout_), .input = text});
        if (result.timed_out)
            return {
                Kind::later, "",
                fmt::format("{} did not end within {}", program_.string(), to_string(timeout_))};
        const Kind kind = kind_of(result.exit_status);
        if (kind == Kind::sent) return {kind};
        const std::string said = first_line(result.errors.empty() ? result.output : result.errors);
        return {kind, "",
                fmt::format("{} ended with exit status {}{}{}", program_.string(),
                            result.exit_status, said.empty() ? "" : ": ", said)};
    } catch (const Error& error) {  // it cannot be started at all
        return {Kind::unreachable, "", error.what()};
    }
}

}  // namespace keyrota
