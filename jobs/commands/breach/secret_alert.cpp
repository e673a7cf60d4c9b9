#include "commands/breach/secret_alert.h"

#include <Poco/JSON/Object.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <simdjson.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "config/options.h"
#include "error/error.h"
#include "postgres/process.h"
#include "report/escape.h"
#include "report/json_text.h"
#include "secret/key_format.h"

namespace keyrota {
namespace {

constexpr std::size_t kMostJson = std::size_t{16} << 20;  // bytes of an alert
constexpr std::size_t kLongestField = 500;

// A whole file of secrets, wiped afterwards; parsed in place.
class SecretFile {
  public:
    explicit SecretFile(const std::string& path) : bytes_(kMostJson + simdjson::SIMDJSON_PADDING) {
        const Descriptor file(path == "-" ? ::dup(STDIN_FILENO)
                                          : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        ssize_t count = file ? 1 : -1;
        while (count > 0 && size_ < kMostJson) {
            count = ::read(file.get(), bytes_.data() + size_, kMostJson - size_);
            if (count < 0 && errno == EINTR)
                count = 1;
            else if (count > 0)
                size_ += static_cast<std::size_t>(count);
        }
        if (count < 0)
            throw Error(ExitCode::usage,
                        fmt::format("cannot read {}: {}", in_quotes(path), std::strerror(errno)));
        if (size_ == kMostJson)
            throw Error(ExitCode::usage, fmt::format("{} is longer than 16 MiB", in_quotes(path)),
                        "Split it: an alert has a few tokens.");
    }
    ~SecretFile() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }
    SecretFile(const SecretFile&) = delete;
    SecretFile& operator=(const SecretFile&) = delete;

    const char* data() const { return bytes_.data(); }
    std::size_t size() const { return size_; }

  private:
    std::vector<char> bytes_;
    std::size_t size_ = 0;
};

// The parser keeps texts of its own.
struct WipedParser {
    simdjson::dom::parser parser;

    WipedParser() = default;
    ~WipedParser() {
        if (parser.doc.string_buf)
            OPENSSL_cleanse(parser.doc.string_buf.get(), 5 * parser.doc.capacity() / 3);
    }
    WipedParser(const WipedParser&) = delete;
    WipedParser& operator=(const WipedParser&) = delete;
};

// What an alert says besides the token; nothing that could be a secret itself.
std::string evidence_of(const simdjson::dom::element& alert) {
    Poco::JSON::Object evidence(Poco::JSON_PRESERVE_KEY_ORDER);
    evidence.set("how", "secret scanning");
    for (const char* name : {"type", "source", "url"}) {
        std::string_view text;
        if (alert[name].get(text) == simdjson::SUCCESS && !may_hold_secret(text))
            evidence.set(name, for_terminal(text.substr(0, kLongestField)));
    }
    return json_text(evidence);
}

}  // namespace

void read_secret_alert(const std::string& path,
                       const std::function<void(std::string_view, std::string)>& use) {
    const SecretFile file(path);
    WipedParser wiped;
    simdjson::dom::array alerts;
    const auto refuse = [&](const char* what) {
        return Error(ExitCode::usage, fmt::format("{}: {}", in_quotes(path), what),
                     R"(Give what secret scanning sends: [{"token": ..., "type": ..., "url": )"
                     R"(..., "source": ...}].)");
    };
    if (wiped.parser.parse(file.data(), file.size(), false).get(alerts) != simdjson::SUCCESS)
        throw refuse("not a JSON list");
    for (const simdjson::dom::element alert : alerts) {
        std::string_view token;
        if (alert["token"].get(token) != simdjson::SUCCESS || token.empty())
            throw refuse("an alert without a token");
        use(token, evidence_of(alert));
    }
}

}  // namespace keyrota
