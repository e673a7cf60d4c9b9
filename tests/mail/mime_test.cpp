// What a message looks like on its way, as an independent parser reads it.

#include "notify/mime.h"

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "support/mail_server.h"

namespace keyrota::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

const MailIdentity kIdentity{.installation = "6c1f6a1e-0000-4000-8000-000000000001",
                             .from = "keyrota@example.com"};

OutgoingMessage a_message() {
    return {.message_id = 42,
            .run_id = 7,
            .recipient = "ada@example.com",
            .recipient_name = "Ada Lovelace",
            .subject = "[keyrota] 2 keys need attention: billing-prod expires in 3 days",
            .text_body = "billing-prod expires in 3 days.\n.\nFrom here on: nothing.\n",
            .html_body = "<p>billing-prod expires in <b>3 days</b>.</p>\n",
            .created_at = *parse_timestamp("2026-11-24T06:00:00Z")};
}

struct Read {
    Poco::JSON::Object::Ptr all;

    explicit Read(const std::string& bytes)
        : all(Poco::JSON::Parser()
                  .parse(parsed_by_python(bytes))
                  .extract<Poco::JSON::Object::Ptr>()) {
        EXPECT_EQ(all->getArray("defects")->size(), 0U) << bytes;
    }
    std::string header(const std::string& name) const {
        return all->getObject("headers")->optValue<std::string>(name, "");
    }
    std::vector<std::string> parts() const {
        std::vector<std::string> found;
        for (const auto& part : *all->getArray("parts")) {
            const auto pair = part.extract<Poco::JSON::Array::Ptr>();
            found.push_back(pair->getElement<std::string>(0) + "|" +
                            pair->getElement<std::string>(1));
        }
        return found;
    }
};

TEST(Mime, IsReadAsItWasMeant) {
    const Read read(to_mime(a_message(), kIdentity));
    EXPECT_EQ(read.header("From"), "keyrota <keyrota@example.com>");
    EXPECT_EQ(read.header("To"), "Ada Lovelace <ada@example.com>");
    EXPECT_EQ(read.header("Subject"), a_message().subject);
    EXPECT_EQ(read.header("Date"), "Tue, 24 Nov 2026 06:00:00 +0000");
    EXPECT_EQ(read.header("Message-Id"), "<42@6c1f6a1e-0000-4000-8000-000000000001>");
    EXPECT_EQ(read.header("Auto-Submitted"), "auto-generated");
    EXPECT_EQ(read.header("X-Keyrota-Run"), "7");
    EXPECT_EQ(read.header("MIME-Version"), "1.0");
    EXPECT_EQ(read.header("In-Reply-To"), "");
    EXPECT_EQ(read.header("List-Unsubscribe"), "");
    EXPECT_THAT(read.parts(), ElementsAre("text/plain|" + a_message().text_body,
                                          "text/html|" + a_message().html_body));
}

TEST(Mime, WithoutHtmlIsTextAlone) {
    OutgoingMessage message = a_message();
    message.html_body.clear();
    EXPECT_THAT(Read(to_mime(message, kIdentity)).parts(),
                ElementsAre("text/plain|" + message.text_body));
}

TEST(Mime, IsTheSameBytesEachTime) {
    EXPECT_EQ(to_mime(a_message(), kIdentity), to_mime(a_message(), kIdentity));
}

TEST(Mime, AReminderPointsToTheRootOfItsThread) {
    OutgoingMessage message = a_message();
    message.root_id = 40;
    const Read read(to_mime(message, kIdentity));
    EXPECT_EQ(read.header("In-Reply-To"), "<40@6c1f6a1e-0000-4000-8000-000000000001>");
    EXPECT_EQ(read.header("References"), "<40@6c1f6a1e-0000-4000-8000-000000000001>");
}

TEST(Mime, CarriesEveryScript) {
    for (const char* name : {"Ада Лавлейс", "آدا لوفليس", "🔑 Ada 🗝️",
                             "Zoë \"the key\" O'Neil, Dr. <x@y>", "李,雷; a@b"}) {
        OutgoingMessage message = a_message();
        message.recipient_name = name;
        message.subject = std::string("[keyrota] ") + name + " " + name + " " + name + " end";
        message.text_body = std::string(name) + "\n" + std::string(300, 'x') + "\n";
        message.html_body = "<p>" + std::string(name) + "</p>\n";
        const std::string bytes = to_mime(message, kIdentity);
        const Read read(bytes);
        EXPECT_EQ(read.header("Subject"), message.subject);
        EXPECT_THAT(read.header("To"), HasSubstr("<ada@example.com>"));
        EXPECT_THAT(read.parts(), ElementsAre("text/plain|" + message.text_body,
                                              "text/html|" + message.html_body));
        for (const char c : bytes) ASSERT_GE(c, 0) << "a byte that a server may refuse";
        std::istringstream lines(bytes);
        for (std::string line; std::getline(lines, line);) {
            EXPECT_LE(line.size(), 999U);
            EXPECT_EQ(line.back(), '\r');
        }
    }
}

TEST(Mime, LineBreaksInNamesAndSubjectsBeginNoHeader) {
    OutgoingMessage message = a_message();
    for (const char* injected :
         {"x\r\nBcc: eve@example.com", "x\nBcc: eve@example.com", "x\rBcc: eve@example.com",
          "x\r\n\r\n<script>", "x\r\n Bcc: eve@example.com", "\"\r\nBcc: eve@example.com\""}) {
        message.subject = injected;
        message.recipient_name = injected;
        const std::string bytes = to_mime(message, kIdentity);
        const Read read(bytes);
        EXPECT_EQ(read.header("Bcc"), "") << bytes;
        EXPECT_EQ(read.header("X-Keyrota-Run"), "7");
        EXPECT_THAT(read.parts(), SizeIs(2));
    }
}

TEST(Mime, MarksThatTurnTheDirectionOfWritingDressUpNoName) {
    OutgoingMessage message = a_message();
    message.subject = "\u202Egpj.exe";
    EXPECT_EQ(Read(to_mime(message, kIdentity)).header("Subject"), "?gpj.exe");
}

TEST(Mime, UnsubscribesByOneLineAndByPostWhereItIsAWebPage) {
    MailIdentity identity = kIdentity;
    identity.unsubscribe = "https://keys.example.com/unsubscribe?" + std::string(150, 'a');
    const std::string bytes = to_mime(a_message(), identity);
    EXPECT_THAT(bytes, HasSubstr("\r\nList-Unsubscribe: <" + identity.unsubscribe + ">\r\n"));
    EXPECT_EQ(Read(bytes).header("List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
    identity.unsubscribe = "mailto:keys@example.com?subject=unsubscribe";
    const std::string other = to_mime(a_message(), identity);
    EXPECT_THAT(other, HasSubstr("\r\nList-Unsubscribe: <" + identity.unsubscribe + ">\r\n"));
    EXPECT_THAT(other, Not(HasSubstr("List-Unsubscribe-Post")));
}

}  // namespace
}  // namespace keyrota::test
