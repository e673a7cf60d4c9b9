#include "notify/render.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>

#include "error/error.h"
#include "notify/advice.h"
#include "support/program.h"

namespace keyrota {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

const Timestamp kNow = *parse_timestamp("2026-11-24T06:00:00Z");
constexpr std::chrono::hours kDay(24);

NoticeInMail expiring(const std::string& name, std::int64_t key_id = 7) {
    return {.check_id = "KEY-EXPIRES-SOON",
            .detail = "",
            .stage = "T-3d",
            .severity = 3,
            .due_at = kNow + 3 * kDay,
            .reason = "You get this because you own " + name + ".",
            .key = KeyInMail{.key_id = key_id,
                             .name = name,
                             .prefix = "sk_live_",
                             .hint = "x9Qz",
                             .environment = "production",
                             .type = "secret",
                             .scopes = "read:analytics, write:consumers",
                             .created_at = kNow - 300 * kDay,
                             .expires_at = kNow + 3 * kDay,
                             .last_used_at = kNow - 1h},
            .key_id = key_id};
}
NoticeMail mail_of(std::vector<NoticeInMail> notices) {
    return {.recipient = "ada@example.com",
            .recipient_name = "Ada Lovelace",
            .time_zone = "Europe/Berlin",
            .as_of = kNow,
            .run_id = 4711,
            .operator_address = "ops@example.com",
            .link = "",
            .notices = std::move(notices)};
}
RenderedMail rendered(const NoticeMail& mail) {
    Templates templates("");
    return render(templates, mail);
}

TEST(Render, WhatTheCheckSawStandsFirst) {
    NoticeInMail limited = expiring("billing-prod");
    limited.check_id = "KEY-RATE-NEAR-LIMIT";
    limited.evidence =
        R"({"limit": 1000, "peak_minute": 985, "remaining": 15, "threshold": 80,)"
        R"( "peak_minute_at_us": 1795500000000000, "reset_at_us": 1795500060000000})";
    const RenderedMail mail = rendered(mail_of({limited}));
    for (const std::string& body : {mail.text, mail.html})
        EXPECT_THAT(body, HasSubstr("Peak of 985 of 1,000 requests a minute, 15 remaining, at "
                                    "24 Nov 2026, 06:00 UTC (24 Nov 2026, 07:00 CET); reset "
                                    "24 Nov 2026, 06:01 UTC"));
}

TEST(Render, AReminderSaysHowOldItsFiguresAre) {
    NoticeInMail limited = expiring("billing-prod");
    limited.check_id = "KEY-RATE-NEAR-LIMIT";
    limited.stage = "again 2";
    limited.seen_at = kNow - 7 * kDay;
    limited.evidence =
        R"({"limit": 1000, "peak_minute": 985, "remaining": 15, "threshold": 80,)"
        R"( "peak_minute_at_us": 1795500000000000, "reset_at_us": 1795500060000000})";
    const std::string first = [&] {
        NoticeInMail opened = limited;
        opened.stage = "open";
        return rendered(mail_of({opened})).text;
    }();
    const std::string text = rendered(mail_of({limited})).text;
    const std::size_t at = text.find("On 17 Nov 2026, 06:00 UTC (17 Nov 2026, 07:00 CET): ");
    EXPECT_NE(at, std::string::npos) << text;
    EXPECT_THAT(first, Not(HasSubstr("On 17 Nov")));
}

TEST(Render, AnAnomalyComesWithItsSentenceAndTheWeekBeforeIt) {
    NoticeInMail spike = expiring("billing-prod");
    spike.check_id = "KEY-ANOMALY-SPIKE";
    spike.evidence = R"({"says": "3,000 requests <b>, expected 90", "last_7_days": [1, 0, 8]})";
    const RenderedMail mail = rendered(mail_of({spike}));
    EXPECT_THAT(mail.text, HasSubstr("3,000 requests <b>, expected 90\n  7 days       "));
    EXPECT_THAT(mail.html, HasSubstr("3,000 requests &lt;b&gt;, expected 90"));
    EXPECT_THAT(mail.html, HasSubstr("Requests by 6 hours, the last 7 days; at most 8"));
}

TEST(Render, AnEvidenceThatLacksWhatItsSentenceNeedsIsLeftOut) {
    NoticeInMail blocked = expiring("billing-prod");
    blocked.check_id = "KEY-RETIRE-BLOCKED";
    for (const char* evidence : {"", "{}", R"({"networks": ["192.0.2.0/24"], "scopes": []})",
                                 R"({"networks": null, "scopes": ["admin"]})"}) {
        blocked.evidence = evidence;
        EXPECT_THAT(rendered(mail_of({blocked})).text, Not(HasSubstr("Still called from")));
    }
    blocked.evidence = R"({"networks": ["192.0.2.0/24", "2001:db8::/48"], "scopes": ["admin"]})";
    EXPECT_THAT(rendered(mail_of({blocked})).text,
                HasSubstr("Still called from 192.0.2.0/24, 2001:db8::/48, for admin."));
}

TEST(Render, TheSubjectSaysTheFacts) {
    EXPECT_EQ(rendered(mail_of({expiring("billing-prod")})).subject,
              "[keyrota] billing-prod expires in 3 days");
    EXPECT_EQ(rendered(mail_of({expiring("billing-prod"), expiring("other", 8)})).subject,
              "[keyrota] 2 keys need attention: billing-prod expires in 3 days");
    NoticeMail many = mail_of({expiring("billing-prod")});
    many.more = 1234;
    EXPECT_EQ(rendered(many).subject,
              "[keyrota] 1,235 findings need attention: billing-prod expires in 3 days");
}

TEST(Render, TheTextAloneSaysEverything) {
    const std::string text = rendered(mail_of({expiring("billing-prod")})).text;
    for (const char* part :
         {"Hello Ada Lovelace,", "billing-prod", "sk_live_...x9Qz", "key_id 7",
          "production, secret", "read:analytics, write:consumers",
          "27 Nov 2026, 06:00 UTC (27 Nov 2026, 07:00 CET)", "24 Nov 2026, 05:00 UTC",
          "Severity     medium", "What to do:", "  1. ", "keyrota keys update 7 --expires-at",
          "If nothing is done: the key stops working in 3 days",
          "You get this because you own billing-prod.", "Write to ops@example.com.", "run 4711"})
        EXPECT_THAT(text, HasSubstr(part));
    EXPECT_THAT(text, Not(HasSubstr("&#")));
}

TEST(Render, WhatIsNotShownLeavesNoEmptyLineInTheText) {
    NoticeInMail breached = expiring("leaked", 8);
    breached.check_id = "KEY-BREACHED";
    NoticeInMail about_itself = expiring("", 0);
    about_itself.key.reset();
    about_itself.check_id = "MAIL-HELD";
    for (const NoticeInMail& notice : {expiring("billing-prod"), breached, about_itself}) {
        const std::string text = rendered(mail_of({notice})).text;
        EXPECT_THAT(text, Not(HasSubstr("\n\n\n"))) << text;
        EXPECT_THAT(text, HasSubstr("\n\nWhat to do:\n  1. ")) << text;
        EXPECT_THAT(text, HasSubstr("\n\nIf nothing is done: ")) << text;
        EXPECT_THAT(text, HasSubstr("\n\n--\n")) << text;
    }
    const std::string text = rendered(mail_of({expiring("billing-prod")})).text;
    EXPECT_THAT(text, HasSubstr("CET)\n  Severity "));
}

TEST(Render, UsageIsShownWhereThereIsAny) {
    NoticeInMail notice = expiring("billing-prod");
    EXPECT_THAT(rendered(mail_of({notice})).text, Not(HasSubstr("30 days  ")));
    notice.key->requests_by_day.assign(kUsageDays, 0);
    EXPECT_THAT(rendered(mail_of({notice})).text, Not(HasSubstr("30 days  ")));
    notice.key->requests_by_day.back() = 1'000'000;
    notice.key->requests_by_day.front() = 500'000;
    notice.key->errors = 15'000;
    const RenderedMail mail = rendered(mail_of({notice}));
    EXPECT_THAT(mail.text, HasSubstr("1,500,000 requests, 1.0 % failed"));
    EXPECT_THAT(mail.text, HasSubstr("▄____________________________█"));
    EXPECT_THAT(mail.html, HasSubstr("aria-label=\"Requests a day over the last 30 days, at most "
                                     "1,000,000\""));
    EXPECT_THAT(mail.html, HasSubstr("height=\"40\" bgcolor"));
}

TEST(Render, WhatEndedIsALine) {
    NoticeInMail ended = expiring("renewed", 9);
    ended.stage = "resolved";
    const RenderedMail mail = rendered(mail_of({expiring("billing-prod"), ended}));
    EXPECT_EQ(mail.subject, "[keyrota] billing-prod expires in 3 days");
    EXPECT_THAT(mail.text, HasSubstr("Resolved since:\n  - renewed expires in 3 days\n"));
    EXPECT_THAT(rendered(mail_of({expiring("billing-prod")})).text,
                Not(HasSubstr("Resolved since")));
}

std::size_t times(const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
        ++found;
    return found;
}

TEST(Render, WhatIsToBeDoneWithSeveralKeysIsSaidOnce) {
    NoticeInMail unused = expiring("search", 9);
    unused.check_id = "KEY-UNUSED";
    const RenderedMail mail =
        rendered(mail_of({expiring("billing-prod"), unused, expiring("other", 8)}));
    for (const std::string& body : {mail.text, mail.html}) {
        EXPECT_EQ(times(body, "What to do"), 2U);
        EXPECT_EQ(times(body, "The new secret is shown once"), 1U);
        EXPECT_EQ(times(body, "each of these 2 (KEY_ID stands for its key_id)"), 1U);
        EXPECT_THAT(body, HasSubstr("keyrota keys regenerate KEY_ID --overlap 7d"));
        EXPECT_THAT(body, HasSubstr("keyrota keys deactivate 9"));
        EXPECT_THAT(body, HasSubstr("the key stops working on its date"));
        EXPECT_LT(body.find("other expires in 3 days"), body.find("search has not been used"));
        for (const char* name : {"billing-prod", "other", "search"})
            EXPECT_THAT(body, HasSubstr(std::string("because you own ") + name));
    }
}

TEST(Render, AFindingAboutTheRunnerHasNoKey) {
    const RenderedMail mail = rendered(mail_of({{.check_id = "RUN-MISSED",
                                                 .detail = "expire-keys",
                                                 .stage = "open",
                                                 .severity = 4,
                                                 .reason = "You get this because you operate "
                                                           "keyrota."}}));
    EXPECT_EQ(mail.subject, "[keyrota] the job expire-keys has not completed in time");
    EXPECT_THAT(mail.text, HasSubstr("keyrota run expire-keys\n"));
    EXPECT_THAT(mail.text, Not(HasSubstr("key_id")));
}

TEST(Render, NamesOfAllScriptsAreShownAndNoneIsObeyed) {
    for (const std::string name : {"Оплата 🔑", "مفتاح الدفع", "キー", "O'Neill & \"Söhne\""}) {
        const RenderedMail mail = rendered(mail_of({expiring(name)}));
        EXPECT_THAT(mail.subject, HasSubstr(name));
        EXPECT_THAT(mail.text, HasSubstr(name));
    }
    const std::string evil =
        "a\r\nBcc: all@example.com\n\n<img src=x onerror=alert(1)>{{greeting}}\u202etxt.exe";
    NoticeMail mail = mail_of({expiring(evil)});
    mail.recipient_name = evil;
    mail.notices[0].reason = evil;
    const RenderedMail made = rendered(mail);
    EXPECT_EQ(made.subject.find_first_of("\r\n"), std::string::npos);
    EXPECT_THAT(made.text, Not(HasSubstr("\nBcc:")));
    EXPECT_THAT(made.text, Not(HasSubstr("\r")));
    EXPECT_THAT(made.text, Not(HasSubstr("\u202e")));
    EXPECT_THAT(made.html, Not(HasSubstr("<img")));
    EXPECT_THAT(made.html, HasSubstr("&lt;img"));
    EXPECT_THAT(made.text, HasSubstr("{{greeting}}")) << "a value is not read as a template";
}

TEST(Render, ACommandTakesNoWordThatAShellWouldRead) {
    const RenderedMail mail = rendered(mail_of(
        {{.check_id = "RUN-MISSED", .detail = "x; rm -rf ~", .stage = "open", .severity = 4}}));
    EXPECT_THAT(mail.text, HasSubstr("keyrota run NAME\n"));
}

TEST(Render, ALinkHasAnAllowedScheme) {
    NoticeMail mail = mail_of({expiring("billing-prod")});
    mail.link = "https://console.example.com/keys/{key_id}?why={check_id}&x=1";
    EXPECT_THAT(
        rendered(mail).html,
        HasSubstr("href=\"https://console.example.com/keys/7?why=KEY-EXPIRES-SOON&amp;x=1\""));
    mail.link = "javascript:alert({key_id})";
    EXPECT_THAT(rendered(mail).html, Not(HasSubstr("href")));
    EXPECT_EQ(safe_link("data:text/html,x"), "");
    EXPECT_EQ(safe_link("JavaScript:x"), "");
}

TEST(Render, TheHtmlIsAccessibleAndPlain) {
    NoticeInMail notice = expiring("billing-prod");
    notice.key->requests_by_day.assign(kUsageDays, 5);
    const std::string html = rendered(mail_of({notice})).html;
    EXPECT_THAT(html, HasSubstr("<html lang=\"en\">"));
    const std::regex table("<table[^>]*>");
    for (std::sregex_iterator at(html.begin(), html.end(), table), end; at != end; ++at) {
        const std::string tag = at->str();
        const bool data = tag.find("font-size:14px") != std::string::npos;  // with row headers
        EXPECT_TRUE(data || tag.find("role=") != std::string::npos) << tag;
    }
    for (const char* bad : {"<script", "<svg", "display:flex", "border-radius", "<img", "http:"})
        EXPECT_THAT(html, Not(HasSubstr(bad)));
}

TEST(Render, DaysAreCountedAsStagesCountThem) {
    EXPECT_EQ(when(kNow + 3 * kDay, kNow), "in 3 days");
    EXPECT_EQ(when(kNow + 2 * kDay + 1us, kNow), "in 3 days");
    EXPECT_EQ(when(kNow + 1 * kDay, kNow), "in a day");
    EXPECT_EQ(when(kNow + 1 * kDay - 1us, kNow), "within a day");
    EXPECT_EQ(when(kNow, kNow), "today");
    EXPECT_EQ(when(kNow - 1 * kDay + 1us, kNow), "today");
    EXPECT_EQ(when(kNow - 1 * kDay, kNow), "a day ago");
    EXPECT_EQ(when(kNow - 7 * kDay, kNow), "7 days ago");
    EXPECT_EQ(when(kNow - 1625 * kDay, kNow), "1,625 days ago");
}

TEST(Templates, FaultsAreSaidWithTheirPlace) {
    EXPECT_EQ(fault_of_template("Hello {{greeting}}\n{{! a remark }}"), "");
    EXPECT_EQ(fault_of_template("a\n  {{greting}}"),
              "2:3: unknown variable \"greting\". Did you mean \"greeting\"?");
    EXPECT_THAT(fault_of_template("{{{greeting}}}"), HasSubstr("1:1: {{{ is not allowed"));
    EXPECT_THAT(fault_of_template("{{& greeting}}"), HasSubstr("is not allowed"));
    EXPECT_THAT(fault_of_template("{{> other}}"), HasSubstr("is not allowed"));
    EXPECT_EQ(fault_of_template("{{#items}}\n{{/key}}"),
              "2:1: {{/key}} closes nothing that is open here");
    EXPECT_EQ(fault_of_template("{{#items}}\n"), "2:1: {{/items}} is missing");
    EXPECT_EQ(fault_of_template("{{greeting"), "1:1: a tag is not closed");
}

TEST(Templates, BuiltInOnesHaveNoneAndEscapeEverything) {
    for (const char* name : {"notice_text", "notice_html", "report_text", "report_html"}) {
        std::ifstream file(std::filesystem::path(KEYROTA_SOURCE_DIR) / "config/templates" /
                           (std::string(name) + ".mustache"));
        const std::string text{std::istreambuf_iterator<char>(file), {}};
        EXPECT_NE(text, "");
        EXPECT_EQ(fault_of_template(text), "") << name;
    }
}

TEST(Advice, EachCheckHasARow) {
    const std::regex id("-- ((KEY|RUN|MAIL|WAIVER|AUDIT|ROLLUP)-[A-Z-]+), ");
    for (const auto& file : std::filesystem::recursive_directory_iterator(
             std::filesystem::path(KEYROTA_SOURCE_DIR) / "jobs")) {
        if (file.path().extension() != ".sql") continue;
        std::ifstream statement(file.path());
        std::string first;
        std::getline(statement, first);
        std::smatch found;
        if (!std::regex_search(first, found, id)) continue;
        EXPECT_STRNE(advice_for(found.str(1)).check_id, "")
            << found[1] << ": add a row to common/notify/advice.cpp";
    }
    EXPECT_STREQ(advice_for("KEY-ANOMALY-SPIKE").check_id, "KEY-ANOMALY-");
}

TEST(Advice, PlaceholdersAreFilledInOnce) {
    EXPECT_EQ(fill_in("{key} {key_id} {when} {detail} {other",
                      {.key = "{when}", .key_id = "7", .when = "today", .detail = ""}),
              "{when} 7 today  {other");
}

}  // namespace
}  // namespace keyrota
