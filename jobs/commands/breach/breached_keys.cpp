#include "commands/breach/breached_keys.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/crypto.h>
#include <unistd.h>

#include <cstring>

#include "commands/breach/secret_alert.h"
#include "commands/find_key.h"
#include "commands/import/lines.h"
#include "error/error.h"
#include "jobs_sql.h"
#include "report/escape.h"
#include "secret/key_format.h"
#include "secret/secret_input.h"
#include "secret/sha256.h"

namespace keyrota {
namespace {

constexpr std::size_t kMostHashes = 10'000;  // looked up at once
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

void read_json(Session& session, BreachedKeys& found, const std::string& path) {
    Hashes hashes(session, found);
    read_secret_alert(path, [&](std::string_view token, std::string evidence) {
        hashes.add(token, std::move(evidence));
    });
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
