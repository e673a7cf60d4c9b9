#include "audit/head.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "error/error.h"
#include "secret/sha256.h"
#include "secret/signing_key.h"

namespace keyrota {
namespace {

using ::testing::EndsWith;

AuditHead head() {
    return {.installation = "ed846c4e-acf0-41b8-a1c9-f0469efadaf6",
            .height = 3,
            .hash = std::string(64, 'a'),
            .signed_at = *parse_timestamp("2026-11-25T07:43:54.211497Z"),
            .signature = std::string(64, '\xff')};
}

TEST(AuditHead, IsReadAsItWasWrittenWhereverItStandsInALine) {
    const std::string line = head().line();
    const std::string escaped = [&] {
        std::string json;
        for (const char c : line) json += c == '/' ? "\\/" : std::string(1, c);
        return json;
    }();
    for (const std::string& around :
         {line, "> " + line + "\r", "2026-11-25 info audit head: " + line,
          R"({"level": "info", "message": "audit head: )" + line + "\"}",
          R"({"message":"audit head: )" + escaped + "\",\"x\":1}"}) {
        const auto found = find_head(around);
        ASSERT_TRUE(found) << around;
        EXPECT_EQ(found->line(), line);
        EXPECT_EQ(found->message(), head().message());
        EXPECT_EQ(found->signature, head().signature);
    }
    EXPECT_FALSE(find_head(""));
    EXPECT_FALSE(find_head("keyrota audit head"));
}

TEST(AuditHead, AnUnsignedOneSaysSo) {
    AuditHead unsigned_head = head();
    unsigned_head.signature.clear();
    EXPECT_THAT(unsigned_head.line(), EndsWith("Z -"));
    EXPECT_EQ(find_head(unsigned_head.line())->signature, "");
}

TEST(AuditHead, OneThatIsNotWholeIsRefused) {
    const std::string line = head().line();
    for (std::size_t length = line.find("v1"); length < line.size(); ++length)
        EXPECT_THROW(find_head(line.substr(0, length)), Error) << length;
}

TEST(SigningKey, SignsWhatItsPublicHalfVerifiesAndNothingElse) {
    const auto folder =
        std::filesystem::temp_directory_path() / ("keyrota-signing-" + std::to_string(::getpid()));
    EXPECT_FALSE(SigningKey::load(folder));
    EXPECT_FALSE(std::filesystem::exists(folder));
    const SigningKey key = SigningKey::load_or_make(folder);
    const std::string signature = key.sign("message");
    EXPECT_EQ(signature.size(), 64U);
    EXPECT_EQ(SigningKey::load(folder)->sign("message"), signature);
    EXPECT_TRUE(is_signed_by(key.public_pem(), "message", signature));
    EXPECT_FALSE(is_signed_by(key.public_pem(), "message ", signature));
    EXPECT_FALSE(is_signed_by(key.public_pem(), "message", std::string(64, '\0')));
    EXPECT_FALSE(is_signed_by(key.public_pem(), "message", ""));
    EXPECT_FALSE(is_signed_by("no key", "message", signature));
    EXPECT_EQ(fingerprint_of(key.public_pem()).size(), 64U);
    EXPECT_EQ(fingerprint_of("no key"), "");
    std::filesystem::remove_all(folder);
}

TEST(Sha256, StartsAgainWithNothingOfWhatWasHashedBefore) {
    Sha256 digest;
    digest.add("before");
    digest.finish();
    digest.restart();
    digest.add("ab");
    digest.add("c");
    EXPECT_EQ(to_hex(digest.finish()),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(sha256("abc"), sha256("abc"));
}

}  // namespace
}  // namespace keyrota
