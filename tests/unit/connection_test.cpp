#include "postgres/connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <vector>

#include "error/error.h"

namespace keyrota::test {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;
using namespace std::chrono_literals;

// Each test sees an environment without PG*, a home without certificates, and leaves the real one
// as it was.
class ConnectionTest : public ::testing::Test {
  protected:
    ConnectionTest() {
        char name[] = "/tmp/keyrota-connection-XXXXXX";
        home_ = mkdtemp(name);
        for (const char* variable :
             {"PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD", "PGSERVICE",
              "PGSERVICEFILE", "PGSSLMODE", "PGREQUIRESSL", "PGSSLROOTCERT", "PGCONNECT_TIMEOUT"})
            set(variable, nullptr);
        set("HOME", home_.c_str());
        set("PGSERVICEFILE", (home_ / "services").c_str());
    }
    ~ConnectionTest() override {
        for (auto saved = saved_.rbegin(); saved != saved_.rend(); ++saved) {
            if (saved->second)
                setenv(saved->first, saved->second->c_str(), 1);
            else
                unsetenv(saved->first);
        }
        std::filesystem::remove_all(home_);
    }

    void set(const char* variable, const char* value) {
        const char* before = getenv(variable);
        saved_.emplace_back(variable,
                            before == nullptr ? std::nullopt : std::optional<std::string>(before));
        if (value == nullptr)
            unsetenv(variable);
        else
            setenv(variable, value, 1);
    }
    void given_services(const std::string& text) { std::ofstream(home_ / "services") << text; }
    static std::map<std::string, std::string> keywords(const std::string& url) {
        return parse_connection(url, 10s).keywords;
    }

    std::filesystem::path home_;

  private:
    std::vector<std::pair<const char*, std::optional<std::string>>> saved_;
};

TEST_F(ConnectionTest, ReadsTheUrlFormAndTheKeywordForm) {
    for (const char* url : {"postgresql://bob:p%40ss@localhost:5433/keys?application_name=x",
                            "host=localhost port=5433 user=bob password=p@ss dbname=keys "
                            "application_name=x"}) {
        EXPECT_THAT(keywords(url),
                    ::testing::UnorderedElementsAre(
                        Pair("host", "localhost"), Pair("port", "5433"), Pair("user", "bob"),
                        Pair("password", "p@ss"), Pair("dbname", "keys"),
                        Pair("application_name", "x"), Pair("connect_timeout", "10")))
            << url;
    }
}

TEST_F(ConnectionTest, NoticesWithinTwoMinutesThatARemoteServerVanished) {
    EXPECT_THAT(keywords("host=db.example.com"),
                ::testing::IsSupersetOf(
                    {Pair("keepalives_idle", "60"), Pair("keepalives_interval", "10"),
                     Pair("keepalives_count", "6"), Pair("tcp_user_timeout", "120000")}));
    EXPECT_THAT(keywords("host=/var/run/postgresql"), Not(Contains(Key("keepalives_idle"))));
    EXPECT_THAT(keywords("host=db.example.com keepalives_idle=5"),
                Contains(Pair("keepalives_idle", "5")));
    given_services("[far]\nhost=db.example.com\nkeepalives_idle=5\n");
    EXPECT_THAT(keywords("service=far"), Not(Contains(Key("keepalives_idle"))))
        << "the service's own holds";
}

TEST_F(ConnectionTest, LeavesToLibpqWhatNobodySaid) {
    EXPECT_THAT(keywords(""), ::testing::ElementsAre(Pair("connect_timeout", "10")));
}

TEST_F(ConnectionTest, VerifiesARemoteServerAgainstTheSystemsCertificates) {
    for (const char* url :
         {"postgresql://db.example.com/keys", "host=db.example.com", "host=10.0.0.7",
          "hostaddr=10.0.0.7", "host=localhost,db.example.com", "host=/tmp,db.example.com",
          "postgresql://localhost:5432,db.example.com:5433/keys", "host=127.evil.example",
          "host=localhost.evil.example", "host=localhost hostaddr=10.0.0.7",
          "postgresql://[2001:db8::1]/keys"}) {
        EXPECT_THAT(keywords(url), Contains(Pair("sslmode", "verify-full"))) << url;
        EXPECT_THAT(keywords(url),
                    Contains(Pair("sslrootcert", "/etc/ssl/certs/ca-certificates.crt")))
            << url;
    }
}

TEST_F(ConnectionTest, LeavesSocketsAndLoopbackAlone) {
    for (const char* url :
         {"", "postgresql:///keys", "host=", "host=/run/postgresql", "host=@abstract",
          "postgresql://%2Ftmp/keys", "host=localhost", "host=LocalHost", "host=127.0.0.1",
          "host=127.8.9.10", "host=::1", "postgresql://[::1]:5433/keys", "hostaddr=127.0.0.1",
          "host=db.example.com hostaddr=127.0.0.1", "host=localhost,/tmp"})
        EXPECT_THAT(keywords(url), Not(Contains(Key("sslmode")))) << url;
}

TEST_F(ConnectionTest, TakesTheRemoteHostFromTheEnvironment) {
    set("PGHOST", "db.example.com");
    EXPECT_THAT(keywords("dbname=keys"), Contains(Pair("sslmode", "verify-full")));
    EXPECT_THAT(keywords("host=localhost"), Not(Contains(Key("sslmode"))));
    set("PGHOST", nullptr);
    set("PGHOSTADDR", "192.0.2.1");
    EXPECT_THAT(keywords("host=localhost"), Contains(Pair("sslmode", "verify-full")));
}

TEST_F(ConnectionTest, TakesTheRemoteHostFromAServiceNamedAnywhere) {
    given_services("[far]\nhost=db.example.com\n[near]\nhost=/tmp\n");
    EXPECT_THAT(keywords("service=far"), Contains(Pair("sslmode", "verify-full")));
    EXPECT_THAT(keywords("postgresql:///keys?service=far"),
                Contains(Pair("sslmode", "verify-full")));
    EXPECT_THAT(keywords("service=near"), Not(Contains(Key("sslmode"))));
    set("PGSERVICE", "far");
    EXPECT_THAT(keywords(""), Contains(Pair("sslmode", "verify-full")));
    EXPECT_THAT(keywords("service=near"), Not(Contains(Key("sslmode"))));
    EXPECT_STREQ(getenv("PGSERVICE"), "far");
    EXPECT_EQ(getenv("PGSSLMODE"), nullptr);
}

TEST_F(ConnectionTest, KeepsASslmodeThatSomebodySaid) {
    EXPECT_THAT(keywords("host=db.example.com sslmode=require"),
                Contains(Pair("sslmode", "require")));
    EXPECT_THAT(keywords("host=db.example.com sslmode=require"), Not(Contains(Key("sslrootcert"))));
    EXPECT_THAT(keywords("postgresql://db.example.com/keys?ssl=true"),
                Contains(Pair("sslmode", "require")));
    // `prefer` is libpq's own default; said in a service file it was still said.
    given_services("[far]\nhost=db.example.com\nsslmode=prefer\n");
    EXPECT_THAT(keywords("service=far"), Not(Contains(Key("sslmode"))));
    set("PGSSLMODE", "disable");
    EXPECT_THAT(keywords("host=db.example.com"), Not(Contains(Key("sslmode"))));
}

TEST_F(ConnectionTest, KeepsARootCertificateThatSomebodyChose) {
    EXPECT_THAT(keywords("host=db.example.com sslrootcert=/my.crt"),
                Contains(Pair("sslrootcert", "/my.crt")));
    set("PGSSLROOTCERT", "/other.crt");
    EXPECT_THAT(keywords("host=db.example.com"), Not(Contains(Key("sslrootcert"))));
    set("PGSSLROOTCERT", nullptr);
    given_services("[far]\nhost=db.example.com\nsslrootcert=/its.crt\n");
    EXPECT_THAT(keywords("service=far"), Not(Contains(Key("sslrootcert"))));
    std::filesystem::create_directory(home_ / ".postgresql");
    std::ofstream(home_ / ".postgresql/root.crt") << "a certificate";
    EXPECT_THAT(keywords("host=db.example.com"), Not(Contains(Key("sslrootcert"))));
}

TEST_F(ConnectionTest, GivesTheSystemsCertificatesToAVerifyFullThatNamesNone) {
    EXPECT_THAT(keywords("host=db.example.com sslmode=verify-full"),
                Contains(Pair("sslrootcert", "/etc/ssl/certs/ca-certificates.crt")));
}

TEST_F(ConnectionTest, TellsLibpqTheTimeoutInWholeSecondsAndAtLeastTwo) {
    const auto timeout = [](std::chrono::milliseconds given) {
        return parse_connection("", given).keywords.at("connect_timeout");
    };
    EXPECT_EQ(timeout(10s), "10");
    EXPECT_EQ(timeout(10'001ms), "11");
    EXPECT_EQ(timeout(2s), "2");
    EXPECT_EQ(timeout(100ms), "2");
    EXPECT_THAT(keywords("connect_timeout=77"), Contains(Pair("connect_timeout", "77")));
    set("PGCONNECT_TIMEOUT", "5");
    EXPECT_THAT(keywords(""), Not(Contains(Key("connect_timeout"))));
}

TEST_F(ConnectionTest, NeverShowsWhatItCouldNotRead) {
    for (const char* url :
         {"postgresql://bob:hunter2@[::1/keys", "bob hunter2", "password='hunter2",
          "postgresql://bob:hunter2@host/keys?nonsense=hunter2", "hunter2"}) {
        try {
            parse_connection(url, 10s);
            ADD_FAILURE() << url;
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), ExitCode::config);
            EXPECT_THAT(error.what() + error.hint(), Not(HasSubstr("hunter2")));
        }
    }
}

TEST_F(ConnectionTest, QuotesWhatLibpqReadsBack) {
    Connection connection;
    connection.keywords = {{"dbname", "it's a \\ key base"}, {"host", "/tmp/x"}, {"password", ""}};
    EXPECT_EQ(connection.conninfo(), "dbname='it\\'s a \\\\ key base' host='/tmp/x' password=''");
    Connection again = parse_connection(connection.conninfo(), 10s);
    again.keywords.erase("connect_timeout");
    EXPECT_EQ(again.keywords, connection.keywords);
}

TEST_F(ConnectionTest, DisplaysWhereItGoesWithoutThePassword) {
    EXPECT_EQ(parse_connection("postgresql://bob:hunter2@db.example.com/keys", 10s).display(),
              "bob@db.example.com:5432/keys");
    set("PGUSER", "alice");
    EXPECT_EQ(parse_connection("", 10s).display(), "alice@local:5432/alice");
    given_services("[far]\nhost=db.example.com\nport=6432\ndbname=keys\nuser=carol\n");
    EXPECT_EQ(parse_connection("service=far", 10s).display(), "carol@db.example.com:6432/keys");
}

TEST(RedactUrl, HidesThePasswordOfAUrlAndKeepsTheRestAsWritten) {
    EXPECT_EQ(redact_url("postgresql://bob:hunter2@db/keys?sslmode=require"),
              "postgresql://bob:<redacted>@db/keys?sslmode=require");
    EXPECT_EQ(redact_url("postgres://bob:a?b:c@db:5432,db2/keys"),
              "postgres://bob:<redacted>@db:5432,db2/keys");
    EXPECT_EQ(redact_url("postgresql://bob@db/keys"), "postgresql://bob@db/keys");
    EXPECT_EQ(redact_url("postgresql://db/keys"), "postgresql://db/keys");
    EXPECT_EQ(redact_url("postgresql://"), "postgresql://");
}

TEST(RedactUrl, HidesSecretParametersHoweverTheyAreSpelled) {
    EXPECT_EQ(redact_url("postgresql://bob@db/keys?password=hunter2&sslmode=require"),
              "postgresql://bob@db/keys?password=<redacted>&sslmode=require");
    EXPECT_EQ(redact_url("postgresql://bob:one@db/keys?%70assword=two&sslpassword=three"),
              "postgresql://bob:<redacted>@db/keys?%70assword=<redacted>&sslpassword=<redacted>");
    EXPECT_EQ(redact_url("postgresql://bob@db?password=hunter2"),
              "postgresql://bob@db?password=<redacted>");
    EXPECT_EQ(redact_url("postgresql:///keys?user=bob&password=hun%20ter2"),
              "postgresql:///keys?user=bob&password=<redacted>");
}

TEST(RedactUrl, HidesSecretKeywords) {
    EXPECT_EQ(redact_url("host=db user=bob password = 'hun\\'ter 2' sslpassword=three"),
              "user=bob password=<redacted> host=db sslpassword=<redacted>");
    EXPECT_EQ(redact_url("service=prod"), "service=prod");
    EXPECT_EQ(redact_url("dbname='my keys'"), "dbname='my keys'");
}

TEST(RedactUrl, ShowsNothingOfWhatCannotBeRead) {
    EXPECT_EQ(redact_url("postgresql://bob:hunter2@[::1/keys"), "<redacted>");
    EXPECT_EQ(redact_url("password='hunter2"), "<redacted>");
    EXPECT_EQ(redact_url("hunter2"), "<redacted>");
    EXPECT_EQ(redact_url(std::string("host=db\0password=hunter2", 24)), "<redacted>");
}

TEST(RedactUrl, KeepsTheWordForAPrivateServerAndNothing) {
    EXPECT_EQ(redact_url("embedded"), "embedded");
    EXPECT_EQ(redact_url(""), "");
}

}  // namespace
}  // namespace keyrota::test
