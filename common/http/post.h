#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace keyrota {

struct HttpPost {
    std::string url;  // http:// or https://
    std::string body{};
    std::string content_type = "text/plain; charset=utf-8";
    std::vector<std::pair<std::string, std::string>> headers{};
    std::chrono::microseconds timeout = std::chrono::seconds(10);  // to connect, send, answer: each
};

struct HttpAnswer {
    int status = 0;       // 0: none came
    std::string words{};  // its reason phrase and the beginning of its body, or what went wrong

    bool is_good() const { return status >= 200 && status < 300; }
};

/// Posts once. A certificate must be valid and the host's, also where that is `localhost`; no
/// redirect is followed. Trouble is an answer, in which the URL does not stand: whoever knows it
/// may write there.
HttpAnswer post_http(const HttpPost& post);

/// The host of a URL, to be named where the URL may not; empty where it is no URL.
std::string host_of(const std::string& url);

}  // namespace keyrota
