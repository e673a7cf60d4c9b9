#include "secret/key_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

namespace keyrota {
namespace {

// Put together here, never written as one literal: secret scanners would take it for a real one.
const std::string kRandom = "4fZ0qJ7xK2mB9tR1uC5wE8yH3aD6gL";
const std::string kSecret = "sk_live_" + kRandom + "1SCyQ1";

std::string hex(std::string_view bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        text += {kDigits[byte >> 4], kDigits[byte & 15]};
    }
    return text;
}

TEST(KeyFormat, MakesTheSecretThatAnIndependentProgramMakes) {
    // By Python's zlib.crc32 and divmod.
    EXPECT_EQ(make_secret("sk_live_", kRandom), kSecret);
    EXPECT_EQ(make_secret("pk_live_", std::string(30, '0')),
              "pk_live_" + std::string(30, '0') + "0hLQIq");
}

TEST(KeyFormat, PadsASmallChecksumWithZeros) {
    const std::string random = "208" + std::string(27, 'A');
    EXPECT_EQ(make_secret("sk_test_", random), "sk_test_" + random + "00YuKY");
    EXPECT_TRUE(has_valid_checksum("sk_test_" + random + "00YuKY"));
}

TEST(KeyFormat, HashesTheWholeSecretWithSha256) {
    // By Python's hashlib.
    EXPECT_EQ(hex(secret_hash(kSecret)),
              "16093c49eb137dd3e4240032111403e63a47289dd10af61b23f20898a0790453");
    EXPECT_EQ(hex(secret_hash("abc")),  // FIPS 180-2, appendix B.1
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(KeyFormat, TheHintIsTheLastFourOfTheRandomCharacters) {
    EXPECT_EQ(secret_hint(kSecret), "D6gL");
}

TEST(KeyFormat, AnyOneWrongCharacterFailsTheChecksum) {
    ASSERT_TRUE(has_valid_checksum(kSecret));
    for (std::size_t i = 0; i < kSecret.size(); ++i) {
        std::string wrong = kSecret;
        wrong[i] = wrong[i] == 'x' ? 'y' : 'x';
        EXPECT_FALSE(has_valid_checksum(wrong)) << "at " << i;
    }
}

TEST(KeyFormat, RefusesWhatIsNotOfTheFormat) {
    EXPECT_FALSE(has_valid_checksum(""));
    EXPECT_FALSE(has_valid_checksum("sk_live_"));
    EXPECT_FALSE(has_valid_checksum(kSecret.substr(8)));  // no prefix
    EXPECT_FALSE(has_valid_checksum(kSecret + " "));
    EXPECT_FALSE(has_valid_checksum(kSecret.substr(0, kSecret.size() - 1)));
    EXPECT_FALSE(has_valid_checksum(std::string("sk_live_") + std::string(35, '\0') + "1"));
}

TEST(KeyFormat, NewSecretsAreValidAndDiffer) {
    std::set<std::string> seen;
    for (int i = 0; i < 1000; ++i) {
        const std::string secret(make_secret("sk_live_"));
        EXPECT_EQ(secret.size(), 8 + kSecretRandomLength + kSecretChecksumLength);
        EXPECT_EQ(secret.substr(0, 8), "sk_live_");
        EXPECT_TRUE(has_valid_checksum(secret));
        EXPECT_TRUE(seen.insert(secret).second);
    }
}

TEST(KeyFormat, NewSecretsFavourNoCharacter) {
    // 62 characters, 60,000 draws: 968 of each, standard deviation 31. A modulo bias would give the
    // first eight 25 % more.
    std::map<char, int> counts;
    for (int i = 0; i < 2000; ++i)
        for (const char c : make_secret("sk_live_").substr(8, kSecretRandomLength)) ++counts[c];
    EXPECT_EQ(counts.size(), kBase62.size());
    for (const auto& [character, count] : counts) EXPECT_NEAR(count, 968, 190) << character;
}

TEST(KeyFormat, ThePrefixFollowsFromTypeAndEnvironment) {
    EXPECT_EQ(secret_prefix("public", "production"), "pk_live_");
    EXPECT_EQ(secret_prefix("secret", "production"), "sk_live_");
    EXPECT_EQ(secret_prefix("test", "test"), "sk_test_");
    EXPECT_EQ(secret_prefix("test", "production"), std::nullopt);
    EXPECT_EQ(secret_prefix("secret", "test"), std::nullopt);
    EXPECT_EQ(secret_prefix("publik", "production"), std::nullopt);
}

}  // namespace
}  // namespace keyrota
