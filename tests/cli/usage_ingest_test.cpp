// keyrota usage ingest: samples from the logs of gateways. Whoever calls writes a part of them.

#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <fstream>

#include "commands/ingest/log_ingest.h"
#include "secret/sha256.h"
#include "support/key_console.h"

namespace keyrota::test {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kSecret = "sk_live_4fZ0qJ7xK2mB9tR1uC5wE8yH3aD6gL1SCyQ1";

std::string line_of(const std::string& key, const std::string& more = "") {
    return fmt::format(
        R"({{"at":"2026-11-24T06:30:05.123Z","status":200,"key":"{}","network":"192.0.2.7"{}}})"
        "\n",
        key, more);
}

std::string lines_of(int count, const std::string& key, const std::string& id = "") {
    std::string lines;
    for (int i = 0; i < count; ++i) lines += line_of(key, fmt::format(R"(,"id":"{}{}")", id, i));
    return lines;
}

class UsageIngest : public KeyConsole {
  protected:
    void SetUp() override {
        KeyConsole::SetUp();
        given_keys(3, {.name = "k"});
    }
    std::string given_log(const std::string& name, const std::string& text) {
        return scratch().write(name, text);
    }
    static void append(const std::string& path, const std::string& text) {
        std::ofstream(path, std::ios::app) << text;
    }
    std::string given_gzip(const std::string& name, const std::string& text) {
        const std::string path = scratch().path() / name;
        gzFile file = gzopen(path.c_str(), "wb");
        gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
        gzclose(file);
        return path;
    }
    Outcome ingest(const Arguments& more, const std::string& format = "jsonl") {
        Arguments words{"usage", "ingest", "--format", format};
        words.insert(words.end(), more.begin(), more.end());
        return keyrota(words);
    }
    void expect_ingested(const Arguments& more, const std::string& format = "jsonl") {
        const Outcome outcome = ingest(more, format);
        EXPECT_EQ(outcome.exit_code, 0) << outcome.out << outcome.errors;
    }
    std::int64_t requests() {
        return number("select coalesce(sum(requests), 0) from keyrota.usage_sample");
    }
    std::string samples() {
        return fmt::format(
            "{}", fmt::join(texts("select (key_id, at, gateway, requests, client_errors,"
                                  " server_errors, rate_limited, scope, network, auth, browser)"
                                  "::text from keyrota.usage_sample order by 1"),
                            "\n"));
    }
};

TEST_F(UsageIngest, SumsUpTheCallsOfAKeyInAMinute) {
    std::string log;
    for (const int status : {200, 404, 429, 499, 500, 503})
        log += fmt::format(
            R"({{"at":"2026-11-24T06:30:{:02}Z","status":{},"key":1,"scope":"read:analytics",)"
            R"("network":"192.0.2.{}:4711"}})"
            "\n",
            status % 60, status, status % 250);
    log +=
        R"({"at":"2026-11-24T06:31:00+00:00","status":"200","key":"2","network":"2001:db8:1:2::3",)"
        R"("origin":"https://example.com"})"
        "\n";
    expect_ingested({"--gateway", "edge-1", given_log("access.log", log)});
    EXPECT_EQ(samples(),
              "(1,\"2026-11-24 06:30:00+00\",edge-1,6,2,2,1,read:analytics,192.0.2.0/24,header,f)\n"
              "(2,\"2026-11-24 06:31:00+00\",edge-1,1,0,0,0,,2001:db8:1::/48,header,t)");
}

TEST_F(UsageIngest, CountsEachLineOnceHoweverOftenItIsRun) {
    const std::string log = given_log("access.log", lines_of(3, "1"));
    expect_ingested({log});
    expect_ingested({log});
    EXPECT_EQ(requests(), 3);
    append(log, line_of("1") + line_of("2"));
    expect_ingested({log, log});
    EXPECT_EQ(requests(), 5);
    EXPECT_EQ(number("select count(*) from keyrota.ingest_position"), 1);
}

TEST_F(UsageIngest, WhatIsAppendedToALogThatWasEmptyWhenItWasOpenedIsCountedOnce) {
    const std::string path = given_log("access.log", "");
    {
        Session session = session_as("keyrota_runner");
        Interruption interruption;
        LogIngest ingest(session,
                         {.map = load_log_map("", LogFormat::json_lines), .gateway = "edge"},
                         interruption);
        const auto log = ingest.open(path);
        append(path, lines_of(3, "1"));
        ingest.read_on(*log, {log.get()});
        ingest.flush({log.get()});
    }
    expect_ingested({path});
    EXPECT_EQ(requests(), 3);
}

TEST_F(UsageIngest, ALogIsTheSameAfterItWasRenamedCopiedAndCompressed) {
    const std::string early = lines_of(100, "1", "early");
    const std::string whole = early + lines_of(50, "1", "late");
    const std::string log = given_log("access.log", early);
    expect_ingested({log});
    fs::rename(log, log + ".1");
    append(log + ".1", lines_of(50, "1", "late"));
    expect_ingested({log + ".1"});
    EXPECT_EQ(requests(), 150);
    fs::copy(log + ".1", log + ".copy");
    expect_ingested({log + ".copy", given_gzip("access.log.2.gz", whole)});
    EXPECT_EQ(requests(), 150);
    // A copy of its early days is no other log either.
    expect_ingested({given_log("backup.log", early), given_gzip("backup.log.gz", early)});
    EXPECT_EQ(requests(), 150);
}

TEST_F(UsageIngest, ACompressedLogGoesOnWhereThePlainOneWasLeft) {
    const std::string log = given_log("access.log", lines_of(100, "1", "early"));
    expect_ingested({log});
    const std::string whole = lines_of(100, "1", "early") + lines_of(70, "2", "late");
    expect_ingested({given_gzip("access.log.1.gz", whole)});
    EXPECT_EQ(requests(), 170);
    expect_ingested({log});
    EXPECT_EQ(requests(), 170);
}

TEST_F(UsageIngest, ATruncatedLogAndAnInodeThatIsUsedAgainAreOthers) {
    const std::string log = given_log("access.log", lines_of(100, "1", "first"));
    expect_ingested({log});
    given_log("access.log", lines_of(2, "1", "second"));  // truncated: the same inode
    expect_ingested({log});
    EXPECT_EQ(requests(), 102);
    given_log("access.log", lines_of(200, "1", "third"));  // longer than what was read before
    expect_ingested({log});
    EXPECT_EQ(requests(), 302);
}

TEST_F(UsageIngest, ALogThatBeginsAsAnotherButGoesOnOtherwiseIsAnother) {
    const std::string banner = lines_of(60, "1");
    expect_ingested({given_log("a.log", banner + lines_of(10, "2", "a"))});
    expect_ingested({given_log("b.log", banner + lines_of(10, "2", "b"))});
    EXPECT_EQ(requests(), 140);
}

TEST_F(UsageIngest, ALineThatIsStillBeingWrittenWaits) {
    const std::string whole = line_of("1");
    const std::string log = given_log("access.log", whole + whole.substr(0, 40));
    expect_ingested({log});
    EXPECT_EQ(requests(), 1);
    append(log, whole.substr(40, whole.size() - 41));  // whole, but for its line break
    expect_ingested({log});
    EXPECT_EQ(requests(), 2);
    append(log, "\n" + whole);
    expect_ingested({log});
    EXPECT_EQ(requests(), 3);
}

TEST_F(UsageIngest, MalformedLinesAreToldByPlaceAndReasonAndNeverByTheirText) {
    const std::string log = given_log(
        "access.log",
        line_of("1") + "{\"at\":\"" + kSecret + "\n" + "[1, 2]\n" + "\xff\xfe" + kSecret + "\n" +
            "{\"at\":\"yesterday\",\"status\":200,\"key\":1}\n" +
            "{\"at\":\"2026-11-24T06:30:00Z\",\"status\":\"" + kSecret + "\",\"key\":1}\n" +
            "{\"at\":\"2026-11-24T06:30:00Z\",\"status\":\"4294967496\",\"key\":1}\n" +
            "{\"at\":\"2026-11-24T06:30:00Z\",\"status\":200,\"key\":\"" + kSecret + "\"}\n" +
            "{\"at\":\"2026-11-24T06:30:00Z\",\"status\":200,\"key\":2,\"key\":1}\n" +
            "{\"at\":\"2026-11-24T06:30:00Z\",\"status\":200,\"key\":2,\"k\\u0065y\":1}\n" +
            "{\"at\":\"2026-11-24T06:30:00Z\",\"status\":200,\"key\":{\"a\":1}}\n" +
            "{\"at\":\"2026-02-30T06:30:00Z\",\"status\":200,\"key\":1}\n" + line_of("1"));
    const Outcome outcome = ingest({"--json", log});
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_EQ(requests(), 2);
    EXPECT_THAT(outcome.out, HasSubstr(R"("malformed": 11)"));
    for (const char* reason : {"not valid JSON", "not a JSON object", "no readable time",
                               "no readable status", "neither a key_id nor a hash",
                               "a field appears twice", "a field must be a string or a number"})
        EXPECT_THAT(outcome.errors, HasSubstr(reason));
    EXPECT_THAT(outcome.errors,
                HasSubstr(fmt::format("malformed line at byte {}, ", line_of("1").size())));
    EXPECT_THAT(outcome.out + outcome.errors, Not(HasSubstr("sk_live")));
}

TEST_F(UsageIngest, AFloodOfMalformedLinesDoesNotFloodTheLog) {
    std::string log = line_of("1");
    for (int i = 0; i < 1000; ++i) log += "junk\n";
    const Outcome outcome = ingest({given_log("access.log", log)});
    EXPECT_LT(std::count(outcome.errors.begin(), outcome.errors.end(), '\n'), 30);
    EXPECT_THAT(outcome.errors, HasSubstr("1000 lines are malformed"));
}

TEST_F(UsageIngest, KeysThatNobodyHasAreCountedAndReported) {
    const std::string log =
        given_log("access.log", line_of("1") + lines_of(2, "4711") + line_of(std::string(64, 'a')) +
                                    line_of("") + line_of("-"));
    const auto total = object(ingest({"--json", log}))->getObject("total");
    EXPECT_EQ(total->getValue<int>("requests"), 1);
    EXPECT_EQ(total->getValue<int>("unknown_keys"), 3);
    EXPECT_EQ(total->getValue<int>("without_key"), 2);
    EXPECT_EQ(requests(), 1);
}

TEST_F(UsageIngest, ASecretInAUrlFindsItsKeyAndIsNowhereKept) {
    const std::string hash = to_hex(sha256(kSecret));
    execute(
        fmt::format("insert into keyrota.api_key_secret (secret_hash, key_id) values"
                    " (decode('{}', 'hex'), 3)",
                    hash));
    const auto call = [](const std::string& key, const std::string& url) {
        return line_of(key, fmt::format(R"(,"url":"{}","scope":"{}")", url, url));
    };
    std::string encoded = kSecret;
    encoded.replace(0, 1, "%73");
    const std::string log = given_log(
        "access.log",
        call("", fmt::format("/v1?a=b&api_key={}", kSecret)) +
            call("", fmt::format("/v1?api%5Fkey={}#x", encoded)) +
            call("3", fmt::format("/v1?api_key={}", kSecret)) +  // the gateway said which key
            call("1", fmt::format("/v1?api_key={}", kSecret)) +  // another one authenticated it
            call("2", "/v1?api_key=junk") + call("", "/v1?api_key=junk") + line_of(hash));
    const Outcome outcome = ingest({"--json", log});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
    EXPECT_THAT(texts("select format('%s %s %s', key_id, auth, sum(requests))"
                      " from keyrota.usage_sample group by key_id, auth order by 1"),
                ElementsAre("1 header 1", "2 header 1", "3 header 1", "3 query 3"));
    EXPECT_EQ(number("select count(*) from keyrota.usage_sample where scope like '%sk_live%'"), 0);
    EXPECT_THAT(outcome.out + outcome.errors, Not(HasSubstr("sk_live")));
    for (const std::string& table :
         texts("select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid ="
               " c.relnamespace where n.nspname = 'keyrota' and c.relkind = 'r'"))
        EXPECT_EQ(number(fmt::format("select count(*) from {} t where t::text like '%{}%'", table,
                                     std::string(kSecret).substr(8))),
                  0)
            << table;
}

TEST_F(UsageIngest, AFloodOfInventedNetworksAndPathsStaysWithinTheCaps) {
    std::string log;
    for (int i = 0; i < 5000; ++i)
        log += fmt::format(
            R"({{"at":"2026-11-24T06:30:00Z","status":200,"key":1,"network":"2001:db8:{:x}::1",)"
            R"("scope":"/path/{}","url":"/x?api_key={}"}})"
            "\n",
            i, i, i);
    log += line_of("2");
    const auto total = object(ingest({"--json", given_log("access.log", log)}))->getObject("total");
    EXPECT_EQ(total->getValue<int>("requests"), 5001);
    EXPECT_GT(total->getValue<int>("over_caps"), 4000);
    EXPECT_EQ(requests(), 5001);
    EXPECT_LT(number("select count(*) from keyrota.usage_sample where key_id = 1"), 520);
    EXPECT_EQ(number("select count(*) from keyrota.usage_sample where key_id = 2"), 1);
}

TEST_F(UsageIngest, WhatIsNoLogIsToldAndTheOthersAreRead) {
    fs::create_directory(scratch().path() / "folder");
    const std::string good = given_log("good.log", line_of("1"));
    const Outcome outcome =
        ingest({scratch().path() / "folder", scratch().path() / "missing.log",
                given_log("binary.log", std::string("MZ\0\0", 4)),
                given_log("other.zst", "\x28\xb5\x2f\xfd...."), given_log("text.log", "no JSON\n"),
                given_log("empty.log", ""), good});
    EXPECT_EQ(outcome.exit_code, 3);
    EXPECT_EQ(requests(), 1);
    for (const char* what :
         {"it is a directory", "No such file", "it is a binary file",
          "it is compressed, and not with gzip", "text.log: not one of its 1 lines could be read"})
        EXPECT_THAT(outcome.errors, HasSubstr(what));
}

TEST_F(UsageIngest, ALogThatIsReadWronglyIsReadAgain) {
    const std::string log = given_log("access.log", lines_of(3, "1"));
    EXPECT_EQ(ingest({log}, "combined").exit_code, 3);
    expect_ingested({log});
    EXPECT_EQ(requests(), 3);
}

TEST_F(UsageIngest, ALineOfManyMegabytesTakesNoMemoryAndStopsNothing) {
    const std::string log = given_log("access.log", line_of("1") + "{\"x\":\"" +
                                                        std::string(std::size_t{20} << 20, 'x') +
                                                        "\"}\n" + line_of("2"));
    const Outcome outcome = ingest({log});
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_THAT(outcome.errors, HasSubstr("20971529 bytes long: longer than 1 MiB"));
    EXPECT_EQ(requests(), 2);
    append(log, line_of("3"));
    expect_ingested({log});
    EXPECT_EQ(requests(), 3);
}

TEST_F(UsageIngest, AClockThatJumpsLosesNothing) {
    const std::string log =
        given_log("access.log", R"({"at":"1999-12-31T23:59:60Z","status":200,"key":1})"
                                "\n"
                                R"({"at":"9999-12-31T23:59:59Z","status":200,"key":1})"
                                "\n"
                                R"({"at":"12026-01-01T00:00:00Z","status":200,"key":1})"
                                "\n");
    const Outcome outcome = ingest({log});
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_EQ(requests(), 2);
    EXPECT_THAT(outcome.errors, HasSubstr("1 requests are stamped more than an hour ahead"));
    EXPECT_EQ(keyrota({"run", "rollup-usage"}).exit_code, 0);
}

TEST_F(UsageIngest, ADamagedCompressedLogIsReadAsFarAsItGoes) {
    const std::string whole = lines_of(2000, "1");
    const std::string path = given_gzip("access.log.gz", whole);
    const auto size = fs::file_size(path);
    fs::copy(path, path + ".whole");
    fs::resize_file(path, size / 2);
    const Outcome outcome = ingest({path});
    EXPECT_EQ(outcome.exit_code, 3);
    EXPECT_THAT(outcome.errors, HasSubstr("it ends too early, or is damaged"));
    const std::int64_t early = requests();
    EXPECT_GT(early, 0);
    EXPECT_LT(early, 2000);
    expect_ingested({path + ".whole"});
    EXPECT_EQ(requests(), 2000);
}

TEST_F(UsageIngest, StandardInputIsALogAsAnyOther) {
    const std::string log = given_log("access.log", lines_of(100, "1"));
    const std::string command = "cat {} | {} usage ingest --format jsonl -";
    const auto piped = [&](const std::string& file) {
        return test::run(
            {"/bin/sh", "-c", fmt::format(fmt::runtime(command), file, KEYROTA_PROGRAM)},
            {.environment = environment()});
    };
    EXPECT_EQ(piped(log).exit_code, 0);
    EXPECT_EQ(piped(log).exit_code, 0);
    EXPECT_EQ(requests(), 100);
    append(log, lines_of(10, "2"));
    EXPECT_EQ(piped(given_gzip("access.gz", lines_of(100, "1") + lines_of(10, "2"))).exit_code, 0);
    EXPECT_EQ(piped(log).exit_code, 0);
    EXPECT_EQ(requests(), 110);
}

TEST_F(UsageIngest, ADryRunSaysWhatThereIsAndChangesNothing) {
    const std::string log = given_log("access.log", lines_of(3, "1") + line_of("9"));
    const auto before = fingerprint();
    const Outcome outcome = ingest({"--dry-run", log});
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_THAT(outcome.out, AllOf(HasSubstr("requests"), HasSubstr("nothing was changed")));
    EXPECT_EQ(fingerprint(), before);
}

TEST_F(UsageIngest, CombinedLinesAreBelievedNoMoreThanTheirFormatAllows) {
    const std::string rest = R"(HTTP/1.1" 200 12 "-" "curl/8" "1" "read:analytics")";
    const std::string log = given_log(
        "access.log",
        "192.0.2.1 - - [24/Nov/2026:06:30:00 +0000] \"GET /a " + rest + "\n" +
            // Who calls chooses a user name and a path.
            "192.0.2.1 - x [24/Nov/2020:06:30:00 +0000] \\x22GET [24/Nov/2026:06:30:00 +0000] \"GET"
            " /a\\x22 200 12 \\x22-\\x22 \\x222\\x22 " +
            rest + "\n" + "192.0.2.1 - a\\\"b [24/Nov/2026:06:30:00 +0000] \"GET /\\\"\\\\ " +
            rest + "\n" +
            "192.0.2.1 - - [24/Nov/2026:06:30:00 +0000] \"\\x16\\x03\" 400 0 \"-\" \"-\" \"-\"\n" +
            "192.0.2.1 - - [24/Nov/2026:06:30:00 +0000] \"GET / HTTP/1.1\" 200 1\n" +
            "192.0.2.1 - - [24/Nov/2026:06:30:00 +0000] \"GET / HTTP/1.1 200 1 - -\n");
    const Outcome outcome = ingest({"--json", log}, "combined");
    EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
    EXPECT_EQ(
        samples(),
        "(1,\"2026-11-24 06:30:00+00\",combined,3,0,0,0,read:analytics,192.0.2.0/24,header,f)");
    EXPECT_THAT(outcome.out,
                AllOf(HasSubstr(R"("malformed": 1)"), HasSubstr(R"("without_key": 2)")));
}

// As their documentation shows them, with a key.
TEST_F(UsageIngest, TheReadyMapsReadTheLinesOfTheirGateways) {
    execute(
        "insert into keyrota.api_key_external (source, external_id, key_id) values"
        " ('kong', 'a3b0e1d4-0d4f-4b8e-9c59-7f2d2c3b1a55', 1), ('aws-api-gateway', 'hkx2ab9cde', "
        "1)");
    struct Ready {
        const char* map;
        const char* line;
        const char* sample;
    };
    const Ready ready[] = {
        {"nginx",
         R"({"time":"2026-11-24T08:30:00+02:00","remote_addr":"198.51.100.9","request_uri":"/v1/a?b=c","status":"404","key_id":"1","scope":"read:analytics","origin":"","sec_fetch_mode":"cors"})",
         "1,1,0,0,read:analytics,198.51.100.0/24,header,t"},
        {"envoy",
         R"({"start_time":"2026-11-24T06:30:00.123Z","response_code":503,"path":"/v1/a","downstream_remote_address":"2001:db8::1","key_id":"1","scope":null,"origin":null,"sec_fetch_mode":null})",
         "1,0,1,0,,2001:db8::/48,header,f"},
        {"kong",
         R"({"response":{"size":9982,"headers":{"content-type":"application/json","content-length":"9593"},"status":429},"route":{"id":"78f79740-c410-4fd9-a998-d0a60a99dc9b","name":"r"},"workspace":"w","request":{"id":"x","headers":{"host":"localhost:9000","user-agent":"curl/7.74.0","origin":"https://example.com"},"uri":"/log","size":63,"method":"POST","querystring":{},"url":"http://localhost:9000/log"},"tries":[{"balancer_latency":0,"port":9001,"ip":"127.0.0.1"}],"authenticated_entity":{"id":"a3b0e1d4-0d4f-4b8e-9c59-7f2d2c3b1a55"},"upstream_uri":"/","latencies":{"proxy":1515,"kong":58,"request":1573},"client_ip":"127.0.0.1","started_at":1795501800123})",
         "1,0,0,1,,127.0.0.0/24,header,t"},
        {"traefik",
         R"({"ClientAddr":"203.0.113.5:51234","ClientHost":"203.0.113.5","ClientPort":"51234","ClientUsername":"-","DownstreamContentSize":12,"DownstreamStatus":200,"Duration":1234567,"RequestAddr":"api.example.com","RequestHost":"api.example.com","RequestMethod":"GET","RequestPath":"/v1/a","RequestProtocol":"HTTP/1.1","StartLocal":"2026-11-24T08:30:00.123456789+02:00","StartUTC":"2026-11-24T06:30:00.123456789Z","entryPointName":"websecure","level":"info","msg":"","request_X-Keyrota-Key-Id":"1","request_X-Keyrota-Scope":"read:analytics","time":"2026-11-24T06:30:00Z"})",
         "1,0,0,0,read:analytics,203.0.113.0/24,header,f"},
        {"aws-api-gateway",
         R"({"requestId":"c6af9ac6-7b61-11e6-9a41-93e8deadbeef","ip":"192.0.2.1","requestTime":"24/Nov/2026:06:30:00 +0000","httpMethod":"GET","resourcePath":"/pets","status":"200","apiKeyId":"hkx2ab9cde"})",
         "1,0,0,0,,192.0.2.0/24,header,f"},
    };
    for (const Ready& one : ready) {
        SCOPED_TRACE(one.map);
        expect_ingested({"--map", one.map,
                         given_log(std::string(one.map) + ".log", std::string(one.line) + "\n")});
        EXPECT_EQ(text(fmt::format("select (requests, client_errors, server_errors, rate_limited,"
                                   " scope, network, auth, browser)::text from keyrota.usage_sample"
                                   " where gateway = '{}' and key_id = 1"
                                   " and at = '2026-11-24 06:30Z'",
                                   one.map)),
                  fmt::format("({})", one.sample));
    }
}

TEST_F(UsageIngest, AMapOfYourOwnSaysWhatIsWhatAndIsReadStrictly) {
    const std::string map =
        given_log("edge.yaml",
                  "at: { field: t.ms, time_format: unix_ms }\n"
                  "status: { name: http.status }\n"
                  "key: auth.key\n"
                  "scope: { field: route, values: { orders: read:analytics } }\n");
    expect_ingested(
        {"--map", map,
         given_log(
             "a.log",
             R"({"t":{"ms":1795501800123},"http.status":200,"auth":{"key":1},"route":"orders"})"
             "\n"
             R"({"t":{"ms":1795501800123.5},"http.status":200,"auth":{"key":1},"route":"x"})"
             "\n")});
    EXPECT_EQ(samples(),
              "(1,\"2026-11-24 06:30:00+00\",edge,1,0,0,0,,,header,f)\n"
              "(1,\"2026-11-24 06:30:00+00\",edge,1,0,0,0,read:analytics,,header,f)");
    const Outcome outcome =
        ingest({"--map", given_log("wrong.yaml", "at: {}\nstats: status\nempty: x\n"), "-"});
    EXPECT_EQ(outcome.exit_code, 4);
    for (const char* what : {"wrong.yaml:1:5: at must have either a field or a name",
                             "wrong.yaml:2:1: unknown option \"stats\"", "Did you mean \"status\"?",
                             "empty must be a list of strings"})
        EXPECT_THAT(outcome.errors, HasSubstr(what));
    expect_refused({"usage", "ingest", "--format", "jsonl", "--map", "ngin", "-"},
                   "there is no map \"ngin\"", "Did you mean \"nginx\"?");
}

}  // namespace
}  // namespace keyrota::test
