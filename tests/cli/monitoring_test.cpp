// What those hear of runs who watch from outside: a health check, Prometheus, a log.

#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>

#include "support/program.h"

namespace keyrota::test {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::StartsWith;

const Timestamp kLongAgo = *parse_timestamp("2020-01-01");

std::string text_of(const fs::path& file) {
    std::ifstream in(file);
    return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<Poco::JSON::Object::Ptr> json_lines(const std::string& text) {
    std::vector<Poco::JSON::Object::Ptr> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);)
        lines.push_back(Poco::JSON::Parser().parse(line).extract<Poco::JSON::Object::Ptr>());
    return lines;
}

// -------------------------------------------------------------------------------------------------
// Health check

class HealthCheck : public ProgramTest {
  protected:
    // Begins to listen; the runs that follow are told of it.
    void given_health_check(const Arguments& options = {}, const std::string& scheme = "http") {
        Arguments argv{"/usr/bin/python3", KEYROTA_SOURCE_DIR "/tests/support/health_check.py",
                       scratch().path()};
        argv.insert(argv.end(), options.begin(), options.end());
        server_ = std::make_unique<Program>(argv, Start{.environment = bare_environment()});
        ASSERT_TRUE(eventually([&] { return fs::exists(scratch().path() / "port"); }));
        std::string port;
        std::ifstream(scratch().path() / "port") >> port;
        environment()["KEYROTA_PING_URL"] =
            fmt::format("{}://localhost:{}/Zq7secret/{{job}}?create=1", scheme, port);
    }
    // `PATH` or `PATH: BODY` of each call.
    std::vector<std::string> told() {
        std::vector<std::string> calls;
        for (const auto& line : json_lines(text_of(scratch().path() / "told"))) {
            const auto body = line->getValue<std::string>("body");
            calls.push_back(line->getValue<std::string>("path") +
                            (body.empty() ? "" : ": " + body));
        }
        return calls;
    }
    // A certificate that nobody has signed, for one name.
    std::string certificate_for(const std::string& name) {
        const std::string file = scratch().path() / "certificate.pem";
        const Outcome made = test::run(
            {"/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=" + name,
             "-addext", "subjectAltName=DNS:" + name, "-keyout", file, "-out", file + ".crt"},
            {.environment = bare_environment()});
        EXPECT_EQ(made.exit_code, 0) << made.errors;
        std::ofstream(file, std::ios::app) << text_of(file + ".crt");
        return file;
    }
    // The run is well and says so; that the health check was not told is a warning without the URL.
    void expect_only_a_warning(const std::string& why) {
        given_key({.name = "due", .expires_at = kLongAgo});
        const Outcome outcome = keyrota({"run", "expire-keys"});
        EXPECT_EQ(outcome.exit_code, 0);
        EXPECT_THAT(outcome.errors,
                    AllOf(HasSubstr("keyrota: the health check at localhost was not told: "),
                          HasSubstr(why), Not(HasSubstr("Zq7secret"))));
        EXPECT_THAT(keys_with_status("expired"), ElementsAre("due"));
    }

  private:
    std::unique_ptr<Program> server_;
};

TEST_F(HealthCheck, IsToldOfTheStartAndTheEndOfARun) {
    given_health_check();
    const Outcome outcome = keyrota({"run", "check-runs", "expire-keys"});
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_EQ(outcome.errors, "");
    EXPECT_THAT(
        told(),
        ElementsAre("/Zq7secret/check-runs/start?create=1", "/Zq7secret/check-runs?create=1",
                    "/Zq7secret/expire-keys/start?create=1", "/Zq7secret/expire-keys?create=1"));
    EXPECT_THAT(text_of(scratch().path() / "told"), HasSubstr("\"agent\": \"keyrota/"));
}

TEST_F(HealthCheck, IsToldTheExitCodeAndTheReasonOfAFailure) {
    given_health_check();
    given_keys(2, {.name = "due", .expires_at = kLongAgo});
    EXPECT_EQ(keyrota({"run", "expire-keys", "--max-actions", "1"}).exit_code, 8);
    EXPECT_THAT(told(), ElementsAre("/Zq7secret/expire-keys/start?create=1",
                                    AllOf(StartsWith("/Zq7secret/expire-keys/8?create=1: "
                                                     "expire-keys: KEY-EXPIRED: 2 actions"),
                                          HasSubstr("\nHINT: Look at them with"))));
}

TEST_F(HealthCheck, IsToldThatTheDatabaseCannotBeReachedAndNoPassword) {
    given_health_check();
    const Outcome outcome =
        keyrota({"run", "expire-keys"},
                {{"KEYROTA_DATABASE_URL", "postgresql://u:hunter2@127.0.0.1:1/keys"}});
    EXPECT_EQ(outcome.exit_code, 5);
    ASSERT_EQ(told().size(), 2U);
    EXPECT_THAT(told()[1], AllOf(StartsWith("/Zq7secret/expire-keys/5?create=1: expire-keys: "),
                                 Not(HasSubstr("hunter2"))));
}

TEST_F(HealthCheck, HearsNothingOfADryRunAPlanOrAnAppliedPlan) {
    given_health_check();
    given_key({.name = "due", .expires_at = kLongAgo});
    EXPECT_EQ(keyrota({"run", "expire-keys", "--dry-run"}).exit_code, 0);
    EXPECT_EQ(keyrota({"plan", "expire-keys", "--out", "plan.jsonl"}).exit_code, 0);
    EXPECT_EQ(keyrota({"apply", "plan.jsonl"}).exit_code, 0);
    EXPECT_THAT(told(), IsEmpty());
}

TEST_F(HealthCheck, HearsNoEndOfARunThatGaveWayToAnother) {
    given_health_check();
    Session lock = lock_key(given_key({.name = "due", .expires_at = kLongAgo}));
    Program first = start({"run", "expire-keys"}, {{"KEYROTA_DATABASE_LOCK_TIMEOUT", "1m"}});
    wait_until_blocked();
    EXPECT_EQ(keyrota({"run", "expire-keys"}).exit_code, 6);
    EXPECT_THAT(told(), ElementsAre("/Zq7secret/expire-keys/start?create=1",
                                    "/Zq7secret/expire-keys/start?create=1"));
    lock.execute_verbatim("rollback", "rollback");
    EXPECT_EQ(first.wait().exit_code, 0);
    EXPECT_THAT(told(), Contains("/Zq7secret/expire-keys?create=1"));
}

TEST_F(HealthCheck, OneThatIsNotThereIsAWarning) {
    environment()["KEYROTA_PING_URL"] = "http://localhost:1/Zq7secret";
    expect_only_a_warning("refused");
}

TEST_F(HealthCheck, OneThatNeverAnswersCostsNoMoreThanItsTimeout) {
    given_health_check({"--silent"});
    environment()["KEYROTA_PING_TIMEOUT"] = "100ms";
    expect_only_a_warning("imeout");
}

TEST_F(HealthCheck, OneThatKnowsNoSuchCheckIsAWarningAndNotAskedAgain) {
    given_health_check({"--status", "404"});
    expect_only_a_warning("it answered 404");
    EXPECT_EQ(told().size(), 2U);
}

TEST_F(HealthCheck, OneThatStumblesIsToldTwice) {
    given_health_check({"--status", "503"});
    expect_only_a_warning("it answered 503");
    EXPECT_EQ(told().size(), 4U);
}

TEST_F(HealthCheck, ARedirectIsNotFollowed) {
    given_health_check({"--status", "302"});
    expect_only_a_warning("it answered 302");
    EXPECT_THAT(told(), Not(Contains(HasSubstr("elsewhere"))));
}

TEST_F(HealthCheck, IsToldOverTlsWhereItsCertificateIsTrusted) {
    const std::string certificate = certificate_for("localhost");
    given_health_check({"--certificate", certificate}, "https");
    environment()["SSL_CERT_FILE"] = certificate + ".crt";
    const Outcome outcome = keyrota({"run", "expire-keys"});
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_EQ(outcome.errors, "");
    EXPECT_EQ(told().size(), 2U);
}

TEST_F(HealthCheck, IsNotToldWhereNobodyVouchesForItsCertificate) {
    given_health_check({"--certificate", certificate_for("localhost")}, "https");
    expect_only_a_warning("ertificate");
    EXPECT_THAT(told(), IsEmpty());
}

TEST_F(HealthCheck, IsNotToldWhereItsCertificateIsForAnotherName) {
    const std::string certificate = certificate_for("elsewhere.example.com");
    given_health_check({"--certificate", certificate}, "https");
    environment()["SSL_CERT_FILE"] = certificate + ".crt";
    expect_only_a_warning("ertificate");
    EXPECT_THAT(told(), IsEmpty());
}

// -------------------------------------------------------------------------------------------------
// Metrics

class Metrics : public ProgramTest {
  protected:
    void SetUp() override {
        ProgramTest::SetUp();
        fs::create_directory(directory());
        environment()["KEYROTA_METRICS_TEXTFILE_DIR"] = directory();
    }
    fs::path directory() const { return scratch().path() / "node-exporter"; }
    std::vector<std::string> files() const {
        std::vector<std::string> names;
        for (const auto& entry : fs::directory_iterator(directory()))
            names.push_back(entry.path().filename());
        std::sort(names.begin(), names.end());
        return names;
    }
    // `NAME{label=value,...} VALUE` of each sample, read by Prometheus' own client library.
    std::vector<std::string> samples(const char* file = "keyrota_expire-keys.prom") const {
        const Outcome read = test::run(
            {"/usr/bin/python3", "-c",
             "import sys\n"
             "from prometheus_client.parser import text_string_to_metric_families as parse\n"
             "for family in parse(open(sys.argv[1]).read()):\n"
             "    assert family.documentation and family.type == 'gauge', family\n"
             "    for s in family.samples:\n"
             "        labels = ','.join(f'{k}={v}' for k, v in sorted(s.labels.items()))\n"
             "        print(f'{s.name}{{{labels}}} {s.value:.0f}')\n",
             directory() / file},
            {.environment = bare_environment()});
        EXPECT_EQ(read.exit_code, 0) << read.errors << text_of(directory() / file);
        std::vector<std::string> lines;
        std::istringstream in(read.out);
        for (std::string line; std::getline(in, line);) lines.push_back(line);
        return lines;
    }
    std::string sample(const std::string& name) const {
        for (const std::string& line : samples())
            if (line.starts_with(name + "{")) return line.substr(line.find("} ") + 2);
        return "none";
    }
    // A column of a run, in whole seconds as the parser rounds them.
    std::string seconds(const std::string& column, const std::string& which) {
        return text(fmt::format(
            "select to_char(extract(epoch from {}), 'FM999999999990') from keyrota.job_run {}",
            column, which));
    }
};

constexpr const char* kLastSuccess = "keyrota_job_last_success_timestamp_seconds";
constexpr const char* kLastRun = "keyrota_job_last_run_timestamp_seconds";
constexpr const char* kExitCode = "keyrota_job_last_run_exit_code";

TEST_F(Metrics, SayWhatARunDidAndWhatIsOpen) {
    given_keys(3, {.name = "due", .expires_at = kLongAgo});
    given_keys(2, {.name = "imported", .expires_at = kLongAgo, .source = "vault"});
    ASSERT_EQ(keyrota({"run", "expire-keys", "check-runs"}).exit_code, 0);
    EXPECT_THAT(files(), ElementsAre("keyrota_check-runs.prom", "keyrota_expire-keys.prom"));
    struct stat status {};
    ASSERT_EQ(::stat((directory() / "keyrota_expire-keys.prom").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, 0644U);

    const std::string end = seconds("finished_at", "where job = 'expire-keys'");
    EXPECT_EQ(sample(kLastRun), end);
    EXPECT_EQ(sample(kLastSuccess), end);
    EXPECT_EQ(sample(kExitCode), "0");
    EXPECT_EQ(sample("keyrota_job_last_run_duration_seconds"),
              seconds("finished_at - started_at", "where job = 'expire-keys'"));
    EXPECT_THAT(
        samples(),
        IsSupersetOf(
            {"keyrota_job_last_run_items{check=KEY-EXPIRED,keyrota_job=expire-keys} 5",
             "keyrota_job_last_run_actions{check=KEY-EXPIRED,keyrota_job=expire-keys,"
             "outcome=applied} 3",
             "keyrota_job_last_run_actions{check=KEY-EXPIRED,keyrota_job=expire-keys,"
             "outcome=drifted} 0",
             "keyrota_findings_open{check=KEY-EXPIRED,keyrota_job=expire-keys,severity=high} 2",
             "keyrota_findings_open{check=KEY-EXPIRED,keyrota_job=expire-keys,severity=low} 0"}));
}

TEST_F(Metrics, AFailedRunKeepsTheLastSuccessAlsoWhenTheFileWasLost) {
    ASSERT_EQ(keyrota({"run", "expire-keys"}).exit_code, 0);
    execute(
        "update keyrota.job_run set started_at = started_at - interval '1 hour',"
        " finished_at = finished_at - interval '1 hour'");
    const std::string success = seconds("finished_at", "where complete");
    given_keys(2, {.name = "due", .expires_at = kLongAgo});
    execute("update keyrota.job_run set as_of = '2019-12-31'");
    fs::remove(directory() / "keyrota_expire-keys.prom");

    ASSERT_EQ(keyrota({"run", "expire-keys", "--max-actions", "1"}).exit_code, 9);
    EXPECT_EQ(sample(kExitCode), "9");
    EXPECT_EQ(sample(kLastSuccess), success);
    EXPECT_EQ(sample(kLastRun), seconds("finished_at", "where not complete"));
    EXPECT_THAT(samples(), Contains("keyrota_job_last_run_actions{check=KEY-EXPIRED,keyrota_job="
                                    "expire-keys,outcome=refused} 2"));
}

TEST_F(Metrics, AJobThatNeverSucceededHasNoLastSuccess) {
    given_keys(2, {.name = "due", .expires_at = kLongAgo});
    ASSERT_EQ(keyrota({"run", "expire-keys", "--max-actions", "1"}).exit_code, 8);
    EXPECT_EQ(sample(kExitCode), "8");
    EXPECT_EQ(sample(kLastSuccess), "none");
}

TEST_F(Metrics, StayAsTheyAreWhereTheDatabaseCannotBeReachedOrNothingWasRun) {
    ASSERT_EQ(keyrota({"run", "expire-keys"}).exit_code, 0);
    const std::string before = text_of(directory() / "keyrota_expire-keys.prom");
    EXPECT_EQ(keyrota({"run", "expire-keys"},
                      {{"KEYROTA_DATABASE_URL", "postgresql://u@127.0.0.1:1/keys"}})
                  .exit_code,
              5);
    EXPECT_EQ(keyrota({"run", "expire-keys", "--dry-run"}).exit_code, 0);
    EXPECT_EQ(text_of(directory() / "keyrota_expire-keys.prom"), before);
    EXPECT_THAT(files(), ElementsAre("keyrota_expire-keys.prom"));
}

TEST_F(Metrics, ThatCannotBeWrittenAreAWarning) {
    const fs::path gone = scratch().path() / "gone";
    const Outcome outcome =
        keyrota({"run", "expire-keys"}, {{"KEYROTA_METRICS_TEXTFILE_DIR", gone}});
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_EQ(outcome.errors,
              fmt::format("keyrota: no metrics: cannot write {}/keyrota_expire-keys."
                          "prom: No such file or directory\n",
                          gone.string()));
}

// -------------------------------------------------------------------------------------------------
// The log

TEST_F(ProgramTest, EachLineOfARunInTheLogNamesTheJobAndTheRun) {
    environment()["KEYROTA_LOG_FILE"] = scratch().path() / "log";
    environment()["KEYROTA_METRICS_TEXTFILE_DIR"] = scratch().path() / "gone";
    environment()["KEYROTA_PING_URL"] = "http://localhost:1/";
    EXPECT_EQ(keyrota({"--log-format", "json", "run", "expire-keys", "check-runs"}).errors, "");
    std::vector<std::string> lines;
    for (const auto& line : json_lines(text_of(scratch().path() / "log"))) {
        const auto message = line->getValue<std::string>("message");
        lines.push_back(fmt::format(
            "{} {} {} {}", line->getValue<std::string>("level"), line->getValue<std::string>("job"),
            line->optValue<std::int64_t>("run_id", 0), message.substr(0, message.find(' ', 6))));
    }
    // The first of each run is not told yet which run it is.
    EXPECT_THAT(lines,
                ElementsAre("warning expire-keys 0 the health", "info expire-keys 1 done, exit",
                            "warning expire-keys 1 no metrics:", "warning expire-keys 1 the health",
                            "warning check-runs 0 the health", "info check-runs 2 done, exit",
                            "warning check-runs 2 no metrics:", "warning check-runs 2 the health"));
}

TEST_F(ProgramTest, ALogForPeopleNamesTheRunToo) {
    environment()["KEYROTA_LOG_FILE"] = scratch().path() / "log";
    EXPECT_EQ(keyrota({"run", "expire-keys"}).errors, "");
    EXPECT_THAT(
        text_of(scratch().path() / "log"),
        ::testing::MatchesRegex("[-0-9T:.]+Z info    expire-keys run 1: done, exit code 0\n"));
}

TEST_F(ProgramTest, OnStandardErrorJsonIsAllOfItAndTextOnlyWhatIsWrong) {
    const auto lines = json_lines(keyrota({"--log-format", "json", "run", "expire-keys"}).errors);
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_THAT(lines[0]->getValue<std::string>("message"), HasSubstr("done, exit code 0"));
    EXPECT_EQ(keyrota({"run", "expire-keys"}).errors, "");
}

TEST_F(ProgramTest, AFailureIsAnErrorInTheLog) {
    given_keys(2, {.name = "due", .expires_at = kLongAgo});
    const Outcome outcome =
        keyrota({"--log-format", "json", "run", "expire-keys", "--max-actions", "1"});
    EXPECT_EQ(outcome.exit_code, 8);
    EXPECT_THAT(outcome.errors,
                HasSubstr("\"level\":\"error\",\"job\":\"expire-keys\",\"run_id\":1,"
                          "\"message\":\"refused, exit code 8: KEY-EXPIRED: 2"));
}

}  // namespace
}  // namespace keyrota::test
