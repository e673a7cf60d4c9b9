#include "postgres/connection.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <libpq-fe.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "error/error.h"
#include "postgres/process.h"

namespace keyrota {
namespace {

using Keywords = std::map<std::string, std::string>;

constexpr const char* kRedacted = "<redacted>";
constexpr const char* kUnsaid = "unsaid";
constexpr const char* kSystemCertificates = "/etc/ssl/certs/ca-certificates.crt";

// Seconds, and milliseconds in the last one. A server that vanished without a word is noticed
// within two minutes, where the system would take two hours.
constexpr std::pair<const char*, const char*> kKeepAlive[] = {{"keepalives_idle", "60"},
                                                              {"keepalives_interval", "10"},
                                                              {"keepalives_count", "6"},
                                                              {"tcp_user_timeout", "120000"}};

struct FreeOptions {
    void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};
using Options = std::unique_ptr<PQconninfoOption, FreeOptions>;

// Nothing for text that libpq cannot read. Its message quotes the text, passwords included, and is
// dropped.
Options parse(const std::string& text) {
    if (text.find('\0') != std::string::npos) return nullptr;
    char* message = nullptr;
    Options options(PQconninfoParse(text.c_str(), &message));
    PQfreemem(message);
    return options;
}

template <typename Visit>
void for_each_given(const Options& options, Visit visit) {
    for (const PQconninfoOption* o = options.get(); o != nullptr && o->keyword != nullptr; ++o)
        if (o->val != nullptr) visit(*o);
}

Keywords keywords_of(const Options& options) {
    Keywords keywords;
    for_each_given(options, [&](const auto& o) { keywords.emplace(o.keyword, o.val); });
    return keywords;
}

std::string value_of(const Keywords& keywords, const std::string& name) {
    const auto found = keywords.find(name);
    return found == keywords.end() ? "" : found->second;
}

// Sets a variable of the environment until the end of the scope.
class ScopedVariable {
  public:
    ScopedVariable(const char* name, const std::string& value) : name_(name) {
        if (const char* before = getenv(name)) before_ = before;
        setenv(name, value.c_str(), 1);
    }
    ~ScopedVariable() { before_ ? setenv(name_, before_->c_str(), 1) : unsetenv(name_); }
    ScopedVariable(const ScopedVariable&) = delete;
    ScopedVariable& operator=(const ScopedVariable&) = delete;

  private:
    const char* name_;
    std::optional<std::string> before_;
};

// The keywords completed as libpq will complete them: from the service file, then PG*, then its own
// defaults; but a sslmode that nobody said is kUnsaid. libpq offers no call for a service's values
// except through PGSERVICE, and none tells its sslmode from the default: with a service, and only
// then, the environment changes for a moment, in which no other thread may connect.
Keywords effective(const Keywords& keywords) {
    const bool is_said = getenv("PGSSLMODE") != nullptr || getenv("PGREQUIRESSL") != nullptr;
    const std::string named = value_of(keywords, "service");
    Keywords completed = keywords;
    std::optional<ScopedVariable> service;
    std::optional<ScopedVariable> sslmode;
    if (!named.empty()) service.emplace("PGSERVICE", named);
    if (!is_said && getenv("PGSERVICE") != nullptr)
        sslmode.emplace("PGSSLMODE", kUnsaid);
    else if (!is_said)
        completed.emplace("sslmode", kUnsaid);
    completed.merge(keywords_of(Options(PQconndefaults())));
    return completed;
}

std::vector<std::string> split_list(const std::string& list) {
    std::vector<std::string> items;
    std::size_t begin = 0;
    for (std::size_t comma = list.find(','); comma != std::string::npos;
         begin = comma + 1, comma = list.find(',', begin))
        items.push_back(list.substr(begin, comma - begin));
    items.push_back(list.substr(begin));
    return items;
}

// A socket's directory, an abstract socket, this machine's loopback; anything that only might be
// one is not.
bool is_local(const std::string& host) {
    if (host.empty() || host[0] == '/' || host[0] == '@') return true;
    if (strcasecmp(host.c_str(), "localhost") == 0) return true;
    in_addr v4{};
    if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
    in6_addr v6{};
    return inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

// Where one of several servers is remote, the connection is. An address, where given, is what libpq
// dials; the host beside it is only the name in the certificate.
bool is_remote(const Keywords& completed) {
    const auto hosts = split_list(value_of(completed, "host"));
    const auto addresses = split_list(value_of(completed, "hostaddr"));
    for (std::size_t i = 0; i < std::max(hosts.size(), addresses.size()); ++i) {
        const std::string host = i < hosts.size() ? hosts[i] : "";
        const std::string address = i < addresses.size() ? addresses[i] : "";
        if (!is_local(address.empty() ? host : address)) return true;
    }
    return false;
}

bool has_own_root_certificate() {
    std::filesystem::path home;
    if (const char* given = getenv("HOME"); given != nullptr && *given != '\0')
        home = given;
    else if (const auto user = find_system_user(geteuid()))
        home = user->home;
    std::error_code ignored;
    return std::filesystem::exists(home / ".postgresql/root.crt", ignored);
}

std::string quoted(const std::string& value) {
    std::string text = "'";
    for (const char c : value) {
        if (c == '\'' || c == '\\') text += '\\';
        text += c;
    }
    return text + "'";
}

bool is_secret(const PQconninfoOption& option) {
    return option.dispchar != nullptr && option.dispchar[0] == '*';
}

bool is_url(const std::string& text) {
    return text.rfind("postgresql://", 0) == 0 || text.rfind("postgres://", 0) == 0;
}

// Keyword form, made anew from what libpq understood.
std::string redact_keywords(const Options& options) {
    std::string text;
    for_each_given(options, [&](const auto& o) {
        const std::string value = is_secret(o) ? kRedacted : o.val;
        const bool plain =
            !value.empty() && value.find_first_of(" \t\n\r\f\v'\\") == std::string::npos;
        text += fmt::format("{}{}={}", text.empty() ? "" : " ", o.keyword,
                            plain ? value : quoted(value));
    });
    return text;
}

// One `name=value` of a URL's query. libpq decodes names too (`%70assword`), so libpq is asked what
// it is.
std::string redact_parameter(const std::string& parameter) {
    bool secret = false;
    const Options alone = parse("postgresql://?" + parameter);
    for_each_given(alone, [&](const auto& o) { secret = secret || is_secret(o); });
    return secret ? parameter.substr(0, parameter.find('=') + 1) + kRedacted : parameter;
}

// URL form, kept as written but for the secrets; cut where libpq cuts: at the first @ before any
// slash, at the first question mark behind it.
std::string redact_uri(const std::string& url) {
    std::size_t host = url.find("://") + 3;
    std::string text = url.substr(0, host);
    if (const std::size_t at = url.find_first_of("@/", host);
        at != std::string::npos && url[at] == '@') {
        const std::size_t colon = url.find(':', host);
        if (colon < at)
            text += url.substr(host, colon + 1 - host) + kRedacted;
        else
            text += url.substr(host, at - host);
        host = at;
    }
    const std::size_t query = url.find('?', host);
    text += url.substr(host, query == std::string::npos ? query : query - host);
    for (std::size_t begin = query; begin != std::string::npos;) {
        const std::size_t end = url.find('&', begin + 1);
        text += url[begin];  // the ? or &
        text += redact_parameter(
            url.substr(begin + 1, end == std::string::npos ? end : end - begin - 1));
        begin = end;
    }
    return text;
}

}  // namespace

std::string Connection::conninfo() const {
    std::string text;
    for (const auto& [name, value] : keywords)
        text += fmt::format("{}{}={}", text.empty() ? "" : " ", name, quoted(value));
    return text;
}

std::string Connection::display() const {
    const Keywords completed = effective(keywords);
    std::string host = value_of(completed, "host");
    if (host.empty()) host = value_of(completed, "hostaddr");
    if (host.empty()) host = "local";
    const std::string user = value_of(completed, "user");
    const std::string database = value_of(completed, "dbname");
    return fmt::format("{}@{}:{}/{}", user, host, value_of(completed, "port"),
                       database.empty() ? user : database);
}

Connection parse_connection(const std::string& url, std::chrono::milliseconds connect_timeout) {
    const Options given = parse(url);
    if (!given)
        throw Error(ExitCode::config,
                    "the database URL cannot be read (not shown: it may contain a password)",
                    "Write postgresql://user@host:port/name (special characters percent-encoded), "
                    "host=... dbname=..., or service=NAME.");

    Connection connection;
    connection.keywords = keywords_of(given);
    const Keywords completed = effective(connection.keywords);
    std::string sslmode = value_of(completed, "sslmode");
    if (is_remote(completed)) {
        for (const auto& [name, value] : kKeepAlive)
            if (value_of(completed, name).empty()) connection.keywords[name] = value;
        if (sslmode == kUnsaid) connection.keywords["sslmode"] = sslmode = "verify-full";
        if (sslmode == "verify-full" && value_of(completed, "sslrootcert").empty() &&
            !has_own_root_certificate())
            connection.keywords["sslrootcert"] = kSystemCertificates;
    }
    // libpq counts whole seconds, and reads 1 as 2.
    if (value_of(completed, "connect_timeout").empty())
        connection.keywords["connect_timeout"] = fmt::to_string(std::max<std::int64_t>(
            2, std::chrono::ceil<std::chrono::seconds>(connect_timeout).count()));
    return connection;
}

std::string redact_url(const std::string& url) {
    if (url == "embedded") return url;  // the word of database.url for a private server
    const Options options = parse(url);
    if (!options) return kRedacted;
    const std::string text = is_url(url) ? redact_uri(url) : redact_keywords(options);

    // Read as libpq reads it, no secret may be left; where our idea of the text differs from
    // libpq's, nothing is shown.
    const Options shown = parse(text);
    bool safe = shown != nullptr;
    for_each_given(shown, [&](const auto& o) {
        safe = safe && (!is_secret(o) || std::string_view(o.val) == kRedacted);
    });
    return safe ? text : kRedacted;
}

}  // namespace keyrota
