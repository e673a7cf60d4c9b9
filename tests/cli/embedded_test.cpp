#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <random>
#include <thread>

#include "support/program.h"

namespace keyrota::test {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

std::string mode_of(const fs::path& path) {
    struct stat is {};
    return ::lstat(path.c_str(), &is) == 0 ? fmt::format("{:o}", is.st_mode & 07777U) : "missing";
}

// The public half of a private key's file, as PEM.
std::string public_half(const fs::path& file) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> in(BIO_new_file(file.c_str(), "r"), BIO_free);
    if (!in) return "";
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
        PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
    const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), BIO_free);
    PEM_write_bio_PUBKEY(out.get(), key.get());
    char* data = nullptr;
    const long size = BIO_get_mem_data(out.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

// A real database of keyrota's own, as somebody gets it who starts with nothing. The scratch folder
// stops its server.
class Embedded : public ::testing::Test {
  protected:
    Embedded() {
        environment_ = bare_environment();
        environment_["HOME"] = scratch_.path();
        environment_["KEYROTA_DATA_DIR"] = data_dir_ = scratch_.path() / "data";
    }
    Program start(const Arguments& arguments) {
        return Program(keyrota_argv(arguments),
                       {.environment = environment_, .directory = scratch_.path()});
    }
    Outcome keyrota(const Arguments& arguments, const std::string& input = "") {
        return test::run(
            keyrota_argv(arguments),
            {.environment = environment_, .input = input, .directory = scratch_.path()});
    }
    void expect_quiet(const Arguments& arguments) {
        SCOPED_TRACE(fmt::format("keyrota {}", fmt::join(arguments, " ")));
        const Outcome outcome = keyrota(arguments);
        EXPECT_EQ(outcome.exit_code, 0);
        EXPECT_EQ(outcome.out, "");
        EXPECT_EQ(outcome.errors, "");
    }
    // The answer of `db psql`, without its last newline.
    std::string ask(const std::string& sql) {
        const Outcome outcome = keyrota({"db", "psql", "--", "-XAtc", sql});
        EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
        return outcome.out.substr(0, outcome.out.find_last_not_of('\n') + 1);
    }
    void expect_installed() {
        EXPECT_EQ(ask("select count(*) from keyrota.installation"), "1");
        EXPECT_EQ(keyrota({"db", "check"}).exit_code, 0);
        EXPECT_EQ(keyrota({"audit", "verify"}).exit_code, 0);
        EXPECT_EQ(mode_of(data_dir_ / "signing.key"), "600");
        EXPECT_EQ(ask("select signing_public_key from keyrota.installation") + "\n",
                  public_half(data_dir_ / "signing.key"));
    }

    Scratch scratch_;
    fs::path data_dir_;
    Environment environment_;
};

TEST_F(Embedded, LivesFromTheFirstCommandThroughStartsAndStops) {
    const Outcome missing = keyrota({"db", "status"});
    EXPECT_EQ(missing.exit_code, 13);
    EXPECT_THAT(missing.out, HasSubstr("no database in " + data_dir_.string()));
    EXPECT_FALSE(fs::exists(data_dir_)) << "asking makes nothing";
    EXPECT_EQ(keyrota({"db", "stop"}).exit_code, 0);

    expect_quiet({"run", "expire-keys"});
    expect_installed();
    const Outcome runs = keyrota({"db", "status"});
    EXPECT_EQ(runs.exit_code, 0);
    EXPECT_THAT(runs.out,
                AllOf(HasSubstr("PostgreSQL is running"), HasSubstr(data_dir_ / "socket")));
    EXPECT_THAT(keyrota({"db", "start"}).out, HasSubstr("is already running"));
    EXPECT_THAT(keyrota({"db", "check"}).out, HasSubstr("the schema is current"));
    EXPECT_THAT(keyrota({"db", "migrate"}).out, HasSubstr("the schema is current"));
    EXPECT_THAT(keyrota({"db", "init"}).out, HasSubstr("was already ready"));

    EXPECT_THAT(keyrota({"db", "stop"}).out, HasSubstr("PostgreSQL stopped"));
    const Outcome stopped = keyrota({"db", "status"});
    EXPECT_EQ(stopped.exit_code, 13);
    EXPECT_THAT(stopped.out, HasSubstr("PostgreSQL is stopped"));
    EXPECT_THAT(keyrota({"db", "stop"}).out, HasSubstr("was not running"));
    expect_quiet({"run", "expire-keys"});  // which starts it
    EXPECT_EQ(ask("select count(*) from keyrota.job_run where complete"), "2");
    // A pipe's reader is not kept waiting by the server that outlives the command.
    EXPECT_EQ(keyrota({"db", "stop"}).exit_code, 0);
    const Outcome piped = test::run({"/bin/sh", "-c", "\"" KEYROTA_PROGRAM "\" db start | cat"},
                                    {.environment = environment_});
    EXPECT_THAT(piped.out, HasSubstr("PostgreSQL started"));

    // A real installation is no simulation, and does not become one.
    const Outcome simulation = keyrota({"db", "init", "--simulation"});
    EXPECT_EQ(simulation.exit_code, 2);
    EXPECT_THAT(simulation.errors, HasSubstr("HINT: "));
    EXPECT_EQ(keyrota({"run", "expire-keys", "--as-of", "2020-01-01"}).exit_code, 2);

    // psql: as the owner, with what it is given, and with its own exit code.
    EXPECT_EQ(ask("select current_user"), "keyrota_owner");
    EXPECT_EQ(keyrota({"db", "psql", "--", "-XAt"}, "select 40 + 2;\n").out, "42\n");
    EXPECT_NE(keyrota({"db", "psql", "--", "-Xc", "select nonsense"}).exit_code, 0);
}

TEST_F(Embedded, ASimulationIsMadeOnceAndMayTravelInTime) {
    // Where --data-dir says, whatever the environment says.
    const fs::path elsewhere = scratch_.path() / "elsewhere";
    const Outcome made = keyrota({"db", "init", "--simulation", "--data-dir", elsewhere});
    EXPECT_EQ(made.exit_code, 0) << made.errors;
    EXPECT_THAT(made.out, AllOf(HasSubstr("is ready"), HasSubstr("(simulation)")));
    EXPECT_TRUE(fs::exists(elsewhere / "postgres"));
    EXPECT_FALSE(fs::exists(data_dir_));

    environment_["KEYROTA_DATA_DIR"] = data_dir_ = elsewhere;
    expect_installed();
    EXPECT_EQ(keyrota({"sample", "load", "--keys", "200", "--days", "1"}).exit_code, 0);
    EXPECT_EQ(keyrota({"sample", "load", "--keys", "200"}).exit_code, 2) << "it holds keys";
    expect_quiet({"run", "expire-keys", "--as-of", "2020-01-01"});
    EXPECT_THAT(ask("select count(*) from keyrota.job_run where as_of = '2020-01-01Z'"), "1");
    EXPECT_EQ(keyrota({"db", "init"}).exit_code, 0);
    EXPECT_EQ(ask("select simulation from keyrota.installation"), "t");
}

TEST_F(Embedded, WhateverMomentTheFirstCommandIsKilledAtTheNextOneGoesOnFromThere) {
    std::mt19937 random(15);
    // How far it got is seen by what it has made; from there a random while.
    for (const char* made : {"", ".start.lock", ".start.lock", "postgres/PG_VERSION",
                             "socket/.s.PGSQL.5432", "socket/.s.PGSQL.5432", "signing.key"}) {
        Program first = start({"run", "expire-keys"});
        while (first.is_running() && !fs::exists(data_dir_ / made))
            std::this_thread::sleep_for(milliseconds(1));
        std::this_thread::sleep_for(milliseconds(random() % 300));
        first.signal(SIGKILL);
        EXPECT_THAT(first.wait().exit_code, AnyOf(0, 128 + SIGKILL));
    }
    expect_quiet({"run", "expire-keys", "--wait", "20s"});
    expect_installed();
    for (const auto& entry : fs::directory_iterator(data_dir_))
        EXPECT_NE(entry.path().filename().string().rfind(".postgres-", 0), 0U) << entry.path();
}

TEST_F(Embedded, AnInitialisationCutOffBeforeItsLastStepIsGoneOnWith) {
    expect_quiet({"run", "expire-keys"});
    ask("delete from keyrota.installation");  // as a kill right after the migrations leaves it
    expect_quiet({"run", "expire-keys"});
    expect_installed();
}

TEST_F(Embedded, TwoFirstCommandsAtOnceBothSucceed) {
    Program one = start({"db", "init"});
    Program other = start({"run", "expire-keys"});
    for (Program* command : {&one, &other}) {
        const Outcome outcome = command->wait();
        EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
    }
    expect_installed();
}

TEST_F(Embedded, ADataDirectoryOfSomebodyElseIsRefusedWithAHint) {
    // Root gives one away; anybody else takes one of root's.
    if (::geteuid() == 0) {
        fs::create_directory(data_dir_);
        ASSERT_EQ(::chown(data_dir_.c_str(), 65534, 65534), 0);
    } else {
        environment_["KEYROTA_DATA_DIR"] = data_dir_ = "/usr";
    }
    for (const Arguments& arguments :
         {Arguments{"run", "expire-keys"}, Arguments{"db", "init"}, Arguments{"db", "status"},
          Arguments{"db", "start"}, Arguments{"db", "stop"}}) {
        const Outcome outcome = keyrota(arguments);
        EXPECT_EQ(outcome.exit_code, 4);
        EXPECT_THAT(
            outcome.errors,
            MatchesRegex("keyrota: .* belongs to .*, not to .*\nHINT: Set data_dir to .*\n"));
    }
    EXPECT_TRUE(::geteuid() != 0 || fs::is_empty(data_dir_));
}

TEST_F(Embedded, OnlyAnEmbeddedServerIsStartedAndStopped) {
    environment_["KEYROTA_DATABASE_URL"] = "postgresql://keyrota@127.0.0.1:9/keys";
    for (const char* verb : {"start", "stop", "status"}) {
        const Outcome outcome = keyrota({"db", verb});
        EXPECT_EQ(outcome.exit_code, 2);
        EXPECT_THAT(outcome.errors, HasSubstr("HINT: database.url names another server"));
    }
    EXPECT_FALSE(fs::exists(data_dir_));
}

}  // namespace
}  // namespace keyrota::test
