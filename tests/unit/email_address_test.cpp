#include "text/email_address.h"

#include <gtest/gtest.h>

#include <string>

namespace keyrota {
namespace {

TEST(EmailAddress, IsOneThatMailCanBeAddressedTo) {
    for (const char* address :
         {"ada@example.com", "a.b+tag@sub.example.co.uk", "o'hara@example.com", "root@localhost",
          "jürgen@bücher.example", "x@1.example"})
        EXPECT_TRUE(is_email_address(address)) << address;
}

TEST(EmailAddress, IsNothingElse) {
    for (const char* text :
         {"",          "ada",         "@example.com", "ada@",          "a@b@c",
          "a..b@c",    ".a@b",        "a.@b",         "a@-b.c",        "a@b-.c",
          "a@b..c",    "a@.b",        "a b@c",        "a@b\nBcc: x@y", "Ada <a@b.c>",
          "\"a b\"@c", "a@[1.2.3.4]", "a@b,c@d",      "a\t@b",         "a@b\x7f"})
        EXPECT_FALSE(is_email_address(text)) << text;
}

TEST(EmailAddress, IsAsLongAsMailAllows) {
    const std::string local(64, 'a'), label(63, 'b');
    EXPECT_TRUE(is_email_address(local + "@" + label));
    EXPECT_FALSE(is_email_address(local + "a@" + label));
    EXPECT_FALSE(is_email_address(local + "@" + label + "b"));
    const std::string domain = label + "." + label + "." + label;  // 191 bytes
    EXPECT_TRUE(is_email_address(std::string(62, 'a') + "@" + domain));
    EXPECT_FALSE(is_email_address(std::string(63, 'a') + "@" + domain));
}

}  // namespace
}  // namespace keyrota
