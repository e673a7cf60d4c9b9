// One conversation with a real server, which takes mail or does anything else that servers do.

#include "notify/smtp.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/mail_server.h"

namespace keyrota::test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using Kind = Answer::Kind;
using Tls = SmtpServer::Tls;
using namespace std::chrono_literals;

constexpr const char* kFrom = "keyrota@example.com";
constexpr const char* kBytes =
    "Subject: x\r\n\r\nfirst\r\n.\r\n.leading dot\r\n..two\r\nFrom here\r\n";

// Each conversation is had with servers of two makes.
class WithServer : public ::testing::TestWithParam<const char*> {
  protected:
    static MailServer given_server(const Arguments& options = {}) {
        return MailServer(options, GetParam());
    }
};
class Smtp : public WithServer {};
class SmtpTls : public WithServer {};
class SmtpGreeting : public WithServer {};

Answer send(SmtpClient& client, const std::string& recipient) {
    return client.send(kFrom, recipient, kBytes);
}
Answer send_once(const SmtpServer& server, const std::string& recipient = "ada@example.com") {
    SmtpClient client(server);
    return send(client, recipient);
}

TEST_P(Smtp, HandsTheMessageOverAsItIs) {
    const MailServer server = given_server();
    const Answer answer = send_once(server.address());
    EXPECT_EQ(answer.kind, Kind::sent);
    EXPECT_EQ(answer.code, "250 2.0.0");
    ASSERT_THAT(server.taken(), SizeIs(1));
    const TakenMail mail = server.taken().front();
    EXPECT_EQ(mail.from, kFrom);
    EXPECT_EQ(mail.to, "ada@example.com");
    EXPECT_EQ(mail.bytes, kBytes);
}

TEST_P(Smtp, KeepsTheServersWordsForWhatItRefuses) {
    const MailServer server = given_server();
    struct Case {
        const char* recipient;
        Kind kind;
        const char* code;
        const char* words;
    };
    SmtpClient client(server.address());
    for (const Case& one : {Case{"rcpt-550@x.org", Kind::never, "550 5.1.1", "no such user"},
                            Case{"rcpt-450@x.org", Kind::later, "450 4.2.0", "greylisted"},
                            Case{"rcpt-452@x.org", Kind::later, "452 4.2.2", "mailbox full"},
                            Case{"data-554@x.org", Kind::never, "554 5.7.1", "looks like spam"},
                            Case{"data-451@x.org", Kind::later, "451 4.3.0", "not now"},
                            Case{"end-552@x.org", Kind::never, "552 5.3.4", "too big"},
                            Case{"end-421@x.org", Kind::later, "421 4.3.2", "closing"}}) {
        const Answer answer = send(client, one.recipient);
        EXPECT_EQ(answer.kind, one.kind) << one.recipient;
        EXPECT_EQ(answer.code, one.code);
        EXPECT_THAT(answer.words, HasSubstr(one.words));
        EXPECT_EQ(send(client, "ada@example.com").kind, Kind::sent) << "the next one goes on";
    }
    EXPECT_THAT(server.taken(), SizeIs(7));
}

TEST_P(Smtp, ARefusalAtMailFromIsTheMessages) {
    EXPECT_EQ(send_once(given_server({"--mail-code", "451"}).address()).kind, Kind::later);
    EXPECT_EQ(send_once(given_server({"--mail-code", "550"}).address()).kind, Kind::never);
}

TEST_P(Smtp, ABrokenConnectionIsForLaterAndTheNextMessageGetsANewOne) {
    const MailServer server = given_server();
    SmtpClient client(server.address());
    for (const char* recipient : {"drop-rcpt@x.org", "drop-data@x.org", "drop-end@x.org"}) {
        const Answer answer = send(client, recipient);
        EXPECT_EQ(answer.kind, Kind::later) << recipient << " " << answer.words;
        EXPECT_EQ(answer.code, "");
        EXPECT_NE(answer.words, "");
        EXPECT_EQ(send(client, "ada@example.com").kind, Kind::sent);
    }
    EXPECT_THAT(server.taken(), SizeIs(3));
}

TEST_P(Smtp, AMessageWhoseLastAnswerIsLostIsNotHandedOverTwiceAtOnce) {
    const MailServer server = given_server();
    SmtpClient client(server.address());
    EXPECT_EQ(send(client, "ada@example.com").kind, Kind::sent);
    EXPECT_EQ(send(client, "lost-end@x.org").kind, Kind::later);
    EXPECT_THAT(server.taken(), SizeIs(2));
}

TEST_P(Smtp, AServerThatSaysNothingIsWaitedForNoLongerThanTheTimeout) {
    const MailServer server = given_server();
    SmtpServer address = server.address();
    address.timeout = 1s;
    for (const char* recipient : {"hang-rcpt@x.org", "hang-end@x.org"}) {
        const Answer answer = send_once(address, recipient);
        EXPECT_EQ(answer.kind, Kind::later);
        EXPECT_EQ(answer.code, "") << answer.words;
    }
    const MailServer silent({"--greeting-hangs"});
    address.port = silent.port();
    EXPECT_EQ(send_once(address).kind, Kind::unreachable);
}

TEST_P(Smtp, AnObjectionBeforeTheContentLeavesTheServerWithoutIt) {
    const MailServer server = given_server();
    SmtpClient client(server.address());
    EXPECT_THROW(
        client.send(kFrom, "ada@example.com", kBytes, [] { throw std::runtime_error("no"); }),
        std::runtime_error);
    EXPECT_THAT(server.taken(), IsEmpty());
    int calls = 0;
    EXPECT_EQ(client.send(kFrom, "ada@example.com", kBytes, [&] { ++calls; }).kind, Kind::sent);
    EXPECT_EQ(client.send(kFrom, "rcpt-550@x.org", kBytes, [&] { ++calls; }).kind, Kind::never);
    EXPECT_EQ(calls, 1);
    EXPECT_THAT(server.taken(), SizeIs(1));
}

TEST_P(Smtp, KeepsOneConnectionAndTakesANewOneWhereTheServerWantsThat) {
    const MailServer server = given_server({"--per-connection", "3"});
    SmtpClient client(server.address());
    for (int i = 0; i < 10; ++i)
        EXPECT_EQ(send(client, fmt::format("ada{}@example.com", i)).kind, Kind::sent) << i;
    EXPECT_THAT(server.taken(), SizeIs(10));
}

TEST_P(Smtp, NobodyThereIsUnreachable) {
    SmtpServer nobody{.host = "localhost", .port = 1, .tls = Tls::none};
    const Answer answer = send_once(nobody);
    EXPECT_EQ(answer.kind, Kind::unreachable);
    EXPECT_TRUE(answer.ends_run());
    nobody.host = "no-such-host.invalid";
    EXPECT_EQ(send_once(nobody).kind, Kind::unreachable);
}

// --- TLS ----------------------------------------------------------------------------------------

TEST_P(SmtpTls, IsSpokenBothWays) {
    const Scratch scratch;
    const std::string certificate = given_certificate(scratch, "localhost");
    for (const Tls tls : {Tls::starttls, Tls::implicit}) {
        Arguments options{"--certificate", certificate};
        if (tls == Tls::implicit) options.emplace_back("--implicit");
        const MailServer server = given_server(options);
        SmtpServer address = server.address();
        address.tls = tls;
        address.ca_file = certificate + ".crt";
        const Answer answer = send_once(address);
        EXPECT_EQ(answer.kind, Kind::sent) << answer.words;
        ASSERT_THAT(server.taken(), SizeIs(1));
        EXPECT_TRUE(server.taken().front().tls);
    }
}

TEST_P(SmtpTls, AServerThatOffersNoneGetsNothing) {
    const MailServer server = given_server();
    SmtpServer address = server.address();
    address.tls = Tls::starttls;
    EXPECT_EQ(send_once(address).kind, Kind::unreachable);
    EXPECT_THAT(server.taken(), IsEmpty());
}

TEST_P(SmtpTls, ACertificateThatNobodySignedIsRefused) {
    const Scratch scratch;
    const MailServer server =
        given_server({"--certificate", given_certificate(scratch, "localhost")});
    SmtpServer address = server.address();
    address.tls = Tls::starttls;
    const Answer answer = send_once(address);
    EXPECT_EQ(answer.kind, Kind::unreachable);
    EXPECT_THAT(answer.words, HasSubstr("certificate"));
    EXPECT_THAT(server.taken(), IsEmpty());
}

TEST_P(SmtpTls, ACertificateForAnotherNameIsRefused) {
    const Scratch scratch;
    const std::string certificate = given_certificate(scratch, "elsewhere.example.com");
    const MailServer server = given_server({"--certificate", certificate});
    SmtpServer address = server.address();
    address.tls = Tls::starttls;
    address.ca_file = certificate + ".crt";
    EXPECT_EQ(send_once(address).kind, Kind::unreachable);
    EXPECT_THAT(server.taken(), IsEmpty());
}

// --- AUTH ---------------------------------------------------------------------------------------

class SmtpAuth : public WithServer {
  protected:
    SmtpServer address(const std::string& user, const std::string& password) const {
        SmtpServer address = server_.address();
        address.tls = Tls::starttls;
        address.ca_file = certificate_ + ".crt";
        address.user = user;
        address.password = password;
        return address;
    }
    const MailServer& server() const { return server_; }

  private:
    Scratch scratch_;
    std::string certificate_ = given_certificate(scratch_, "localhost");
    MailServer server_ =
        given_server({"--certificate", certificate_, "--auth", "ada:p4ss w\xc3\xb6rd"});
};

TEST_P(SmtpAuth, TheServerHearsUserAndPassword) {
    const Answer answer = send_once(address("ada", "p4ss w\xc3\xb6rd"));
    EXPECT_EQ(answer.kind, Kind::sent) << answer.words;
    ASSERT_THAT(server().taken(), SizeIs(1));
    EXPECT_THAT(server().taken().front().user, HasSubstr("ada"));
}

TEST_P(SmtpAuth, AWrongPasswordIsDeniedWithTheServersWordsAndWithoutTheirs) {
    const Answer answer = send_once(address("ada", "hunter2"));
    EXPECT_EQ(answer.kind, Kind::denied);
    EXPECT_TRUE(answer.ends_run());
    EXPECT_THAT(answer.words, AllOf(HasSubstr("535"), Not(HasSubstr("hunter2"))));
    EXPECT_THAT(server().taken(), IsEmpty());
}

TEST_P(SmtpAuth, NoUserWhereTheServerWantsOneIsDeniedToo) {
    const Answer answer = send_once(address("", ""));
    EXPECT_EQ(answer.kind, Kind::denied) << answer.words;
    EXPECT_THAT(answer.words, HasSubstr("530"));
}

// --- a greeting
// -----------------------------------------------------------------------------------

TEST_P(SmtpGreeting, TellsWhetherMailWouldGoOutAndSendsNone) {
    const MailServer server = given_server();
    SmtpClient client(server.address());
    EXPECT_EQ(client.greet().kind, Kind::sent);
    EXPECT_EQ(send(client, "ada@example.com").kind, Kind::sent) << "and mail still goes";
    EXPECT_THAT(server.taken(), SizeIs(1));
    SmtpServer address = server.address();
    address.tls = Tls::starttls;
    EXPECT_EQ(SmtpClient(address).greet().kind, Kind::unreachable);
}

std::string make_of(const ::testing::TestParamInfo<const char*>& make) {
    return *make.param == '\0' ? "Aiosmtpd" : "Npm";
}
const auto kMakes = ::testing::Values("", KEYROTA_NODE_MODULES);
INSTANTIATE_TEST_SUITE_P(Servers, Smtp, kMakes, make_of);
INSTANTIATE_TEST_SUITE_P(Servers, SmtpTls, kMakes, make_of);
INSTANTIATE_TEST_SUITE_P(Servers, SmtpAuth, kMakes, make_of);
INSTANTIATE_TEST_SUITE_P(Servers, SmtpGreeting, kMakes, make_of);

}  // namespace
}  // namespace keyrota::test
