// A mail server that is of no use for days, while what is to be told comes and goes: once it is
// back everybody is told all that still holds, and that once.

#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <fmt/format.h>

#include <algorithm>

#include "support/mail_server.h"

namespace keyrota::test {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using namespace std::chrono_literals;

constexpr auto kDay = std::chrono::hours(24);

// How it fails.
struct Outage {
    const char* name;
    Arguments options;  // of the server; none: nobody is there
};
void PrintTo(const Outage& outage, std::ostream* out) {
    *out << outage.name;
}

class DeadMailServer : public ProgramTest, public ::testing::WithParamInterface<Outage> {
  protected:
    void SetUp() override {
        ProgramTest::SetUp();
        config().notify.mode = "send";
        config().notify.operator_address = "operator@example.com";
        config().mail.transport = "smtp";
        config().mail.host = "localhost";
        config().mail.tls = "none";
        config().mail.timeout = 100ms;
        execute(
            "insert into keyrota.owner (name, email) values ('Ada', 'ada@example.com'),"
            " ('Bo', 'bo@example.com'), ('Cy', 'cy@example.com');"
            "update keyrota.owner set fallback_owner_id = 3 where owner_id < 3");
    }
    std::int64_t given_owned_key(std::int64_t owner_id, const GivenKey& key) {
        const std::int64_t key_id = given_key(key);
        execute(fmt::format("update keyrota.api_key set owner_id = {} where key_id = {}", owner_id,
                            key_id));
        return key_id;
    }
    void given_grave_finding(std::int64_t key_id, Timestamp at) {
        execute(fmt::format(
            "insert into keyrota.finding (key_id, uid, check_id, status, severity, opened_at,"
            " changed_at, run_id) values ({0}, keyrota.finding_uid('KEY-SCOPE-TYPE', {0}, ''),"
            " 'KEY-SCOPE-TYPE', 'open', 4, keyrota.instant({1}), keyrota.instant({1}), 1)",
            key_id, to_micros(at)));
    }
    void resolve(std::int64_t key_id, Timestamp at) {
        execute(
            fmt::format("update keyrota.finding set status = 'resolved', resolution ="
                        " 'absence', resolved_at = keyrota.instant({}) where key_id = {}",
                        to_micros(at), key_id));
    }
    /// What happens at its time, once.
    void at(Timestamp t, const std::function<void()>& happens) { events_.emplace(t, happens); }
    /// The jobs at their times until then; in the short form every three hours.
    void live(Timestamp until) {
        const auto step = is_long_form() ? 5min : 180min;
        for (; now_ < until; now_ += step) {
            while (!events_.empty() && events_.begin()->first <= now_)
                events_.extract(events_.begin()).mapped()();
            if (now_.time_since_epoch() % 1h == 0h) run("expire-keys", now_);
            ran_ = run("notify-owners", now_ + 4min);
            ASSERT_THAT(ran_.exit_code, AnyOf(ExitCode::done, ExitCode::delivery)) << ran_.message;
        }
    }
    void expect_status_to_say(std::int64_t least_waiting, std::chrono::hours oldest) {
        const Outcome said = keyrota({"status", "--json", "--as-of", to_string(now_)});
        const auto mail =
            Poco::JSON::Parser().parse(said.out).extract<Poco::JSON::Object::Ptr>()->getObject(
                "mail");
        EXPECT_GE(mail->getValue<std::int64_t>("waiting"), least_waiting);
        EXPECT_EQ(mail->getValue<std::int64_t>("dead"), 0);
        EXPECT_LE(*parse_timestamp(mail->getValue<std::string>("oldest_at")), now_ - oldest);
    }
    std::vector<std::string> unsent_states() {
        return texts(
            "select distinct state from keyrota.message where state not in ('sent', 'cancelled')");
    }
    /// Whom the mails went to that speak of a key.
    static std::vector<std::string> told_of(const std::string& key,
                                            const std::vector<TakenMail>& mails) {
        std::vector<std::string> recipients;
        for (const TakenMail& mail : mails)
            if (mail.bytes.find(key) != std::string::npos) recipients.push_back(mail.to);
        return recipients;
    }
    Timestamp now() const { return now_; }
    const RunReport& ran() const { return ran_; }

  private:
    std::multimap<Timestamp, std::function<void()>> events_;
    Timestamp now_ = kNow;
    RunReport ran_{};
};

TEST_P(DeadMailServer, OnceItIsBackWhatStillHoldsIsToldOnceAndNothingElse) {
    const std::int64_t in_stages =
        given_owned_key(1, {.name = "in-stages", .expires_at = kNow + 8 * kDay});
    const std::int64_t renewed =
        given_owned_key(1, {.name = "key-renewed", .expires_at = kNow + 8 * kDay});
    const std::int64_t ends =
        given_owned_key(1, {.name = "key-ends", .expires_at = kNow + 2 * kDay});
    const std::int64_t grave =
        given_owned_key(2, {.name = "key-grave", .expires_at = kNow + 99 * kDay});
    const std::int64_t gone =
        given_owned_key(2, {.name = "key-gone", .expires_at = kNow + 99 * kDay});
    const std::int64_t late =
        given_owned_key(1, {.name = "key-late", .expires_at = kNow + 99 * kDay});
    given_grave_finding(grave, kNow);
    at(kNow + kDay, [&] { given_grave_finding(gone, now()); });
    at(kNow + 2 * kDay, [&] {
        execute(
            fmt::format("update keyrota.api_key_state set expires_at = expires_at + interval"
                        " '1 year' where key_id = {}",
                        renewed));
    });
    at(kNow + 3 * kDay, [&] { resolve(gone, now()); });
    at(kNow + 4 * kDay, [&] { given_grave_finding(late, now()); });

    {
        std::optional<MailServer> useless;
        if (!GetParam().options.empty()) useless.emplace(GetParam().options);
        config().mail.port = useless ? useless->port() : 1;
        live(kNow + 6 * kDay);
        EXPECT_TRUE(!useless || useless->taken().empty());
    }
    EXPECT_THAT(unsent_states(), ElementsAre("pending"));
    expect_status_to_say(2, 5 * kDay);

    const MailServer server;
    config().mail.port = server.port();
    live(now() + 12h);
    const std::vector<TakenMail> mails = server.taken();
    EXPECT_THAT(told_of("in-stages", mails), ElementsAre("ada@example.com"));
    EXPECT_THAT(
        texts(fmt::format("select stage from keyrota.notice where key_id = {} and state = 'told'",
                          in_stages)),
        ElementsAre("T-3d"));
    EXPECT_THAT(told_of("key-ends", mails), ElementsAre("ada@example.com"));
    EXPECT_THAT(texts(fmt::format("select check_id from keyrota.notice n join keyrota.finding f on"
                                  " f.uid = n.finding_uid and f.key_id = n.key_id where n.key_id ="
                                  " {} and state = 'told'",
                                  ends)),
                ElementsAre("KEY-EXPIRED"));
    EXPECT_THAT(told_of("key-late", mails), ElementsAre("ada@example.com"));
    EXPECT_THAT(told_of("key-grave", mails), ElementsAre("bo@example.com"));
    EXPECT_THAT(told_of("key-gone", mails), IsEmpty());
    EXPECT_THAT(told_of("key-renewed", mails), IsEmpty());
    EXPECT_THAT(told_of("bounces", mails), IsEmpty()) << "it was nobody's mailbox that failed";

    std::set<std::string> ids;
    for (const TakenMail& mail : mails) ids.insert(mail.header("Message-Id"));
    EXPECT_THAT(ids, SizeIs(mails.size())) << "nothing twice";
    EXPECT_THAT(unsent_states(), IsEmpty());
    EXPECT_EQ(number("select count(*) from keyrota.notice n left join keyrota.message m using"
                     " (message_id) where n.state not in ('told', 'superseded')"
                     " or n.state = 'told' and m.state is distinct from 'sent'"),
              0);
    EXPECT_EQ(ran().exit_code, ExitCode::done);
}

INSTANTIATE_TEST_SUITE_P(Faults, DeadMailServer,
                         ::testing::Values(Outage{"nobody there", {}},
                                           Outage{"silent", {"--greeting-hangs"}},
                                           Outage{"busy", {"--mail-code", "451"}}));

}  // namespace
}  // namespace keyrota::test
