#include "commands/breached_keys.h"

#include <Poco/JSON/Object.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/crypto.h>
#include <simdjson.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "commands/find_key.h"
#include "commands/import/lines.h"
#include "config/options.h"
#include "error/error.h"
#include "jobs_sql.h"
#include "postgres/process.h"
#include "report/escape.h"
#include "report/json_text.h"
#include "secret/key_format.h"
#include "secret/secret_input.h"
#include "secret/sha256.h"

namespace keyrota {
namespace {

constexpr std::size_t kMostHashes = 10'000;               // looked up at once
constexpr std::size_t kMostJson = std::size_t{16} << 20;  // bytes of an alert
constexpr std::size_t kLongestField = 500;
constexpr Statement kAllByHint{
    "keys_all_by_hint",
    "select key_id from keyrota.api_key where prefix = :prefix and hint = :hint order by key_id"};

// Secrets, as hashes with what is known of each, until there are enough to look up.
class Hashes {
  public:
    Hashes(Session& session, BreachedKeys& found) : session_(session), found_(found) {}

    void add(std::string_view secret, std::string evidence) {
        pending_.emplace(to_hex(secret_hash(secret)), std::move(evidence));
        if (pending_.size() >= kMostHashes) look_up();
    }
    void look_up() {
        std::vector<std::string> hashes;
        for (const auto& [hash, evidence] : pending_) hashes.push_back(hash);
        for (const Row& row :
             session_.rows(sql::breach_secrets,
                           {{"hashes", fmt::format("{{{}}}", fmt::join(hashes, ","))}})) {
            const auto known = pending_.extract(row.text("secret_hash"));
            found_.evidence.emplace(row.int64("key_id"), known.mapped());
        }
        found_.unknown += static_cast<std::int64_t>(pending_.size());
        pending_.clear();
    }

  private:
    Session& session_;
    BreachedKeys& found_;
    std::map<std::string, std::string> pending_;
};

std::string evidence_by_hand(const char* how) {
    return fmt::format(R"({{"how": "{}"}})", how);
}

void add_key(Session& session, BreachedKeys& found, const std::string& key, bool all_matching,
             const std::string& evidence) {
    const std::size_t dots = key.find("...");
    if (!all_matching || dots == std::string::npos) {
        found.evidence.emplace(find_key(session, key), evidence);
        return;
    }
    const auto keys =
        session.rows(kAllByHint, {{"prefix", key.substr(0, dots)}, {"hint", key.substr(dots + 3)}});
    if (keys.empty()) find_key(session, key);  // says that there is none
    for (const Row& row : keys) found.evidence.emplace(row.int64("key_id"), evidence);
}

void read_prefix_file(Session& session, BreachedKeys& found, const std::string& file,
                      bool all_matching) {
    Lines lines(file);
    while (lines.next()) {
        std::string line(lines.text());
        while (!line.empty() && std::strchr(" \t\r\n", line.back()) != nullptr) line.pop_back();
        if (line.empty() || line.front() == '#') continue;
        if (may_hold_secret(line)) {
            OPENSSL_cleanse(line.data(), line.size());
            throw Error(ExitCode::usage,
                        fmt::format("{}:{}: this is a whole secret", lines.name(), lines.number()),
                        "A prefix file has prefix...hint; send whole secrets to `keyrota breach "
                        "--stdin`.");
        }
        add_key(session, found, line, all_matching, evidence_by_hand("prefix file"));
    }
}

void read_secrets(Session& session, BreachedKeys& found) {
    Hashes hashes(session, found);
    SecretInput input(STDIN_FILENO);
    while (const auto secret = input.next()) hashes.add(*secret, evidence_by_hand("secret"));
    hashes.look_up();
}

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

void read_json(Session& session, BreachedKeys& found, const std::string& path) {
    const SecretFile file(path);
    WipedParser wiped;
    simdjson::dom::array alerts;
    const auto refuse = [&](const char* what) {
        return Error(ExitCode::usage, fmt::format("{}: {}", in_quotes(path), what),
                     R"(Give what secret scanning sends: [{"token": ..., "type": ..., "url": )"
                     R"(..., "source": ...}].)");
    };
    if (wiped.parser.parse(file.data(), file.size(), false).get(alerts) != simdjson::SUCCESS)
        throw refuse("no JSON list");
    Hashes hashes(session, found);
    for (const simdjson::dom::element alert : alerts) {
        std::string_view token;
        if (alert["token"].get(token) != simdjson::SUCCESS || token.empty())
            throw refuse("an alert without a token");
        hashes.add(token, evidence_of(alert));
    }
    hashes.look_up();
}

}  // namespace

BreachedKeys find_breached_keys(Session& session, const BreachSource& source, bool all_matching) {
    BreachedKeys found;
    for (const std::string& key : source.keys)
        add_key(session, found, key, all_matching, evidence_by_hand("key"));
    if (!source.prefix_file.empty())
        read_prefix_file(session, found, source.prefix_file, all_matching);
    if (!source.json_file.empty()) read_json(session, found, source.json_file);
    if (source.from_stdin) read_secrets(session, found);
    return found;
}

}  // namespace keyrota
