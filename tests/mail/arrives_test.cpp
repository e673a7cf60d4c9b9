// What readers of other makes see of our mail: npm's mailparser reads it, and caniemail's data says
// what mail programs make of its HTML.

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "notify/mime.h"
#include "notify/render.h"
#include "notify/usage_report.h"
#include "support/program.h"

namespace keyrota::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using namespace std::chrono_literals;

const Timestamp kSentAt = *parse_timestamp("2026-11-24T06:00:00Z");
constexpr std::chrono::hours kDay(24);

std::string by_node(const std::string& script, const std::string& input) {
    const Outcome outcome =
        run({"/usr/bin/env", "node", "--input-type=module", "-e",
             "import { createRequire } from 'node:module'; import fs from 'node:fs';\n"
             "const modules = '" KEYROTA_NODE_MODULES "';\n"
             "const require = createRequire(modules + '/x.js');\n"
             "const input = fs.readFileSync(0);\n" +
                 script},
            {.environment = {{"PATH", "/usr/local/bin:/usr/bin:/bin"}}, .input = input});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
    return outcome.out;
}

Poco::JSON::Object::Ptr by_mailparser(const std::string& bytes) {
    return Poco::JSON::Parser()
        .parse(by_node("const mail = await require('mailparser').simpleParser(input);\n"
                       "console.log(JSON.stringify({ subject: mail.subject, date: mail.date, "
                       "id: mail.messageId, root: mail.inReplyTo, to: mail.to.value, "
                       "from: mail.from.value, text: mail.text, html: mail.html, "
                       "names: mail.headerLines.map((h) => h.key), "
                       "files: mail.attachments.length }));",
                       bytes))
        .extract<Poco::JSON::Object::Ptr>();
}

// Of what some mail program does not know at all, the titles.
std::vector<std::string> unknown_to_some(const std::string& html) {
    const std::string said = by_node(
        "const { caniemail } = await import(modules + '/caniemail/dist/index.js');\n"
        "const { issues } = caniemail({ clients: ['*'], html: input.toString() });\n"
        "const titles = [...issues.errors.values()].flat().filter((i) => !i.notes?.length);\n"
        "console.log([...new Set(titles.map((i) => i.title))].sort().join('\\n'));",
        html);
    std::istringstream lines(said);
    std::vector<std::string> titles;
    for (std::string line; std::getline(lines, line);)
        if (!line.empty()) titles.push_back(line);
    return titles;
}

OutgoingMessage message(const std::string& name, const std::string& subject) {
    return {.message_id = 42,
            .run_id = 7,
            .recipient = "ada@example.com",
            .recipient_name = name,
            .subject = subject,
            .text_body = "first\n.\nFrom " + name + "\n",
            .html_body = "<p>first " + subject.substr(0, 9) + "</p>\n",
            .created_at = kSentAt};
}
const MailIdentity kIdentity{.installation = "6c1f6a1e-0000-4000-8000-000000000001",
                             .from = "keyrota@example.com"};

NoticeMail notice_mail(int keys, bool with_anomalies = true) {
    NoticeMail mail{.recipient = "ada@example.com",
                    .recipient_name = "Ada Lovelace",
                    .time_zone = "Europe/Berlin",
                    .as_of = kSentAt,
                    .run_id = 4711,
                    .operator_address = "ops@example.com",
                    .link = "https://console.example.com/keys/{key_id}"};
    for (int i = 0; i < keys; ++i) {
        KeyInMail key{.key_id = i + 1,
                      .name = fmt::format("a-name-of-some-length-{}", i),
                      .prefix = "sk_live_",
                      .hint = "x9Qz",
                      .environment = "production",
                      .type = "secret",
                      .scopes = "read:analytics, write:consumers, read:experiences",
                      .created_at = kSentAt - 300 * kDay,
                      .expires_at = kSentAt + 3 * kDay,
                      .last_used_at = kSentAt - 1h};
        for (std::int64_t day = 0; day < 30; ++day) key.requests_by_day.push_back(100'000 + day);
        mail.notices.push_back(
            {.check_id = with_anomalies && i % 2 == 1 ? "KEY-ANOMALY-SPIKE" : "KEY-EXPIRES-SOON",
             .stage = "open",
             .severity = 3,
             .due_at = kSentAt + 3 * kDay,
             .reason = "You get this because you own " + key.name + ".",
             .evidence = R"({"says": "3,000 requests, expected 90",)"
                         R"( "last_7_days": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,)"
                         R"( 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23,)"
                         R"( 24, 25, 26, 27, 28]})",
             .key = key,
             .key_id = i + 1});
    }
    return mail;
}

RenderedMail rendered(const NoticeMail& mail) {
    Templates templates("");
    return render(templates, mail);
}

TEST(Arrives, AsMailparserReadsIt) {
    OutgoingMessage reminder = message("Ada Lovelace", "[keyrota] billing-prod expires in 3 days");
    reminder.root_id = 40;
    const auto read = by_mailparser(to_mime(reminder, kIdentity));
    EXPECT_EQ(read->getValue<std::string>("subject"), reminder.subject);
    EXPECT_EQ(read->getValue<std::string>("date"), "2026-11-24T06:00:00.000Z");
    EXPECT_EQ(read->getValue<std::string>("id"), "<42@6c1f6a1e-0000-4000-8000-000000000001>");
    EXPECT_EQ(read->getValue<std::string>("root"), "<40@6c1f6a1e-0000-4000-8000-000000000001>");
    EXPECT_EQ(read->getValue<std::string>("text"), reminder.text_body);
    EXPECT_EQ(read->getValue<std::string>("html"), reminder.html_body);
    EXPECT_EQ(read->getValue<int>("files"), 0);
}

TEST(Arrives, InEveryScriptAndWithoutAHeaderThatSomebodyElseWrote) {
    for (const std::string name :
         {"Ада Лавлейс", "آدا لوفليس", "🔑 Ada 🗝️", "Zoë \"the key\" O'Neil, Dr. <x@y>",
          "李,雷; a@b", "\"\r\nBcc: eve@example.com\"", "x\r\n\r\n<script>",
          "=?UTF-8?Q?Bcc?= eve"}) {
        const OutgoingMessage sent = message(name, "[keyrota] " + name + " expires");
        const auto read = by_mailparser(to_mime(sent, kIdentity));
        std::string one_line = name;
        for (char& c : one_line)
            if (c == '\r' || c == '\n') c = ' ';
        if (one_line.starts_with("=?")) one_line.insert(1, " ");  // as it stands, not decoded
        EXPECT_EQ(read->getValue<std::string>("subject"), "[keyrota] " + one_line + " expires");
        const auto to = read->getArray("to");
        ASSERT_EQ(to->size(), 1U) << name;
        EXPECT_EQ(to->getObject(0)->getValue<std::string>("address"), "ada@example.com");
        EXPECT_EQ(to->getObject(0)->getValue<std::string>("name"), one_line);
        const std::vector<std::string> names = [&] {
            std::vector<std::string> all;
            for (const auto& one : *read->getArray("names")) all.push_back(one.toString());
            return all;
        }();
        EXPECT_THAT(names,
                    ElementsAre("from", "to", "subject", "date", "message-id", "auto-submitted",
                                "x-keyrota-run", "mime-version", "content-type"));
    }
}

// What those programs leave out of our mail that do not know it: nobody misses it but who has our
// words read aloud, and a long word runs over the edge.
TEST(Arrives, InHtmlThatMailProgramsUnderstand) {
    for (const std::string& html : {rendered(notice_mail(2)).html})
        for (const std::string& title : unknown_to_some(html))
            EXPECT_THAT((std::vector<std::string>{"<body> element", "aria-label attribute",
                                                  "lang attribute", "role attribute", "word-break",
                                                  "width attribute", "height attribute"}),
                        ::testing::Contains(title));
}

TEST(Arrives, WholeWhereLongMailIsCut) {
    EXPECT_LT(rendered(notice_mail(10, false)).html.size(), 100'000U) << "Gmail shows 102 KB";
}

}  // namespace
}  // namespace keyrota::test
