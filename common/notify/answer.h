#pragma once

#include <string>

namespace keyrota {

/// What the far end made of one message. Its words may hold anything: escape them.
struct Answer {
    enum class Kind {
        sent,         // it has taken the message
        later,        // not now, or the connection broke: try this message again
        never,        // refused for good
        unreachable,  // nobody there, or no TLS with who they should be: any message would meet
                      // that
        denied,       // it does not take our user or password, or wants one: likewise
    };
    Kind kind = Kind::sent;
    std::string code{};         // `550 5.1.1`, an HTTP status; empty: nobody answered
    std::string words{};        // what was said, or what went wrong on the way; empty: nothing
    bool about_sender = false;  // it was refused before it was said for whom it is

    bool is_sent() const { return kind == Kind::sent; }
    /// The next message would meet the same.
    bool ends_run() const {
        return kind == Kind::unreachable || kind == Kind::denied ||
               (kind == Kind::never && about_sender);
    }
};

}  // namespace keyrota
