#include "monitoring/health_check.h"

#include <Poco/Net/Context.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/HTTPSClientSession.h>
#include <Poco/Net/NetSSL.h>
#include <Poco/Timespan.h>
#include <Poco/URI.h>
#include <fmt/format.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <time.h>

namespace keyrota {
namespace {

namespace net = Poco::Net;

constexpr int kTries = 2;  // one lost packet must wake nobody
constexpr std::string_view kJobPlaceholder = "{job}";

// A peer that hangs up while we write must not end the process (its default is needed elsewhere:
// `keyrota findings list | head`).
class WithoutSigpipe {
  public:
    WithoutSigpipe() {
        sigemptyset(&pipe_);
        sigaddset(&pipe_, SIGPIPE);
        ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
    }
    ~WithoutSigpipe() {
        const timespec at_once{};
        while (::sigtimedwait(&pipe_, nullptr, &at_once) == SIGPIPE) continue;
        ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }
    WithoutSigpipe(const WithoutSigpipe&) = delete;
    WithoutSigpipe& operator=(const WithoutSigpipe&) = delete;

  private:
    sigset_t pipe_{};
    sigset_t before_{};
};

// Strict: the certificate must be the host's also where that is `localhost`.
net::Context::Ptr tls() {
    // Once and for good: libpq uses the same OpenSSL.
    static const bool is_ready = (net::initializeSSL(), true);
    static_cast<void>(is_ready);
    return new net::Context(net::Context::TLS_CLIENT_USE, "", net::Context::VERIFY_STRICT, 9, true);
}

std::string url_for(const Config::Ping& ping, const std::string& job) {
    std::string url = ping.url;
    for (std::size_t at = 0; (at = url.find(kJobPlaceholder, at)) != std::string::npos;
         at += job.size())
        url.replace(at, kJobPlaceholder.size(), job);
    return url;
}

// @returns the status that it answered.
int post_once(const Poco::URI& uri, const std::string& body, std::chrono::microseconds timeout) {
    const std::unique_ptr<net::HTTPClientSession> session =
        uri.getScheme() == "https"
            ? std::make_unique<net::HTTPSClientSession>(uri.getHost(), uri.getPort(), tls())
            : std::make_unique<net::HTTPClientSession>(uri.getHost(), uri.getPort());
    const Poco::Timespan patience(timeout.count());
    session->setTimeout(patience, patience, patience);
    net::HTTPRequest request(net::HTTPRequest::HTTP_POST, uri.getPathAndQuery(),
                             net::HTTPRequest::HTTP_1_1);
    request.set("User-Agent", fmt::format("keyrota/{}", KEYROTA_VERSION));
    request.setContentType("text/plain; charset=utf-8");
    request.setContentLength(static_cast<std::streamsize>(body.size()));
    session->sendRequest(request) << body;
    net::HTTPResponse response;
    session->receiveResponse(response);
    return response.getStatus();
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
    const WithoutSigpipe without_sigpipe;
    std::string trouble;
    for (int i = 0; i < kTries; ++i) {
        try {
            const int status = post_once(uri, body, ping.timeout);
            if (status >= 200 && status < 300) return;
            trouble = fmt::format("it answered {}", status);
            if (status < 500) break;  // it will not answer otherwise
        } catch (const Poco::Exception& error) {
            trouble = error.displayText();
        }
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
