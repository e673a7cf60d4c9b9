#include "notify/recipient.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace keyrota {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Timestamp kDue = *parse_timestamp("2026-11-24T06:00:00Z");

ChainOfRecipients everybody() {
    return {.has_owner = true,
            .owner = {"Ada Lovelace", "ada@example.com"},
            .fallback = Addressee{"Bob", "bob@example.com"},
            .team = Addressee{"Payments", "payments@example.com"},
            .security_email = "security@example.com",
            .operator_of_keyrota = {"", "ops@example.com"}};
}

std::string said(const ChainOfRecipients& chain, const std::string& key = "billing-prod") {
    const auto chosen = choose_recipient(chain, key);
    return chosen ? chosen->address + ": " + chosen->reason : "nobody";
}

std::vector<std::string> copies(const TellableFinding& finding, Timestamp as_of,
                                const ChainOfRecipients& chain = everybody()) {
    std::vector<std::string> addresses;
    for (const auto& copy : choose_copies(chain, finding, "billing-prod", "ada@example.com", as_of))
        addresses.push_back(copy.address);
    return addresses;
}

TEST(Recipient, IsTheOwner) {
    EXPECT_EQ(said(everybody()), "ada@example.com: You get this because you own billing-prod.");
}

TEST(Recipient, IsTheNextInLineAndToldWhy) {
    ChainOfRecipients chain = everybody();
    chain.owner.active = false;
    EXPECT_EQ(said(chain),
              "bob@example.com: You get this because Ada Lovelace has left, and you "
              "stand in as owner of billing-prod.");
    chain.unreachable = {"bob@example.com"};
    EXPECT_EQ(said(chain),
              "payments@example.com: You get this because Ada Lovelace has left and mail to Bob "
              "bounces, and billing-prod is a key of your team.");
    chain.team->email = "";
    EXPECT_EQ(said(chain),
              "ops@example.com: You get this because Ada Lovelace has left and mail to Bob bounces "
              "and the team Payments has no email address, and you operate keyrota.");
    chain.unreachable.push_back("ops@example.com");
    EXPECT_EQ(said(chain), "nobody");
}

TEST(Recipient, WithoutAnAddressIsTheNextInLine) {
    ChainOfRecipients chain = everybody();
    chain.owner.email = "";
    chain.fallback.reset();
    chain.team.reset();
    EXPECT_EQ(said(chain),
              "ops@example.com: You get this because Ada Lovelace has no email "
              "address, and you operate keyrota.");
}

TEST(Recipient, OfAKeyWithoutOwnerIsTheOperator) {
    ChainOfRecipients chain = everybody();
    chain.has_owner = false;
    EXPECT_EQ(said(chain),
              "ops@example.com: You get this because billing-prod has no owner, and "
              "you operate keyrota.");
    EXPECT_EQ(said(chain, ""), "ops@example.com: You get this because you operate keyrota.");
    chain.operator_of_keyrota = {};
    EXPECT_EQ(said(chain), "nobody");
}

TEST(Recipient, TheTeamGetsACopyFromThreeDaysBeforeAndSecurityFromADayAfter) {
    const TellableFinding finding{.check_id = "KEY-ROTATION-DUE", .status = "open", .due_at = kDue};
    EXPECT_THAT(copies(finding, kDue - 72h - 1us), IsEmpty());
    EXPECT_THAT(copies(finding, kDue - 72h), ElementsAre("payments@example.com"));
    EXPECT_THAT(copies(finding, kDue + 24h - 1us), ElementsAre("payments@example.com"));
    EXPECT_THAT(copies(finding, kDue + 24h),
                ElementsAre("payments@example.com", "security@example.com"));
    const TellableFinding undated{.check_id = "KEY-NO-EXPIRY", .status = "open", .due_at = kDue};
    EXPECT_THAT(copies(undated, kDue + 24h), IsEmpty());
}

TEST(Recipient, TheTeamsWebhookGetsACopyTooAndWhatItsAddressWouldGet) {
    const TellableFinding finding{.check_id = "KEY-ROTATION-DUE", .status = "open", .due_at = kDue};
    ChainOfRecipients chain = everybody();
    chain.team_webhook = "webhook:payments-chat";
    EXPECT_THAT(copies(finding, kDue - 72h - 1us, chain), IsEmpty());
    EXPECT_THAT(copies(finding, kDue - 72h, chain),
                ElementsAre("payments@example.com", "webhook:payments-chat"));
    EXPECT_EQ(said(chain), "ada@example.com: You get this because you own billing-prod.");
    chain.owner.active = false;
    chain.fallback.reset();
    EXPECT_THAT(said(chain), ::testing::StartsWith("payments@example.com: "));
    chain.team->email = "";
    EXPECT_EQ(said(chain),
              "webhook:payments-chat: You get this because Ada Lovelace has left, and billing-prod "
              "is a key of your team.");
    EXPECT_THAT(copies(finding, kDue - 72h, chain), ElementsAre("webhook:payments-chat"));
    chain.unreachable = {"webhook:payments-chat"};
    EXPECT_THAT(said(chain), ::testing::StartsWith("ops@example.com: "));
    EXPECT_THAT(copies(finding, kDue - 72h, chain), IsEmpty());
}

TEST(Recipient, SecurityGetsACopyOfABreach) {
    EXPECT_THAT(copies({.check_id = "KEY-BREACHED", .status = "open", .severity = 5}, kDue),
                ElementsAre("security@example.com"));
}

TEST(Recipient, NobodyIsToldTwiceNorWhereMailComesBack) {
    const TellableFinding finding{.check_id = "KEY-ROTATION-DUE", .status = "open", .due_at = kDue};
    ChainOfRecipients chain = everybody();
    chain.team->email = "ada@example.com";
    chain.unreachable = {"security@example.com"};
    EXPECT_THAT(copies(finding, kDue + 24h, chain), IsEmpty());
    chain.team->email = chain.security_email;
    chain.unreachable = {};
    EXPECT_THAT(copies(finding, kDue + 24h, chain), ElementsAre("security@example.com"));
}

}  // namespace
}  // namespace keyrota
