// One key, its owner and its team called by the worst names that the database admits, taken through
// every output. The commands refuse such names; whoever writes to the tables does not.

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>

#include "support/program.h"

namespace keyrota::test {
namespace {

namespace fs = std::filesystem;
using std::chrono::hours;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kFormula = "=cmd|'/c calc'!A1";
const std::string kWorst = kFormula +
                           "<script>alert(1)</script><img src=x onerror=alert(2)>\"'`$(id)`\\\r\n"
                           "Bcc: victim@example.com\r\n\r\n\x1b[31m\x1b]0;title\x07\x7f"
                           "\xe2\x80\xae\xe2\x81\xa6\xe2\x80\xa8{{owner}}{{{key}}}{key_id}%s%n,;|";

// What a terminal would act on, but for the end of a line.
bool acts_on_terminal(const std::string& text) {
    const auto is_control = [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte < 0x20 && c != '\n') || byte == 0x7f;
    };
    return std::any_of(text.begin(), text.end(), is_control) ||
           text.find("\xe2\x80\xae") != std::string::npos ||
           text.find("\xe2\x81\xa6") != std::string::npos ||
           text.find("\xe2\x80\xa8") != std::string::npos;
}

// A terminal's bytes in JSON must be escaped there.
bool has_raw_control(const std::string& json) {
    return std::any_of(json.begin(), json.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\n'; });
}

// By RFC 4180.
std::vector<std::vector<std::string>> csv_rows(const std::string& text) {
    std::vector<std::vector<std::string>> rows(1);
    rows.back().emplace_back();
    bool quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        std::string& field = rows.back().back();
        const char c = text[i];
        if (quoted && c == '"' && i + 1 < text.size() && text[i + 1] == '"') {
            field += text[++i];
        } else if (c == '"') {
            quoted = !quoted;
        } else if (!quoted && c == ',') {
            rows.back().emplace_back();
        } else if (!quoted && c == '\r' && i + 1 < text.size() && text[i + 1] == '\n') {
            rows.emplace_back();
            rows.back().emplace_back();
            ++i;
        } else {
            field += c;
        }
    }
    rows.pop_back();  // what stands behind the last end of a line
    return rows;
}

std::string contents(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

class HostileKey : public ProgramTest {
  protected:
    void SetUp() override {
        ProgramTest::SetUp();
        const std::string quoted = quote(kWorst);
        execute("insert into keyrota.team (team_id, name, email) values (1, " + quoted +
                ", 'team@example.com')");
        execute("insert into keyrota.owner (owner_id, name, email, team_id) values (1, " + quoted +
                ", 'ada@example.com', 1)");
        given_key({.name = kWorst + std::string(10'000, 'x'), .expires_at = kNow + hours(5)});
        execute("update keyrota.api_key set owner_id = 1, scopes = array['admin', " + quoted + "]");
        environment()["KEYROTA_METRICS_TEXTFILE_DIR"] = scratch().path();
        for (const char* job : {"expire-keys", "review-permissions", "flag-rotation"}) {
            const Outcome run =
                keyrota({"run", job, "--as-of", to_string(kNow)}, {{"KEYROTA_LOG_LEVEL", "debug"}});
            EXPECT_EQ(run.exit_code, 0) << run.errors;
            EXPECT_FALSE(acts_on_terminal(run.out + run.errors)) << job;
        }
        EXPECT_GE(number("select count(*) from keyrota.finding"), 2);
        EXPECT_EQ(keyrota({"keys", "update", "1", "--expires-at", "2099-01-01"}).exit_code, 0);
    }
    static std::string quote(const std::string& text) {
        std::string quoted = "'";
        for (const char c : text) quoted += c == '\'' ? "''" : std::string(1, c);
        return quoted + "'";
    }
    std::string uid() {
        return text("select uid from keyrota.finding where check_id = 'KEY-SCOPE-ADMIN'");
    }
    std::vector<Arguments> pages() {
        return {{"findings", "list", "--status", "all"},
                {"findings", "show", uid()},
                {"findings", "history", uid()},
                {"explain", "1"},
                {"keys", "list"},
                {"keys", "show", "1"},
                {"owners", "list"},
                {"teams", "list"},
                {"policy", "explain", "1"},
                {"audit", "show", "1"},
                {"usage", "show", "1"},
                {"status"},
                {"alerts", "list"},
                {"rotations", "list", "--state", "all"}};
    }
};

TEST_F(HostileKey, DoesNothingToATerminal) {
    for (const Arguments& words : pages()) {
        const Outcome outcome = keyrota(words);
        SCOPED_TRACE(fmt::format("{}", fmt::join(words, " ")));
        EXPECT_FALSE(acts_on_terminal(outcome.out + outcome.errors)) << outcome.out;
        EXPECT_THAT(outcome.out, Not(HasSubstr("\nBcc:")));
    }
    for (const Arguments& words :
         std::vector<Arguments>{{"keys", "deactivate", "1", "--dry-run"},
                                {"keys", "deactivate", "--match", "*", "--dry-run"},
                                {"keys", "regenerate", "1", "--dry-run"},
                                {"breach", "1", "--dry-run"},
                                {"leaver", "ada@example.com", "--dry-run"},
                                {"rotate", "1", "--dry-run"},
                                {"explain", kWorst},
                                {"keys", "list", "--owner", kWorst},
                                {"findings", "list", "--control", kWorst},
                                {"findings", "show", kWorst}}) {
        SCOPED_TRACE(fmt::format("{}", fmt::join(words, " ")));
        const Outcome outcome = keyrota(words);
        EXPECT_FALSE(acts_on_terminal(outcome.out + outcome.errors))
            << outcome.out << outcome.errors;
    }
}

TEST_F(HostileKey, IsTextInJson) {
    for (Arguments words : pages()) {
        words.emplace_back("--json");
        SCOPED_TRACE(fmt::format("{}", fmt::join(words, " ")));
        const Outcome outcome = keyrota(words);
        EXPECT_FALSE(has_raw_control(outcome.out));
        EXPECT_NO_THROW(Poco::JSON::Parser().parse(outcome.out)) << outcome.out << outcome.errors;
    }
    const auto listed = Poco::JSON::Parser()
                            .parse(keyrota({"keys", "list", "--json"}).out)
                            .extract<Poco::JSON::Array::Ptr>();
    EXPECT_EQ(listed->getObject(0)->getValue<std::string>("name").substr(0, kWorst.size()), kWorst);
}

TEST_F(HostileKey, IsOneFieldOfCsvAndNoFormula) {
    for (const Arguments& words :
         std::vector<Arguments>{{"findings", "list", "--status", "all", "--csv"},
                                {"keys", "list", "--csv"},
                                {"keys", "list", "--credential-report"},
                                {"keys", "export", "--format", "csv"},
                                {"owners", "list", "--csv"},
                                {"teams", "list", "--csv"},
                                {"audit", "export", "--format", "csv"}}) {
        SCOPED_TRACE(fmt::format("{}", fmt::join(words, " ")));
        const Outcome outcome = keyrota(words);
        EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
        const auto rows = csv_rows(outcome.out);
        ASSERT_GE(rows.size(), 2U);
        for (const auto& row : rows) {
            EXPECT_EQ(row.size(), rows.front().size());
            for (const std::string& field : row)
                EXPECT_EQ(std::string("=+-@\t\r").find(field.empty() ? 'a' : field[0]),
                          std::string::npos)
                    << field.substr(0, 80);
        }
    }
}

TEST_F(HostileKey, IsOneLineOfWhatIsReadLineByLine) {
    for (const Arguments& words :
         std::vector<Arguments>{{"findings", "list", "--status", "all", "--ocsf"},
                                {"keys", "export", "--format", "jsonl"},
                                {"audit", "export", "--format", "jsonl"}}) {
        SCOPED_TRACE(fmt::format("{}", fmt::join(words, " ")));
        const Outcome outcome = keyrota(words);
        EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
        EXPECT_FALSE(has_raw_control(outcome.out));
        std::istringstream lines(outcome.out);
        for (std::string line; std::getline(lines, line);)
            EXPECT_NO_THROW(Poco::JSON::Parser().parse(line)) << line.substr(0, 200);
    }
}

TEST_F(HostileKey, NeitherAddsAHeaderToAMailNorATagNorATemplate) {
    const fs::path directory = scratch().path() / "mail";
    for (const std::string& about : {std::string("ada@example.com"), uid()}) {
        const Outcome outcome = keyrota({"mail", "preview", about, "--out", directory.string()});
        EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
        EXPECT_FALSE(acts_on_terminal(outcome.out + outcome.errors)) << outcome.out;

        const std::string mail = contents(directory / (about + ".eml"));
        const std::string headers = mail.substr(0, mail.find("\r\n\r\n"));
        EXPECT_THAT(headers, Not(HasSubstr("\nBcc:")));
        EXPECT_TRUE(std::all_of(headers.begin(), headers.end(), [](char c) {
            return c == '\r' || c == '\n' || c == '\t' || (c >= 0x20 && c < 0x7f);
        })) << headers;
        EXPECT_THAT(mail, Not(HasSubstr("\nBcc:")));

        const std::string html = contents(directory / (about + ".html"));
        EXPECT_THAT(html, HasSubstr("&lt;script&gt;"));
        for (const char* raw : {"<script", "<img src=x", "\nBcc:"})
            EXPECT_THAT(html, Not(HasSubstr(raw)));
        EXPECT_FALSE(acts_on_terminal(html));
        const std::string as_text = contents(directory / (about + ".txt"));
        EXPECT_FALSE(acts_on_terminal(as_text));
        EXPECT_THAT(as_text, Not(HasSubstr("\nBcc:")));
    }
}

TEST_F(HostileKey, LeavesMetricsAndLogsLineByLine) {
    bool is_seen = false;
    for (const auto& entry : fs::directory_iterator(scratch().path())) {
        if (entry.path().extension() != ".prom") continue;
        is_seen = true;
        EXPECT_FALSE(acts_on_terminal(contents(entry.path()))) << entry.path();
        EXPECT_THAT(contents(entry.path()), Not(HasSubstr("calc")));
    }
    EXPECT_TRUE(is_seen);
    for (const char* format : {"text", "json"}) {
        const fs::path log = scratch().path() / (std::string("log.") + format);
        const Environment logged{{"KEYROTA_LOG_FILE", log.string()},
                                 {"KEYROTA_LOG_FORMAT", format},
                                 {"KEYROTA_LOG_LEVEL", "debug"}};
        keyrota({"run", "expire-keys", "--as-of", to_string(kNow + hours(1))}, logged);
        keyrota({"explain", kWorst}, logged);
        std::istringstream lines(contents(log));
        for (std::string line; std::getline(lines, line);) {
            EXPECT_FALSE(acts_on_terminal(line)) << line;
            if (format == std::string("json")) {
                EXPECT_NO_THROW(Poco::JSON::Parser().parse(line));
            }
        }
    }
}

TEST_F(HostileKey, IsTextInTheReport) {
    const fs::path page = scratch().path() / "report.html";
    const Outcome outcome = keyrota({"report", "--out", page.string()});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
    EXPECT_FALSE(acts_on_terminal(outcome.out + outcome.errors)) << outcome.out;
    const std::string html = contents(page);
    EXPECT_THAT(html, HasSubstr("&lt;script&gt;"));
    for (const char* raw : {"<script", "<img src=x", "\nBcc:", "\"'`"})
        EXPECT_THAT(html, Not(HasSubstr(raw)));
    EXPECT_FALSE(acts_on_terminal(html));

    const Outcome as_json = keyrota({"report", "--json"});
    EXPECT_FALSE(has_raw_control(as_json.out));
    EXPECT_NO_THROW(Poco::JSON::Parser().parse(as_json.out)) << as_json.out << as_json.errors;
    EXPECT_THAT(as_json.out, HasSubstr("calc")) << "nothing was shown";
}

// Whoever calls writes a part of a log: by the name that the key has elsewhere, and to scopes.
TEST_F(HostileKey, IsOneLineOfAGatewaysLog) {
    execute(
        "insert into keyrota.api_key_external (key_id, source, external_id)"
        " values (1, 'kong', " +
        quote(kWorst) + ")");
    const auto line = [](const std::string& id) {
        Poco::JSON::Object entity, request, response, headers, call;
        entity.set("id", id);
        headers.set("origin", kWorst);
        request.set("uri", "/" + kWorst);
        request.set("headers", headers);
        response.set("status", 200);
        call.set("started_at", to_micros(kNow) / 1000);
        call.set("response", response);
        call.set("authenticated_entity", entity);
        call.set("request", request);
        call.set("client_ip", kWorst);
        std::ostringstream text;
        call.stringify(text);
        return text.str() + "\n";
    };
    std::string plain =
        R"({"at":"2026-11-24T05:30:05Z","status":200,"key":1,"network":"x","scope":")";
    for (const char c : kWorst)
        if (static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\') plain += c;
    const fs::path folder = scratch().path();
    const std::string name = "a\x1b[31m\nBcc: \xe2\x80\xae.log";
    std::ofstream(folder / ("kong" + name)) << line(kWorst) << line(kWorst + "?") << kWorst << "\n";
    std::ofstream(folder / ("plain" + name)) << plain << "\"}\n" << kWorst << "\n";
    for (const char* map : {"kong", "plain"}) {
        const std::string log = folder / (map + name);
        for (const char* shape : {"--dry-run", "--json"}) {
            const Outcome read =
                keyrota({"usage", "ingest", "--format", "jsonl", "--map", map, shape, log});
            SCOPED_TRACE(read.out + read.errors);
            const bool is_json = shape == std::string("--json");
            EXPECT_FALSE(acts_on_terminal(is_json ? read.errors : read.out + read.errors));
            EXPECT_THAT(read.out + read.errors, Not(HasSubstr("\nBcc:")));
            EXPECT_THAT(read.out + read.errors, Not(HasSubstr("calc")));
            EXPECT_THAT(read.errors, HasSubstr("malformed line"));
            if (is_json) {
                EXPECT_FALSE(has_raw_control(read.out));
                EXPECT_NO_THROW(Poco::JSON::Parser().parse(read.out));
            }
        }
    }
    EXPECT_EQ(text("select string_agg(key_id || ' ' || requests || coalesce(scope, ''), ', ' order "
                   "by gateway)"
                   " from keyrota.usage_sample"),
              "1 1, 1 1")
        << "both calls are its, and of no scope";
    const Outcome refused =
        keyrota({"usage", "ingest", "--gateway", kWorst, (folder / ("kong" + name)).string()});
    EXPECT_EQ(refused.exit_code, 2);
    EXPECT_FALSE(acts_on_terminal(refused.out + refused.errors)) << refused.errors;
}

// What Slack reads between < and > is a link or a mention.
TEST_F(HostileKey, NeitherMentionsNorLinksInSlack) {
    Program receiver({"/usr/bin/python3", KEYROTA_SOURCE_DIR "/tests/support/health_check.py",
                      scratch().path().string()},
                     {.environment = bare_environment()});
    ASSERT_TRUE(eventually([&] { return fs::exists(scratch().path() / "port"); }));
    std::string port;
    std::ifstream(scratch().path() / "port") >> port;
    environment()["KEYROTA_CONFIG"] = scratch().write(
        "keyrota.yaml", fmt::format("notify: {{mode: send, digest_at: '00:00'}}\n"
                                    "webhooks: [{{name: chat, url: 'http://localhost:{}/x'}}]\n",
                                    port));
    execute(
        "update keyrota.team set email = null, webhook = 'chat';"
        "update keyrota.owner set active = false;"
        "update keyrota.api_key set name = '<!channel> <http://evil.example|ok> ' || name");
    for (const hours later : {hours(1), hours(20)}) {
        const Outcome told = keyrota({"run", "notify-owners", "--as-of", to_string(kNow + later)});
        EXPECT_EQ(told.exit_code, 0) << told.errors;
    }
    std::istringstream lines(contents(scratch().path() / "told"));
    int posts = 0;
    for (std::string line; std::getline(lines, line); ++posts) {
        const auto post = Poco::JSON::Parser().parse(line).extract<Poco::JSON::Object::Ptr>();
        const auto body = post->getValue<std::string>("body");
        EXPECT_FALSE(has_raw_control(body));
        const std::string said = Poco::JSON::Parser()
                                     .parse(body)
                                     .extract<Poco::JSON::Object::Ptr>()
                                     ->getValue<std::string>("text");
        EXPECT_THAT(said, HasSubstr("&lt;!channel&gt;"));
        EXPECT_EQ(said.find_first_of("<>"), std::string::npos) << said;
        EXPECT_FALSE(acts_on_terminal(said)) << said;
    }
    EXPECT_GT(posts, 0);
}

}  // namespace
}  // namespace keyrota::test
