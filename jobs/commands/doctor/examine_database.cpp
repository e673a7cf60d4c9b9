// What `keyrota doctor` looks at in the database.

#include <fmt/format.h>

#include <cmath>
#include <filesystem>

#include "commands/doctor/examinations.h"
#include "error/error.h"
#include "jobs_sql.h"
#include "policy/policy.h"
#include "postgres/database.h"
#include "postgres/migrate.h"
#include "report/listing.h"
#include "secret/signing_key.h"

namespace keyrota {
namespace {

using namespace std::chrono;

constexpr std::int64_t kOldestServer = 150000;
// Clocks kept by NTP differ by milliseconds; five minutes are what a run's guard of time bears.
constexpr seconds kSkewToLookAt(5);
constexpr minutes kSkewTooMuch(5);
constexpr int kFewSampleDays = 14;
constexpr int kTooFewSampleDays = 3;

constexpr Statement kServer{
    "doctor_server",
    "select split_part(current_setting('server_version'), ' ', 1) as version,"
    "       current_setting('server_version_num')::bigint as number,"
    "       pg_is_in_recovery()::int as is_standby"};
constexpr Statement kClock{"doctor_clock", "select keyrota.micros(clock_timestamp()) as now"};
constexpr Statement kPublicKey{"doctor_public_key",
                               "select signing_public_key from keyrota.installation"};

std::string listed(const std::vector<Row>& rows, const std::string& column) {
    std::string all;
    for (const Row& row : rows) all += (all.empty() ? "" : ", ") + row.text(column);
    return all;
}

}  // namespace

Diagnosis examine_server(const Patient& patient) {
    const Row server = patient.database().one(kServer);
    const std::string version = "PostgreSQL " + server.text("version");
    if (server.int64("number") < kOldestServer)
        return {Health::fail, version + " is too old", "keyrota needs PostgreSQL 15 or newer."};
    if (server.int64("is_standby") != 0)
        return {Health::fail, version + " is a standby: keyrota must write to the primary",
                "Point database.url at the primary."};
    return {Health::ok, version};
}

// Behind a pooler this is the way from the pooler to the server.
Diagnosis examine_encryption(const Patient& patient) {
    const Row way = patient.database().one(sql::doctor_encryption);
    if (way.int64("encrypted") != 0)
        return {Health::ok, fmt::format("{}, {}", way.text("version"), way.text("cipher"))};
    if (way.int64("is_local") != 0)
        return {Health::ok, "not needed: the connection stays on this machine"};
    return {Health::fail, "the connection crosses the network unencrypted",
            "Remove sslmode from database.url, or set sslmode=verify-full."};
}

Diagnosis examine_schema(const Patient& patient) {
    require_current_schema(patient.database());
    return {Health::ok,
            fmt::format("version {}", schema_state(patient.database()).database_version)};
}

Diagnosis examine_rights(const Patient& patient) {
    const std::vector<Row> wrong = patient.database().rows(sql::doctor_rights);
    if (!wrong.empty())
        return {Health::fail, listed(wrong, "wrong"),
                "Somebody changed grants by hand: compare with config/schema/0007_grants.sql."};
    return {Health::ok, "the roles may do what they need and no more"};
}

// A runner that may alter the trail could hide what it did.
Diagnosis examine_audit_guard(const Patient& patient) {
    const Row guard = patient.database().one(sql::doctor_audit_guard);
    if (guard.int64("may_alter") != 0)
        return {Health::fail,
                fmt::format("jobs connect as {}, who may alter the audit trail", guard.text("me")),
                "Use keyrota_runner in database.url, and an administrator only in admin_url."};
    if (guard.int64("triggers") < guard.int64("tables"))
        return {Health::fail, "a trigger that keeps the audit trail append-only is missing or off",
                "Find out who did that, then run `keyrota audit verify`."};
    return {Health::ok, "append-only, also for the role that jobs connect as"};
}

Diagnosis examine_signing_key(const Patient& patient) {
    const auto key = SigningKey::load(patient.config().data_dir);
    const std::string file = (patient.config().data_dir / "signing.key").string();
    std::error_code closed;
    if (!key && std::filesystem::exists(file, closed))
        return {Health::warn, file + " cannot be read by this user",
                "It belongs to whoever ran `keyrota db init`; make the user who runs the jobs its "
                "owner."};
    if (!key)
        return {Health::warn, file + " is missing, or in a directory that this user cannot read",
                "Copy it from the machine where `keyrota db init` was run; see data_dir."};
    if (key->public_pem() != patient.database().one(kPublicKey).text("signing_public_key"))
        return {Health::fail, file + " does not match the public key in the database",
                "It belongs to another installation: see data_dir."};
    return {Health::ok, "its public half is in the database"};
}

Diagnosis examine_clock(const Patient& patient) {
    const auto before = system_clock::now();
    const Timestamp there = patient.database().one(kClock).instant("now");
    const auto here = before + (system_clock::now() - before) / 2;
    const auto skew = duration_cast<milliseconds>(there - here);
    const std::string message = fmt::format("the database is {:.1f} s {} this machine",
                                            std::abs(static_cast<double>(skew.count())) / 1000,
                                            skew.count() < 0 ? "behind" : "ahead of");
    const std::string hint = "Jobs use the database's clock: keep both in sync with NTP.";
    if (abs(skew) > kSkewTooMuch) return {Health::fail, message, hint};
    if (abs(skew) > kSkewToLookAt) return {Health::warn, message, hint};
    return {Health::ok, message};
}

Diagnosis examine_policy(const Patient& patient) {
    if (!policy_is_current(patient.database(), patient.config().policy))
        return {Health::warn, "the configuration's rules are not in the database yet",
                "The next run of any job updates them; until then the old ones apply."};
    return {Health::ok, "the database has the configuration's rules"};
}

Diagnosis examine_sample_days(const Patient& patient) {
    const std::int64_t days = patient.database().one(sql::doctor_sample_days).int64("days");
    const std::string message =
        fmt::format("{} days from today on have a partition for usage samples", days);
    const std::string hint = "`keyrota run prune` creates them; its schedule keeps them coming.";
    if (days < kTooFewSampleDays) return {Health::fail, message, hint};
    if (days < kFewSampleDays) return {Health::warn, message, hint};
    return {Health::ok, message};
}

Diagnosis examine_gateways(const Patient& patient) {
    const Row gateways = patient.database().one(sql::doctor_gateways);
    if (gateways.int64("expected") == 0)
        return {Health::info, "none is expected to report usage, so unused keys cannot be found"};
    if (gateways.int64("silent") > 0)
        return {Health::warn,
                fmt::format("silent for more than an hour: {}", gateways.text("silent_names")),
                "While one is silent its usage is unknown, and no key counts as unused."};
    return {Health::ok, fmt::format("{} reported within the hour", gateways.int64("expected"))};
}

// They hold back what a rollup may count as committed, in whatever database of the server they are.
Diagnosis examine_transactions(const Patient& patient) {
    const Row open = patient.database().one(sql::doctor_transactions);
    if (open.int64("old") > 0)
        return {Health::warn, fmt::format("open for more than an hour: {}", open.text("old_names")),
                "They delay usage rollups and vacuum: end them, or roll a prepared one back."};
    if (open.int64("hidden") > 0)
        return {Health::info,
                fmt::format("none that can be seen is open for long; {} sessions are hidden",
                            open.int64("hidden")),
                "`grant pg_read_all_stats to keyrota_runner` shows them."};
    return {Health::ok, "none is open for more than an hour"};
}

}  // namespace keyrota
