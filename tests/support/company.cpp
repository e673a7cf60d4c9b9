#include "support/company.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>

#include "secret/sha256.h"
#include "support/postgres_programs.h"
#include "support/rotations.h"

namespace keyrota::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr const char* kConfiguration = R"(
limits: {{batch_size: 7}}
notify: {{mode: send, operator: operator@example.com, digest_at: '00:00'}}
mail: {{transport: maildir, from: keyrota@example.com, max_per_recipient_per_day: 100}}
log: {{file: {folder}/log, level: debug}}
waivers: {{file: {folder}/waivers.yaml}}
custom_checks: {{dir: {folder}/checks.d}}
sinks: [{{name: files, type: file, directory: {folder}/secrets}}]
policy: {{defaults: {{rotation: {{action: rotate, sink: files, overlap: 5h, still_used: retire}}}}}}
)";

constexpr const char* kWaivers = R"(waivers:
  - name: some
    checks: [KEY-NO-EXPIRY]
    match: {names: ['aged*']}
    reason: the team is being formed
    requested_by: Ada Lovelace
    approved_by: Grace Hopper
    expires_at: 2026-12-05
)";

constexpr const char* kCheck = R"(-- id: CUSTOM-ODD
-- kind: standing
-- severity: 2
-- title: An odd key
-- remediation: Ask why.
select key_id, '' as detail, jsonb_build_object('name', name) as evidence
  from keyrota.checks_key where key_id % 9 = 1 and status = 'active';
)";

// What an hour's rows say against the samples that they were made of.
constexpr const char* kUntrueSums =
    "select count(*) from"
    " (select key_id, date_trunc('hour', at) as hour, sum(requests) as requests,"
    "         sum(client_errors) as client_errors, sum(server_errors) as server_errors"
    "    from keyrota.usage_sample"
    "   where xid < (select xid from keyrota.usage_watermark) group by 1, 2) s"
    "  full join keyrota.usage_hour h on h.key_id = s.key_id and h.hour = s.hour"
    " where (h.requests, h.client_errors, h.server_errors)"
    "       is distinct from (s.requests, s.client_errors, s.server_errors)";

// Changes of status that the trail does not have, has twice, or has in another order.
constexpr const char* kUntoldChanges =
    "with told as ("
    "select key_id, entry_id, payload::jsonb -> 'before' as was, payload::jsonb -> 'after' as "
    "is_now,"
    "       lag(payload::jsonb -> 'after' ->> 'status') over (partition by key_id order by "
    "entry_id)"
    "       as last_status,"
    "       lead(entry_id) over (partition by key_id order by entry_id) is null as is_last"
    "  from keyrota.audit_entry"
    " where key_id <> 0 and payload::jsonb -> 'after' ->> 'status' is not null)"
    " select (select count(*) from told t"
    "          where t.was = t.is_now or t.was ->> 'status' <> t.last_status)"
    "      + (select count(*) from keyrota.api_key_state s"
    "          where s.status <> coalesce((select t.is_now ->> 'status' from told t"
    "                                       where t.key_id = s.key_id and t.is_last), 'active'))";

std::string read(const fs::path& file) {
    std::ifstream in(file);
    return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<fs::path> files_below(const fs::path& folder) {
    std::vector<fs::path> files;
    if (!fs::exists(folder)) return files;
    for (const auto& entry : fs::recursive_directory_iterator(folder))
        if (entry.is_regular_file()) files.push_back(entry.path());
    return files;
}

std::set<std::string> secrets_in(const std::string& text) {
    static const std::regex kSecret("[sp]k_(live|test)_[A-Za-z0-9]{36}");
    return {std::sregex_token_iterator(text.begin(), text.end(), kSecret), {}};
}

}  // namespace

void Company::SetUp() {
    ProgramTest::SetUp();
    const fs::path folder = scratch().path();
    for (const char* name : {"secrets", "checks.d"}) fs::create_directory(folder / name);
    ::chmod((folder / "secrets").c_str(), 0700);
    scratch().write("waivers.yaml", kWaivers);
    scratch().write("checks.d/odd.sql", kCheck);
    environment()["KEYROTA_CONFIG"] = scratch().write(
        "keyrota.yaml",
        fmt::format(fmt::runtime(kConfiguration), fmt::arg("folder", folder.string())));
    given_keys_of_all_kinds();
    go_on();
}

void Company::given_keys_of_all_kinds() {
    execute(
        "insert into keyrota.owner (name, email, active)"
        " select 'Owner ' || i, nullif('owner' || i || '@example.com', 'owner3@example.com'), i <> "
        "5"
        "   from generate_series(1, 12) i");
    given_usage_known(kNow - 400 * 24h, kNow);
    given_keys(100, {.name = "ends", .expires_at = kNow});
    given_keys(60, {.name = "aged"});
    given_keys(30, {.name = "silent", .created_at = kNow - 200 * 24h});
    given_keys(30, {.name = "admin"});
    // Each is due for something in an hour of its own.
    execute(
        "update keyrota.api_key k set owner_id = nullif(1 + k.key_id % 13, 13),"
        "       scopes = cast(case when name = 'admin' then '{admin}' else '{read:analytics}' end "
        "as text[]),"
        "       created_at = case when name = 'aged' then keyrota.instant(" +
        std::to_string(to_micros(kNow - 90 * 24h)) +
        ") + key_id * interval '20 minutes' else created_at end");
    execute(
        "update keyrota.api_key_state s set expires_at = expires_at + key_id * interval '30 "
        "minutes'"
        " where expires_at is not null");
    execute(
        fmt::format("insert into keyrota.api_key_activity (key_id, last_used_at)"
                    " select key_id, keyrota.instant({}) + key_id * interval '20 minutes'"
                    "   from keyrota.api_key where name = 'silent'"
                    " on conflict (key_id) do update set last_used_at = excluded.last_used_at",
                    to_micros(kNow - 93 * 24h)));
}

void Company::go_on() {
    Session gateway = session_as("keyrota_gateway");
    gateway.execute_verbatim(
        "samples",
        fmt::format(
            "insert into keyrota.usage_sample (key_id, at, gateway, requests, client_errors,"
            " scope, network) select k, keyrota.instant({0}) + m * interval '7 minutes', 'edge',"
            " case when k % 17 = {1} % 17 then 900 else 20 + k % 5 end, k % 4, 'read:analytics',"
            " '10.0.1.0/24' from generate_series(1, 160) k, generate_series(0, 4) m",
            to_micros(now_), (now_ - kNow) / 1h));
    now_ += 1h;
}

Arguments Company::run_words(const std::string& job, Timestamp as_of) {
    return {"run", job, "--as-of", to_string(as_of), "--wait", "60s", "--max-actions", "100000"};
}

Program Company::start_run(const Job& job, const Environment& extra) {
    return start(run_words(job.name, now_), extra);
}

Outcome Company::run_to_the_end(const Job& job) {
    Outcome outcome = keyrota(run_words(job.name, now_));
    EXPECT_EQ(outcome.exit_code, 0) << job.name << ": " << outcome.errors;
    return outcome;
}

void Company::run_all_to_the_end() {
    for (const Job* job : all_jobs()) run_to_the_end(*job);
}

void Company::come_to_rest() {
    go_on();
    run_all_to_the_end();
    run_all_to_the_end();
    run_to_the_end(find_job("notify-owners"));
}

void Company::expect_nothing_torn() {
    EXPECT_EQ(number(kUntrueSums), 0);
    EXPECT_EQ(number(kUntoldChanges), 0);
    EXPECT_EQ(number(kRotationsUntold), 0);
    EXPECT_EQ(number("select count(*) from keyrota.finding f where f.resolution = 'acted'"
                     "   and f.check_id = 'KEY-EXPIRED' and not exists"
                     "       (select from keyrota.api_key_state s"
                     "         where s.key_id = f.key_id and s.status = 'expired')"),
              0);
    EXPECT_EQ(
        number(
            "select count(*) from keyrota.notice n left join keyrota.message m using (message_id)"
            " where n.state = 'told' and m.message_id is null"),
        0);
    EXPECT_EQ(number("select count(*) from (select from keyrota.delivery where outcome = 'sent'"
                     " group by message_id having count(*) > 1) twice"),
              0);
}

void Company::expect_invariants() {
    expect_nothing_torn();
    const std::string now = std::to_string(to_micros(now_));
    EXPECT_EQ(number("select count(*) from keyrota.api_key_state where status <> 'expired'"
                     "   and expires_at <= keyrota.instant(" +
                     now + ")"),
              0);
    EXPECT_EQ(text("select sum(requests) from keyrota.usage_hour"),
              text("select sum(requests) from keyrota.usage_sample"));
    for (const char* left :
         {"keyrota.job_lease", "keyrota.plan_item", "keyrota.job_run where status = 'running'",
          "keyrota.message where state <> 'sent'",
          "keyrota.rotation where state in ('requested', 'created')",
          "keyrota.notice where state = 'observed'"})
        EXPECT_EQ(number(fmt::format("select count(*) from {}", left)), 0) << left;
    EXPECT_EQ(number("select count(*) from keyrota.message m where state = 'sent' and not exists"
                     " (select from keyrota.delivery d where d.message_id = m.message_id"
                     "   and d.outcome = 'sent')"),
              0);
    EXPECT_EQ(
        number(
            "select count(*) from keyrota.rotation r join keyrota.api_key_state s"
            "    on s.key_id = r.successor_id where r.state <> 'cancelled' and s.status <> 'active'"
            "   and r.state <> 'failed'"),
        0)
        << "a successor that does not work";
    const Outcome verified = keyrota({"audit", "verify"});
    EXPECT_EQ(verified.exit_code, 0) << verified.errors;
    expect_no_secret_outside_of_sinks();
}

void Company::expect_no_secret_outside_of_sinks() {
    std::set<std::string> secrets;
    for (const fs::path& file : files_below(scratch().path() / "secrets"))
        secrets.merge(secrets_in(read(file)));
    EXPECT_FALSE(secrets.empty());

    // The database without the one table that hashes belong in, the log, the mails.
    const fs::path dump = scratch().path() / "dump";
    fs::create_directory(dump);
    fs::permissions(dump, fs::perms(0777));
    ASSERT_TRUE(as_postgres(fmt::format(
        "pg_dump -h {} -U postgres --exclude-table-data=keyrota.api_key_secret {} > {}/all.sql",
        server_socket().string(), database(), dump.string())));
    std::vector<fs::path> files = files_below(scratch().path() / "data");
    files.push_back(dump / "all.sql");
    files.push_back(scratch().path() / "log");
    for (const fs::path& file : files) {
        const std::string text = read(file);
        EXPECT_TRUE(secrets_in(text).empty()) << file;
        for (const std::string& secret : secrets)
            EXPECT_EQ(text.find(to_hex(sha256(secret))), std::string::npos) << file;
    }
    fs::remove_all(dump);
}

}  // namespace keyrota::test
