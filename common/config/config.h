#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace keyrota {

/// One rule of the policy: which keys, and the thresholds for them. An empty matcher matches every
/// key; the first rule that matches a key holds for it; `default` stands last and matches all.
struct PolicyRule {
    std::string name;
    std::string type;                                             // public | secret | test
    std::string environment;                                      // production | test
    std::string service_plan;                                     // name of a plan
    std::string team;                                             // name of a team
    std::string owner;                                            // email address of an owner
    std::string scope;                                            // one of the key's scopes
    std::vector<std::chrono::microseconds> expiry_notice_before;  // longest first
    std::chrono::microseconds expiry_required_after = std::chrono::hours(24 * 90);
    std::chrono::microseconds rotation_max_age = std::chrono::hours(24 * 90);
    std::chrono::microseconds rotation_successor_lifetime =
        std::chrono::hours(24 * 365);  // 0: no end date
    std::chrono::microseconds rotation_notice_before = std::chrono::hours(24 * 14);
    std::string rotation_action = "flag";  // flag | rotate
    std::string rotation_sink;             // name of the sink for new secrets; empty: none
    std::chrono::microseconds rotation_overlap = std::chrono::hours(24 * 7);
    std::chrono::microseconds rotation_silence_after = std::chrono::hours(24);
    std::string rotation_still_used = "hold";  // hold | retire
    std::int64_t usage_min_requests = 100;
    std::int64_t usage_error_rate = 5;  // this and the following: percent
    std::int64_t usage_error_rate_high = 25;
    std::int64_t usage_near_limit = 80;
    std::int64_t usage_near_limit_high = 95;
    std::int64_t usage_rate_limited = 1;
    std::chrono::microseconds usage_unused_after = std::chrono::hours(24 * 90);
    std::chrono::microseconds usage_never_used_after = std::chrono::hours(24 * 30);
    std::string usage_unused_action = "flag";  // flag | deactivate
    std::chrono::microseconds usage_unused_grace = std::chrono::hours(24 * 14);
    std::chrono::microseconds usage_scope_unused_after = std::chrono::hours(24 * 90);
    std::chrono::microseconds usage_admin_unused_after = std::chrono::hours(24 * 30);
    std::string anomaly_sensitivity = "normal";  // sensitive | normal | quiet | very quiet
};

/// Where the secrets of successors go.
struct SinkOptions {
    std::string name;
    std::string type;                      // file | exec
    std::filesystem::path directory;       // of a file sink
    std::vector<std::string> command;      // of an exec sink, as are those below: its argv
    std::vector<std::string> environment;  // NAME=VALUE
    std::chrono::microseconds timeout = std::chrono::seconds(30);
};

/// The configuration in force: flag > environment > file > default. Every option, its unit, default
/// and reason stand in config/keyrota.yaml and in the table of options.cpp.
struct Config {
    struct Database {
        std::string url = "embedded";
        std::string admin_url;    // for db init, db migrate and sample load; empty: url
        std::string checker_url;  // for custom checks; empty: url as keyrota_checker
        std::chrono::microseconds connect_timeout = std::chrono::seconds(10);
        std::chrono::microseconds statement_timeout = std::chrono::minutes(30);
        std::chrono::microseconds lock_timeout = std::chrono::seconds(2);
        std::chrono::microseconds idle_in_transaction_timeout = std::chrono::minutes(1);
    } database;
    struct Limits {
        std::int64_t batch_size = 1000;  // items in one transaction
        std::int64_t duty =
            100;  // percent of the time spent working; the rest is a pause after each batch
        std::int64_t max_tries = 5;  // of a batch that meets a lock or a deadlock
        std::chrono::microseconds max_gap = std::chrono::hours(7 * 24);  // between complete runs
    } limits;
    struct Retention {
        std::chrono::microseconds runs = std::chrono::hours(90 * 24);
        std::chrono::microseconds idle_runs = std::chrono::hours(7 * 24);   // found and did nothing
        std::chrono::microseconds findings = std::chrono::hours(400 * 24);  // resolved ones
        std::chrono::microseconds messages = std::chrono::hours(180 * 24);
        std::chrono::microseconds samples = std::chrono::hours(14 * 24);  // of usage, rolled up
        std::chrono::microseconds hours = std::chrono::hours(400 * 24);   // of usage
    } retention;
    struct Waivers {
        std::filesystem::path file;  // that declares waivers; empty: none does
        std::chrono::microseconds max_duration = std::chrono::hours(90 * 24);
    } waivers;
    struct Usage {
        std::chrono::microseconds close_after =
            std::chrono::minutes(10);  // of an hour, after its end
        std::chrono::microseconds silent_after = std::chrono::hours(6);   // an expected gateway
        std::chrono::microseconds watch_window = std::chrono::hours(24);  // of closed hours
        std::chrono::microseconds stalled_after = std::chrono::minutes(15);
    } usage;
    struct Keys {
        /// Scopes that a key may be given.
        std::vector<std::string> scopes = {"read:experiences", "write:experiences",
                                           "read:consumers",   "write:consumers",
                                           "read:analytics",   "admin"};
    } keys;
    struct Log {
        std::string level = "info";
        std::string format = "text";
        std::string file;  // empty: standard error
    } log;
    struct Ping {
        std::string url;  // of a health check, `{job}` in it is the job's name; empty: none
        std::chrono::microseconds timeout = std::chrono::seconds(10);
    } ping;
    struct Metrics {
        std::filesystem::path textfile_dir;  // of Prometheus' node_exporter; empty: none
    } metrics;
    struct Mail {
        std::string transport = "auto";  // smtp | sendmail | maildir; auto: maildir where the
                                         // database is embedded, else smtp
        std::string from = "keyrota@localhost";
        std::string host;  // of the SMTP server
        std::int64_t port = 0;
        std::string tls = "starttls";   // starttls | implicit | none
        std::filesystem::path ca_file;  // empty: the system's
        std::string user;               // empty: no AUTH
        std::string password;
        std::chrono::microseconds timeout = std::chrono::seconds(30);
        std::filesystem::path sendmail = "/usr/sbin/sendmail";
        std::string unsubscribe;                   // URL of List-Unsubscribe; empty: none
        std::int64_t max_messages_per_day = 1000;  // to owners, teams and their stand-ins
        std::int64_t max_per_recipient_per_day = 10;
    } mail;
    struct Notify {
        std::string mode = "observe";  // observe | send
        std::string operator_address = "root@localhost";
        std::string digest_at = "08:00";  // in the recipient's zone
        std::string quiet_hours;          // `22:00-07:00`, likewise; empty: none
        std::string link;                 // may hold {key_id} and {check_id}; empty: none
        std::filesystem::path templates;  // the user's own; empty: the built-in ones
    } notify;
    struct Webhook {
        std::string url;               // where the operator's messages go too; empty: nowhere
        std::string format = "slack";  // slack | json
        std::string secret;            // signs each message; empty: none is signed
        std::chrono::microseconds timeout = std::chrono::seconds(10);
    } webhook;
    /// One that teams name.
    struct NamedWebhook : Webhook {
        std::string name;
    };
    std::vector<NamedWebhook> webhooks;
    struct CustomChecks {
        std::filesystem::path dir;  // empty: checks.d beside the configuration file
        std::chrono::microseconds timeout = std::chrono::minutes(5);  // of one check
    } custom_checks;
    std::filesystem::path data_dir;
    /// Where the configuration file is, or would be. No option.
    std::filesystem::path folder = "/etc/keyrota";
    /// Job -> when it starts instead of its usual time, or `off` (runner/job.h: schedule_of).
    std::map<std::string, std::string> schedules;
    std::vector<PolicyRule> policy;  // never empty: ends with `default`
    std::vector<SinkOptions> sinks;
};

}  // namespace keyrota
