#include "http/post.h"

#include <Poco/Net/Context.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/HTTPSClientSession.h>
#include <Poco/Net/NetSSL.h>
#include <Poco/Timespan.h>
#include <Poco/URI.h>
#include <fmt/format.h>
#include <signal.h>
#include <time.h>

#include <istream>
#include <memory>

namespace keyrota {
namespace {

namespace net = Poco::Net;

constexpr std::streamsize kBodyKept = 200;

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

HttpAnswer answer_of(net::HTTPClientSession& session) {
    net::HTTPResponse response;
    std::istream& body = session.receiveResponse(response);
    std::string said(static_cast<std::size_t>(kBodyKept), '\0');
    body.read(said.data(), kBodyKept);
    said.resize(static_cast<std::size_t>(body.gcount()));
    return {response.getStatus(), response.getReason() + (said.empty() ? "" : ": ") + said};
}

HttpAnswer post_to(const Poco::URI& uri, const HttpPost& post) {
    const std::unique_ptr<net::HTTPClientSession> session =
        uri.getScheme() == "https"
            ? std::make_unique<net::HTTPSClientSession>(uri.getHost(), uri.getPort(), tls())
            : std::make_unique<net::HTTPClientSession>(uri.getHost(), uri.getPort());
    const Poco::Timespan patience(post.timeout.count());
    session->setTimeout(patience, patience, patience);
    net::HTTPRequest request(net::HTTPRequest::HTTP_POST, uri.getPathAndQuery(),
                             net::HTTPRequest::HTTP_1_1);
    request.set("User-Agent", fmt::format("keyrota/{}", KEYROTA_VERSION));
    for (const auto& [name, value] : post.headers) request.set(name, value);
    request.setContentType(post.content_type);
    request.setContentLength(static_cast<std::streamsize>(post.body.size()));
    session->sendRequest(request) << post.body;
    return answer_of(*session);
}

}  // namespace

HttpAnswer post_http(const HttpPost& post) {
    Poco::URI uri;
    try {
        uri = post.url;
    } catch (const Poco::Exception&) {  // which may repeat a part of it
        return {0, "it is not a URL"};
    }
    const WithoutSigpipe without_sigpipe;
    try {
        return post_to(uri, post);
    } catch (const Poco::Exception& error) {
        return {0, error.displayText()};
    }
}

std::string host_of(const std::string& url) {
    try {
        return Poco::URI(url).getHost();
    } catch (const Poco::Exception&) {
        return "";
    }
}

}  // namespace keyrota
