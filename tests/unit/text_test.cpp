#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "secret/key_format.h"
#include "text/email_address.h"
#include "text/glob.h"
#include "text/name.h"

namespace keyrota::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Optional;

TEST(EmailAddress, APlainAddressIsOne) {
    for (const char* address :
         {"ada@example.com", "a@b", "o'brien+keys@sub.example.co.uk", "x_y.z-1@ex-ample.com",
          "root@localhost", "почта@пример.рф", "用户@例子.中国", "!#$%&'*+-/=?^_`{|}~@example.com"})
        EXPECT_EQ(why_no_email_address(address), std::nullopt) << address;
}

TEST(EmailAddress, WhatMailCannotGoToIsNone) {
    for (const char* text : {"",
                             "ada",
                             "@example.com",
                             "ada@",
                             "ada@@example.com",
                             ".ada@example.com",
                             "ada.@example.com",
                             "a..b@example.com",
                             "ada @example.com",
                             "ada@exam ple.com",
                             "ada@-example.com",
                             "ada@example-.com",
                             "ada@example..com",
                             "ada@example.com.",
                             "ada@[127.0.0.1]",
                             "\"ada\"@example.com",
                             "Ada <ada@example.com>",
                             "a,b@example.com",
                             "ada@example.com\nBcc: eve@example.com",
                             "ada@example.com\r",
                             "a\x1b@example.com",
                             "\xe2\x80\xae"
                             "ada@example.com",
                             "ada\xff@example.com",
                             "ada@exam_ple.com",
                             "ada@a.com,eve@b.com",
                             "ada@a.com;x"})
        EXPECT_NE(why_no_email_address(text), std::nullopt) << text;
}

TEST(EmailAddress, MayBeAsLongAsMailServersTakeAndNotAByteLonger) {
    const auto address = [](std::size_t local, std::size_t label) {
        return std::string(local, 'a') + "@" + std::string(label, 'b') + ".com";
    };
    EXPECT_EQ(why_no_email_address(address(64, 63)), std::nullopt);
    EXPECT_THAT(why_no_email_address(address(65, 63)), Optional(HasSubstr("64 bytes")));
    EXPECT_NE(why_no_email_address(address(64, 64)), std::nullopt);
    std::string long_domain = "a@";
    while (long_domain.size() < 252) long_domain += "b.";
    EXPECT_EQ(why_no_email_address(long_domain + "cc"), std::nullopt);
    EXPECT_THAT(why_no_email_address(long_domain + "ccc"), Optional(HasSubstr("254 bytes")));
}

TEST(Name, IsOneLineInAnyScript) {
    for (const char* name : {"checkout", "=cmd()", "\"quoted\", 'so'", "Оплата", "支払い", "دفع",
                             "rocket \xf0\x9f\x9a\x80", "a  b", "<b>&amp;"})
        EXPECT_EQ(why_no_name(name), std::nullopt) << name;
    for (const char* name : {"", " x", "x ", "a\nb", "a\tb", "\x1b[31mred", "\xe2\x80\xaegnp.exe",
                             "\xff", "\xe2\x80\xa8", "\xc2\x85"})
        EXPECT_NE(why_no_name(name), std::nullopt) << name;
}

TEST(Name, HasAtMostTwoHundredCharactersWhateverTheirBytes) {
    std::string name;
    for (int i = 0; i < 200; ++i) name += "я";
    EXPECT_EQ(why_no_name(name), std::nullopt);
    EXPECT_THAT(why_no_name(name + "я"), Optional(HasSubstr("201 characters")));
}

TEST(Glob, StarsAndQuestionMarksStandForOthersAndAllElseForItself) {
    EXPECT_EQ(like_pattern("checkout-*"), "checkout-%");
    EXPECT_EQ(like_pattern("a?c"), "a_c");
    EXPECT_EQ(like_pattern("100%_\\"), "100\\%\\_\\\\");
    EXPECT_EQ(like_pattern(""), "");
}

TEST(KeyFormat, ATextThatMayHoldASecretIsKnownByItsForm) {
    const std::string twenty(20, 'a');
    EXPECT_TRUE(may_hold_secret(make_secret("sk_live_")));
    EXPECT_TRUE(may_hold_secret("--name=" + std::string(make_secret("pk_live_"))));
    EXPECT_TRUE(may_hold_secret("key sk_test_" + twenty + " in a text"));
    EXPECT_TRUE(may_hold_secret("sk_live_x sk_live_" + twenty));
    EXPECT_TRUE(may_hold_secret("--x=" + std::string(make_secret("other_"))))
        << "its checksum says it";

    EXPECT_FALSE(may_hold_secret("sk_live_" + twenty.substr(1)));
    EXPECT_FALSE(may_hold_secret("sk_live_...abcd"));
    EXPECT_FALSE(may_hold_secret("sk_prod_" + twenty));
    EXPECT_FALSE(may_hold_secret("kf_0123456789abcdef0123456789abcdef"));
    EXPECT_FALSE(may_hold_secret(""));
}

}  // namespace
}  // namespace keyrota::test
