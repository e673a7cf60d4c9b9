#include "monitoring/health_check.h"

#include <Poco/Exception.h>
#include <Poco/URI.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "http/post.h"

namespace keyrota {
namespace {

constexpr int kTries = 2;  // one lost packet must wake nobody
constexpr std::string_view kJobPlaceholder = "{job}";

std::string url_for(const Config::Ping& ping, const std::string& job) {
    std::string url = ping.url;
    for (std::size_t at = 0; (at = url.find(kJobPlaceholder, at)) != std::string::npos;
         at += job.size())
        url.replace(at, kJobPlaceholder.size(), job);
    return url;
}

// @param event what goes behind the URL's path: empty, `start` or an exit code.
void post(const Config::Ping& ping, const std::string& job, const std::string& event,
          const std::string& body) {
    Poco::URI uri;
    try {
        uri = url_for(ping, job);
        if (!event.empty()) {
            std::string path = uri.getPath();
            if (!path.ends_with('/')) path += '/';
            uri.setPath(path + event);
        }
    } catch (const Poco::Exception&) {  // which may repeat a part of it
        spdlog::warn("the health check was not told: ping.url is not a URL");
        return;
    }
    std::string trouble;
    for (int i = 0; i < kTries; ++i) {
        const HttpAnswer answer =
            post_http({.url = uri.toString(), .body = body, .timeout = ping.timeout});
        if (answer.is_good()) return;
        trouble = answer.status == 0 ? answer.words : fmt::format("it answered {}", answer.status);
        if (answer.status != 0 && answer.status < 500) break;  // it will not answer otherwise
    }
    spdlog::warn("the health check at {} was not told: {}", uri.getHost(), trouble);
}

}  // namespace

void ping_start(const Config::Ping& ping, const std::string& job) {
    if (!ping.url.empty()) post(ping, job, "start", "");
}

void ping_end(const Config::Ping& ping, const RunReport& report) {
    if (ping.url.empty() || report.exit_code == ExitCode::lease_held) return;
    if (report.exit_code == ExitCode::done) return post(ping, report.job, "", "");
    std::string body = fmt::format("{}: {}\n", report.job,
                                   report.message.empty() ? report.status : report.message);
    if (!report.hint.empty()) body += "HINT: " + report.hint + "\n";
    post(ping, report.job, fmt::to_string(static_cast<int>(report.exit_code)), body);
}

}  // namespace keyrota
