#include "config/options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <functional>

#include "error/suggestion.h"
#include "postgres/connection.h"
#include "time/schedule.h"
#include "time/timestamp.h"

namespace keyrota {
namespace {

using std::chrono::microseconds;

constexpr std::int64_t kMillisecond = 1'000;
constexpr std::int64_t kSecond = 1'000 * kMillisecond;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kDay = 24 * kHour;

// Binds an option to a member: of_config<&Config::database, &Config::Database::url>.
template <auto... Path>
Member of_config(Config& config, ListItem&) {
    return &(config.*....*Path);
}
template <auto Field>
Member of_rule(Config&, ListItem& item) {
    return &(item.rule.*Field);
}
template <auto Field>
Member of_sink(Config&, ListItem& item) {
    return &(item.sink.*Field);
}
template <auto Field>
Member of_webhook(Config&, ListItem& item) {
    return &(item.webhook.*Field);
}

using Database = Config::Database;
using Keys = Config::Keys;
using Limits = Config::Limits;
using Retention = Config::Retention;
using Waivers = Config::Waivers;
using Usage = Config::Usage;
using Log = Config::Log;
using Ping = Config::Ping;
using Metrics = Config::Metrics;
using Mail = Config::Mail;
using Notify = Config::Notify;
using Webhook = Config::Webhook;
using CustomChecks = Config::CustomChecks;

// The table. A new option is one row here, one member in config.h and one paragraph in
// config/keyrota.yaml.
const Option kTable[] = {
    {.path = "database.url",
     .member = of_config<&Config::database, &Database::url>,
     .help = "the database to work on: `embedded`, a postgresql:// URL, or libpq keywords",
     .range = {0, 4096},
     .secrecy = Secrecy::url},
    {.path = "database.admin_url",
     .member = of_config<&Config::database, &Database::admin_url>,
     .help = "the same database, as a role that may create tables; empty means database.url",
     .range = {0, 4096},
     .secrecy = Secrecy::url},
    {.path = "database.checker_url",
     .member = of_config<&Config::database, &Database::checker_url>,
     .help = "the same database, as a role for custom checks; empty means database.url as "
             "keyrota_checker",
     .range = {0, 4096},
     .secrecy = Secrecy::url},
    {.path = "database.connect_timeout",
     .member = of_config<&Config::database, &Database::connect_timeout>,
     .help = "how long to wait for the server to accept a connection",
     .range = {kSecond, 10 * kMinute, kSecond}},
    {.path = "database.statement_timeout",
     .member = of_config<&Config::database, &Database::statement_timeout>,
     .help = "how long one statement may take",
     .range = {100 * kMillisecond, 7 * kDay, kMillisecond}},
    {.path = "database.lock_timeout",
     .member = of_config<&Config::database, &Database::lock_timeout>,
     .help = "how long a statement may wait for a lock that another session holds",
     .range = {10 * kMillisecond, kHour, kMillisecond}},
    {.path = "database.idle_in_transaction_timeout",
     .member = of_config<&Config::database, &Database::idle_in_transaction_timeout>,
     .help = "how long a transaction may be idle before the server ends it",
     .range = {100 * kMillisecond, kDay, kMillisecond}},
    {.path = "limits.batch_size",
     .member = of_config<&Config::limits, &Limits::batch_size>,
     .help = "how many items are changed in one transaction",
     .range = {1, 100'000}},
    {.path = "limits.duty",
     .member = of_config<&Config::limits, &Limits::duty>,
     .help = "percent of the time spent working; the rest is a pause after each batch",
     .range = {1, 100}},
    {.path = "limits.max_tries",
     .member = of_config<&Config::limits, &Limits::max_tries>,
     .help = "how many times a batch that meets a lock or a deadlock is tried",
     .range = {1, 100}},
    {.path = "limits.max_gap",
     .member = of_config<&Config::limits, &Limits::max_gap>,
     .help = "after this long without a complete run, a job's actions wait for `keyrota resume`",
     .range = {kHour, 400 * kDay, kSecond}},
    {.path = "retention.runs",
     .member = of_config<&Config::retention, &Retention::runs>,
     .help = "how long `prune` keeps the record of a run",
     .range = {2 * kDay, 3650 * kDay, kSecond}},
    {.path = "retention.idle_runs",
     .member = of_config<&Config::retention, &Retention::idle_runs>,
     .help = "how long `prune` keeps the record of a run that found and did nothing",
     .range = {2 * kDay, 3650 * kDay, kSecond}},
    {.path = "retention.findings",
     .member = of_config<&Config::retention, &Retention::findings>,
     .help = "how long `prune` keeps a finding after it was resolved",
     .range = {30 * kDay, 3650 * kDay, kSecond}},
    {.path = "retention.messages",
     .member = of_config<&Config::retention, &Retention::messages>,
     .help = "how long `prune` keeps a message that was sent or given up",
     .range = {30 * kDay, 3650 * kDay, kSecond}},
    {.path = "retention.samples",
     .member = of_config<&Config::retention, &Retention::samples>,
     .help = "how long `prune` keeps usage samples that have been rolled up",
     .range = {2 * kDay, 400 * kDay, kDay}},
    {.path = "retention.hours",
     .member = of_config<&Config::retention, &Retention::hours>,
     .help = "how long `prune` keeps hourly usage figures",
     .range = {100 * kDay, 3650 * kDay, kDay}},
    {.path = "waivers.file",
     .member = of_config<&Config::waivers, &Waivers::file>,
     .help = "the file that declares waivers; empty means none",
     .range = {0, 4096},
     .beginnings = {"/"}},
    {.path = "waivers.max_duration",
     .member = of_config<&Config::waivers, &Waivers::max_duration>,
     .help = "how far in the future a waiver may end when it is granted or changed",
     .range = {kDay, 400 * kDay, kSecond}},
    {.path = "usage.close_after",
     .member = of_config<&Config::usage, &Usage::close_after>,
     .help = "how long after its end an hour of usage is closed; later samples are marked as late",
     .range = {0, 6 * kHour, kSecond}},
    {.path = "usage.silent_after",
     .member = of_config<&Config::usage, &Usage::silent_after>,
     .help = "after this long without a sample, the usage of an expected gateway counts as unknown",
     .range = {kMinute, 30 * kDay, kSecond}},
    {.path = "usage.watch_window",
     .member = of_config<&Config::usage, &Usage::watch_window>,
     .help = "how many of the last closed hours watch-usage judges",
     .range = {kHour, 31 * kDay, kHour}},
    {.path = "usage.stalled_after",
     .member = of_config<&Config::usage, &Usage::stalled_after>,
     .help = "how long a transaction may hold up the rollup before it is reported",
     .range = {kMinute, kDay, kSecond}},
    {.path = "keys.scopes",
     .member = of_config<&Config::keys, &Keys::scopes>,
     .help = "the scopes that a key may be given",
     .range = {1, 200}},
    {.path = "log.level",
     .member = of_config<&Config::log, &Log::level>,
     .help = "the lowest level that is logged",
     .choices = {"debug", "info", "warn", "error"}},
    {.path = "log.format",
     .member = of_config<&Config::log, &Log::format>,
     .help = "text for people, or one JSON object per line",
     .choices = {"text", "json"}},
    {.path = "log.file",
     .member = of_config<&Config::log, &Log::file>,
     .help = "the file that the log is appended to; empty means standard error",
     .range = {0, 4096}},
    {.path = "schedules",
     .member = of_config<&Config::schedules>,
     .help = "start times of jobs, in place of the usual ones: five fields as in a crontab, or off",
     .range = {1, 200}},
    {.path = "ping.url",
     .member = of_config<&Config::ping, &Ping::url>,
     .help = "a health check to ping at each run's start and end; {job} is the job's name",
     .range = {0, 2000},
     .beginnings = {"https://", "http://"},
     .secrecy = Secrecy::whole},
    {.path = "ping.timeout",
     .member = of_config<&Config::ping, &Ping::timeout>,
     .help = "how long connecting to the health check, sending and receiving may each take",
     .range = {100 * kMillisecond, kMinute, kMillisecond}},
    {.path = "metrics.textfile_dir",
     .member = of_config<&Config::metrics, &Metrics::textfile_dir>,
     .help = "the directory from which Prometheus' node_exporter reads metrics; empty means none",
     .range = {0, 4096},
     .beginnings = {"/"}},
    {.path = "mail.transport",
     .member = of_config<&Config::mail, &Mail::transport>,
     .help = "how mail is sent: by an SMTP server, by a sendmail program, or into files (maildir)",
     .choices = {"auto", "smtp", "sendmail", "maildir"}},
    {.path = "mail.from",
     .member = of_config<&Config::mail, &Mail::from>,
     .help = "the sender address of all mail, which also receives replies and bounces",
     .range = {3, 254}},
    {.path = "mail.host",
     .member = of_config<&Config::mail, &Mail::host>,
     .help = "the SMTP server to send mail through",
     .range = {0, 255}},
    {.path = "mail.port",
     .member = of_config<&Config::mail, &Mail::port>,
     .help = "its port; 0 means the usual one: 587, or 465 with implicit TLS, or 25 without TLS",
     .range = {0, 65'535}},
    {.path = "mail.tls",
     .member = of_config<&Config::mail, &Mail::tls>,
     .help = "how the connection is encrypted; unless this is none, nothing is sent without TLS",
     .choices = {"starttls", "implicit", "none"}},
    {.path = "mail.ca_file",
     .member = of_config<&Config::mail, &Mail::ca_file>,
     .help = "the CAs trusted for the server's certificate (a PEM file); empty means the system's",
     .range = {0, 4096},
     .beginnings = {"/"}},
    {.path = "mail.user",
     .member = of_config<&Config::mail, &Mail::user>,
     .help = "the user name for the SMTP server; empty means no authentication",
     .range = {0, 255}},
    {.path = "mail.password",
     .member = of_config<&Config::mail, &Mail::password>,
     .help = "the password of mail.user",
     .range = {0, 4096},
     .secrecy = Secrecy::whole},
    {.path = "mail.timeout",
     .member = of_config<&Config::mail, &Mail::timeout>,
     .help = "how long to wait for the mail server, to connect and for each reply",
     .range = {kSecond, 10 * kMinute, kSecond}},
    {.path = "mail.sendmail",
     .member = of_config<&Config::mail, &Mail::sendmail>,
     .help = "the program that sends mail if mail.transport is sendmail",
     .range = {1, 4096},
     .beginnings = {"/"}},
    {.path = "mail.unsubscribe",
     .member = of_config<&Config::mail, &Mail::unsubscribe>,
     .help = "the unsubscribe address that mail programs offer (List-Unsubscribe)",
     .range = {0, 900},
     .beginnings = {"mailto:", "https://"}},
    {.path = "mail.max_messages_per_day",
     .member = of_config<&Config::mail, &Mail::max_messages_per_day>,
     .help = "the most notices to owners and teams within 24 hours, and as many weekly reports in "
             "addition; the rest waits",
     .range = {1, 1'000'000}},
    {.path = "mail.max_per_recipient_per_day",
     .member = of_config<&Config::mail, &Mail::max_per_recipient_per_day>,
     .help = "after this many messages within 24 hours, the rest waits for the daily digest",
     .range = {1, 1000}},
    {.path = "notify.mode",
     .member = of_config<&Config::notify, &Notify::mode>,
     .help = "whether owners are told from the first run, or only after `keyrota mail release`",
     .choices = {"observe", "send"}},
    {.path = "notify.operator",
     .member = of_config<&Config::notify, &Notify::operator_address>,
     .help = "who is told about keyrota itself, and about keys that nobody else is responsible for",
     .range = {3, 254}},
    {.path = "notify.digest_at",
     .member = of_config<&Config::notify, &Notify::digest_at>,
     .help = "when the daily digest is sent, in the recipient's time zone",
     .range = {5, 5}},
    {.path = "notify.quiet_hours",
     .member = of_config<&Config::notify, &Notify::quiet_hours>,
     .help = "when no mail is sent, HH:MM-HH:MM in the recipient's time zone; empty means never",
     .range = {0, 11}},
    {.path = "notify.link",
     .member = of_config<&Config::notify, &Notify::link>,
     .help = "the URL of a key in your own console; {key_id} and {check_id} are filled in",
     .range = {0, 900},
     .beginnings = {"https://", "http://"}},
    {.path = "notify.templates",
     .member = of_config<&Config::notify, &Notify::templates>,
     .help = "the directory of your own mail templates; empty means the built-in ones",
     .range = {0, 4096},
     .beginnings = {"/"}},
    {.path = "webhook.url",
     .member = of_config<&Config::webhook, &Webhook::url>,
     .help = "where the operator's messages are also posted, for example to a chat",
     .range = {0, 2000},
     .beginnings = {"https://", "http://"},
     .secrecy = Secrecy::whole},
    {.path = "webhook.format",
     .member = of_config<&Config::webhook, &Webhook::format>,
     .help = "the format of the messages: Slack's, which most chats understand, or plain JSON",
     .choices = {"slack", "json"}},
    {.path = "webhook.secret",
     .member = of_config<&Config::webhook, &Webhook::secret>,
     .help = "signs each post (HMAC-SHA256), so that the receiver knows who sent it",
     .range = {0, 4096},
     .secrecy = Secrecy::whole},
    {.path = "webhook.timeout",
     .member = of_config<&Config::webhook, &Webhook::timeout>,
     .help = "how long connecting to the webhook, sending and receiving may each take",
     .range = {100 * kMillisecond, kMinute, kMillisecond}},
    {.path = "custom_checks.dir",
     .member = of_config<&Config::custom_checks, &CustomChecks::dir>,
     .help = "the directory of custom checks; empty means checks.d beside the configuration file",
     .range = {0, 4096},
     .beginnings = {"/"}},
    {.path = "custom_checks.timeout",
     .member = of_config<&Config::custom_checks, &CustomChecks::timeout>,
     .help = "how long one custom check may take",
     .range = {100 * kMillisecond, 6 * kHour, kMillisecond}},
    {.path = "data_dir",
     .member = of_config<&Config::data_dir>,
     .help = "where keyrota keeps its own files, including the embedded database",
     .range = {1, 4096}},
    {.path = "policy.defaults.expiry.notice_before",
     .member = of_rule<&PolicyRule::expiry_notice_before>,
     .help = "how long before a key's end date its owner is warned, once at each of these",
     .range = {kSecond, 400 * kDay, kSecond}},
    {.path = "policy.defaults.expiry.required_after",
     .member = of_rule<&PolicyRule::expiry_required_after>,
     .help = "how old a secret key without an end date may be before it is reported",
     .range = {kDay, 4000 * kDay, kSecond}},
    {.path = "policy.defaults.rotation.max_age",
     .member = of_rule<&PolicyRule::rotation_max_age>,
     .help = "the age, counted from its issue, at which a production key is due for rotation",
     .range = {kDay, 4000 * kDay, kSecond}},
    {.path = "policy.defaults.rotation.successor_lifetime",
     .member = of_rule<&PolicyRule::rotation_successor_lifetime>,
     .help = "how long a key created by a rotation is valid; 0s means without an end date",
     .range = {0, 4000 * kDay, kSecond}},
    {.path = "policy.defaults.rotation.notice_before",
     .member = of_rule<&PolicyRule::rotation_notice_before>,
     .help = "how long before max_age a key is reported as due soon",
     .range = {0, 400 * kDay, kSecond}},
    {.path = "policy.defaults.rotation.action",
     .member = of_rule<&PolicyRule::rotation_action>,
     .help = "what happens to a key that is due: it is only reported, or it is replaced",
     .choices = {"flag", "rotate"}},
    {.path = "policy.defaults.rotation.sink",
     .member = of_rule<&PolicyRule::rotation_sink>,
     .help = "the name of the sink for the new secret; empty means none",
     .range = {0, 63}},
    {.path = "policy.defaults.rotation.overlap",
     .member = of_rule<&PolicyRule::rotation_overlap>,
     .help = "how long, at least, the old key stays valid alongside the new one",
     .range = {0, 400 * kDay, kSecond}},
    {.path = "policy.defaults.rotation.silence_after",
     .member = of_rule<&PolicyRule::rotation_silence_after>,
     .help = "how long the old key must be unused before it counts as no longer needed",
     .range = {kMinute, 90 * kDay, kSecond}},
    {.path = "policy.defaults.rotation.still_used",
     .member = of_rule<&PolicyRule::rotation_still_used>,
     .help = "what happens to an old key that is still used after the overlap",
     .choices = {"hold", "retire"}},
    {.path = "policy.defaults.usage.min_requests",
     .member = of_rule<&PolicyRule::usage_min_requests>,
     .help = "with fewer requests in the window than this, no rate is judged",
     .range = {1, 1'000'000'000}},
    {.path = "policy.defaults.usage.error_rate",
     .member = of_rule<&PolicyRule::usage_error_rate>,
     .help = "percent of errors at which a key is reported",
     .range = {1, 100}},
    {.path = "policy.defaults.usage.error_rate_high",
     .member = of_rule<&PolicyRule::usage_error_rate_high>,
     .help = "percent of errors at which the severity is high",
     .range = {1, 100}},
    {.path = "policy.defaults.usage.near_limit",
     .member = of_rule<&PolicyRule::usage_near_limit>,
     .help = "percent of its limit in one minute at which a key is reported",
     .range = {1, 100}},
    {.path = "policy.defaults.usage.near_limit_high",
     .member = of_rule<&PolicyRule::usage_near_limit_high>,
     .help = "percent of its limit in one minute at which the severity is medium",
     .range = {1, 1000}},
    {.path = "policy.defaults.usage.rate_limited",
     .member = of_rule<&PolicyRule::usage_rate_limited>,
     .help = "percent of requests refused for exceeding the limit at which a key is reported",
     .range = {1, 100}},
    {.path = "policy.defaults.usage.unused_after",
     .member = of_rule<&PolicyRule::usage_unused_after>,
     .help = "how long after its last use an active key is reported as unused",
     .range = {kDay, 400 * kDay, kSecond}},
    {.path = "policy.defaults.usage.never_used_after",
     .member = of_rule<&PolicyRule::usage_never_used_after>,
     .help = "how old an active key that was never used may be before it is reported",
     .range = {kDay, 400 * kDay, kSecond}},
    {.path = "policy.defaults.usage.unused_action",
     .member = of_rule<&PolicyRule::usage_unused_action>,
     .help = "what happens to an unused key: it is only reported, or it is deactivated",
     .choices = {"flag", "deactivate"}},
    {.path = "policy.defaults.usage.unused_grace",
     .member = of_rule<&PolicyRule::usage_unused_grace>,
     .help = "how long after its owner was told an unused key is deactivated",
     .range = {kDay, 25 * kDay, kSecond}},
    {.path = "policy.defaults.usage.scope_unused_after",
     .member = of_rule<&PolicyRule::usage_scope_unused_after>,
     .help = "how long after its last use a scope of a key in use is reported as unused",
     .range = {kDay, 400 * kDay, kSecond}},
    {.path = "policy.defaults.usage.admin_unused_after",
     .member = of_rule<&PolicyRule::usage_admin_unused_after>,
     .help = "how long a production key's scope admin may be unused before the severity is high",
     .range = {kDay, 400 * kDay, kSecond}},
    {.path = "policy.defaults.anomaly.sensitivity",
     .member = of_rule<&PolicyRule::anomaly_sensitivity>,
     .help = "how far a key's behaviour must depart from its own history before it is reported",
     .choices = {"sensitive", "normal", "quiet", "very quiet"}},
    {.path = "policy.rules[].name",
     .member = of_rule<&PolicyRule::name>,
     .help = "the rule's name in findings, reports and `policy explain`",
     .range = {1, 63}},
    {.path = "policy.rules[].match.type",
     .member = of_rule<&PolicyRule::type>,
     .help = "the rule applies to keys of this type",
     .choices = {"public", "secret", "test"}},
    {.path = "policy.rules[].match.environment",
     .member = of_rule<&PolicyRule::environment>,
     .help = "the rule applies to keys of this environment",
     .choices = {"production", "test"}},
    {.path = "policy.rules[].match.service_plan",
     .member = of_rule<&PolicyRule::service_plan>,
     .help = "the rule applies to keys on the service plan with this name",
     .range = {1, 200}},
    {.path = "policy.rules[].match.team",
     .member = of_rule<&PolicyRule::team>,
     .help = "the rule applies to keys whose owner is in the team with this name",
     .range = {1, 200}},
    {.path = "policy.rules[].match.owner",
     .member = of_rule<&PolicyRule::owner>,
     .help = "the rule applies to keys of the owner with this email address",
     .range = {1, 320}},
    {.path = "policy.rules[].match.scope",
     .member = of_rule<&PolicyRule::scope>,
     .help = "the rule applies to keys that have this scope",
     .range = {1, 200}},
    {.path = "sinks[].name",
     .member = of_sink<&SinkOptions::name>,
     .help = "the sink's name in rotation.sink of the policy, and in reports",
     .range = {1, 63}},
    {.path = "sinks[].type",
     .member = of_sink<&SinkOptions::type>,
     .help = "where new secrets go: into files, or to a program",
     .range = {1},
     .choices = {"file", "exec"}},
    {.path = "sinks[].directory",
     .member = of_sink<&SinkOptions::directory>,
     .help = "for type file: the directory, which must be closed to all other users",
     .range = {1, 4096},
     .beginnings = {"/"}},
    {.path = "sinks[].command",
     .member = of_sink<&SinkOptions::command>,
     .help = "for type exec: the program's absolute path, then its arguments",
     .range = {0, 4096},
     .items = Items::texts},
    {.path = "sinks[].environment",
     .member = of_sink<&SinkOptions::environment>,
     .help = "for type exec: its environment variables, NAME=VALUE, besides PATH, HOME, LANG and "
             "LC_ALL",
     .range = {1, 4096},
     .secrecy = Secrecy::whole,
     .items = Items::variables},
    {.path = "sinks[].timeout",
     .member = of_sink<&SinkOptions::timeout>,
     .help = "for type exec: how long the program may take for one secret",
     .range = {100 * kMillisecond, 10 * kMinute, kMillisecond}},
    {.path = "webhooks[].name",
     .member = of_webhook<&Config::NamedWebhook::name>,
     .help = "the webhook's name in `keyrota teams update --webhook`, and in reports",
     .range = {1, 63}},
    {.path = "webhooks[].url",
     .member = of_webhook<&Webhook::url>,
     .help = "where messages of the teams that use this webhook are posted",
     .range = {1, 2000},
     .beginnings = {"https://", "http://"},
     .secrecy = Secrecy::whole},
    {.path = "webhooks[].format",
     .member = of_webhook<&Webhook::format>,
     .help = "the format of the messages: Slack's, which most chats understand, or plain JSON",
     .choices = {"slack", "json"}},
    {.path = "webhooks[].secret",
     .member = of_webhook<&Webhook::secret>,
     .help = "signs each post (HMAC-SHA256), so that the receiver knows who sent it",
     .range = {0, 4096},
     .secrecy = Secrecy::whole},
    {.path = "webhooks[].timeout",
     .member = of_webhook<&Webhook::timeout>,
     .help = "how long connecting to the webhook, sending and receiving may each take",
     .range = {100 * kMillisecond, kMinute, kMillisecond}},
};

bool is_number(std::string_view text) {
    if (!text.empty() && text.front() == '-') text.remove_prefix(1);
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// A value of a secret option is never repeated, not even a part of it.
std::string but_not(const Option& option, std::string_view text) {
    return option.secrecy == Secrecy::none ? ", not " + in_quotes(text) : "";
}

Complaint must_be(const Option& option, std::string_view what, std::string_view text,
                  std::string hint = "") {
    return {fmt::format("{} must be {}{}", option.path, what, but_not(option, text)),
            std::move(hint)};
}

std::string joined_by_or(const std::vector<std::string>& texts) {
    return fmt::format("{}", fmt::join(texts, " or "));
}

std::optional<Complaint> read_text(const Option& option, std::string_view text) {
    if (!option.choices.empty()) {
        if (std::find(option.choices.begin(), option.choices.end(), text) != option.choices.end())
            return std::nullopt;
        return must_be(option, fmt::format("one of {}", fmt::join(option.choices, ", ")), text,
                       did_you_mean(text, option.choices));
    }
    // Line breaks and NUL would go on into connection strings, SQL arrays and log lines.
    if (std::any_of(text.begin(), text.end(),
                    [](char c) { return (c >= 0 && c < ' ') || c == 0x7f; }))
        return Complaint{option.path + " must not contain line breaks or control characters", ""};
    const auto length = static_cast<std::int64_t>(text.size());
    if (length < option.range.min) return Complaint{option.path + " must not be empty", ""};
    if (length > option.range.max)
        return Complaint{
            fmt::format("{} must not be longer than {} bytes", option.path, option.range.max), ""};
    const auto begins_with = [&](const std::string& one) { return text.starts_with(one); };
    if (!text.empty() && !option.beginnings.empty() &&
        std::none_of(option.beginnings.begin(), option.beginnings.end(), begins_with))
        return must_be(option, "a string that begins with " + joined_by_or(option.beginnings),
                       text);
    return std::nullopt;
}

std::optional<Complaint> read_number(const Option& option, std::string_view text,
                                     std::int64_t& number) {
    if (!is_number(text)) return must_be(option, "a whole number", text);
    const std::string_view digits = text.substr(text.front() == '-' ? 1 : 0);
    // YAML 1.1 reads 010 as 8, YAML 1.2 and people as 10.
    if (digits.size() > 1 && digits.front() == '0')
        return must_be(option, "a whole number without leading zeros", text);
    std::int64_t read = 0;
    const auto error = std::from_chars(text.data(), text.data() + text.size(), read).ec;
    if (error != std::errc{} || read < option.range.min || read > option.range.max)
        return must_be(option, fmt::format("from {} to {}", option.range.min, option.range.max),
                       text);
    number = read;
    return std::nullopt;
}

std::optional<Complaint> read_duration(const Option& option, std::string_view text,
                                       microseconds& duration) {
    if (is_number(text) && text.front() != '-') {
        const bool repeat = option.secrecy == Secrecy::none && text.size() <= 6;
        return Complaint{
            fmt::format("{} needs a unit, for example {}{}", option.path, repeat ? text : "30",
                        option.range.max >= 30 * kDay ? "d" : "s"),
            ""};
    }
    const std::optional<microseconds> read = parse_duration(text);
    if (!read)
        return must_be(
            option, "a duration", text,
            "Write a whole number and one of the units us, ms, s, m, h, d, w: 90d, 36h, 250ms.");
    if (read->count() < option.range.min || read->count() > option.range.max)
        return must_be(option,
                       fmt::format("from {} to {}", to_string(microseconds(option.range.min)),
                                   to_string(microseconds(option.range.max))),
                       text);
    if (read->count() % option.range.step != 0)
        return must_be(option,
                       fmt::format("a multiple of {}", to_string(microseconds(option.range.step))),
                       text);
    duration = *read;
    return std::nullopt;
}

// `JOB: SCHEDULE`
std::optional<Complaint> read_schedule(const Option& option, std::string_view text,
                                       Schedules& schedules) {
    const std::size_t colon = text.find(": ");
    const std::string job(text.substr(0, colon));
    const std::string_view schedule = text.substr(std::min(text.size(), colon + 2));
    if (auto complaint = read_text(option, schedule)) return complaint;
    std::string problem;
    if (schedule != kOff && !parse_schedule(schedule, problem))
        return Complaint{fmt::format("{}.{}: {}", option.path, job, problem),
                         "Five fields as in a crontab, for example '*/10 * * * *', or off."};
    schedules[job] = schedule;
    return std::nullopt;
}

// `NAME=VALUE`, beside others of a list.
std::optional<Complaint> why_no_variable(const Option& option, std::string_view text,
                                         const std::vector<std::string>& others) {
    const std::string_view name = text.substr(0, text.find('='));
    const bool is_name =
        name.size() < text.size() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
            return std::isalnum(c) != 0 || c == '_';
        });
    if (!is_name || name.empty() || std::isdigit(static_cast<unsigned char>(name.front())) != 0)
        return Complaint{fmt::format("an item of {} must be NAME=VALUE", option.path), ""};
    if (name.starts_with("KEYROTA_"))
        return Complaint{
            fmt::format("an item of {} begins with KEYROTA_, as those that keyrota itself sets",
                        option.path),
            ""};
    for (const std::string& other : others)
        if (other.starts_with(std::string(name) + "="))
            return Complaint{fmt::format("{} sets {} twice", option.path, in_quotes(name)), ""};
    return std::nullopt;
}

// One function for each type that a member may have.
struct Reader {
    const Option& option;
    std::string_view text;

    template <typename Text>  // std::string or std::filesystem::path
    std::optional<Complaint> operator()(Text* member) const {
        std::optional<Complaint> complaint = read_text(option, text);
        if (!complaint) *member = text;
        return complaint;
    }
    std::optional<Complaint> operator()(std::int64_t* member) const {
        return read_number(option, text, *member);
    }
    std::optional<Complaint> operator()(microseconds* member) const {
        return read_duration(option, text, *member);
    }
    std::optional<Complaint> operator()(std::vector<microseconds>* member) const {
        microseconds item{};
        if (auto complaint = read_duration(option, text, item)) return complaint;
        const auto place = std::lower_bound(member->begin(), member->end(), item, std::greater<>());
        if (place != member->end() && *place == item)
            return Complaint{fmt::format("{} has {} twice", option.path, to_string(item)), ""};
        member->insert(place, item);
        return std::nullopt;
    }
    std::optional<Complaint> operator()(Schedules* member) const {
        return read_schedule(option, text, *member);
    }
    std::optional<Complaint> operator()(std::vector<std::string>* member) const {
        if (auto complaint = read_text(option, text)) return complaint;
        if (option.items == Items::variables)
            if (auto complaint = why_no_variable(option, text, *member)) return complaint;
        if (option.items != Items::words) {
            member->emplace_back(text);
            return std::nullopt;
        }
        // The environment and the command line separate words by commas, a CSV column by spaces.
        if (text.find_first_of(" ,") != std::string_view::npos)
            return Complaint{
                fmt::format("an item of {} must not hold spaces or commas", option.path), ""};
        if (std::find(member->begin(), member->end(), text) != member->end())
            return Complaint{fmt::format("{} has {} twice", option.path, in_quotes(text)), ""};
        member->emplace_back(text);
        return std::nullopt;
    }
};

struct Shower {
    std::string operator()(const std::string* member) const { return *member; }
    std::string operator()(const std::filesystem::path* member) const { return member->string(); }
    std::string operator()(const std::int64_t* member) const { return std::to_string(*member); }
    std::string operator()(const microseconds* member) const { return to_string(*member); }
    std::string operator()(const std::vector<microseconds>* member) const {
        std::vector<std::string> items;
        for (const microseconds item : *member) items.push_back(to_string(item));
        return fmt::format("[{}]", fmt::join(items, ", "));
    }
    std::string operator()(const Schedules* member) const {
        std::vector<std::string> entries;
        for (const auto& [job, schedule] : *member)
            entries.push_back(fmt::format("{}: {}", job, schedule));
        return fmt::format("{{{}}}", fmt::join(entries, ", "));
    }
    std::string operator()(const std::vector<std::string>* member) const {
        return fmt::format("[{}]", fmt::join(*member, ", "));
    }
};

}  // namespace

const std::vector<Option>& options() {
    static const std::vector<Option> all = [] {
        std::vector<Option> table(std::begin(kTable), std::end(kTable));
        for (const Option& option : kTable) {
            if (!option.path.starts_with(kPolicyDefaults)) continue;
            table.push_back(option);
            table.back().path.replace(0, kPolicyDefaults.size(), kPolicyRules);
        }
        return table;
    }();
    return all;
}

PolicyRule built_in_rule() {
    PolicyRule rule;
    rule.name = "default";
    for (const int days : {30, 14, 7, 3, 1})
        rule.expiry_notice_before.push_back(std::chrono::hours(24 * days));
    return rule;
}

const Option* find_option(std::string_view path) {
    for (const Option& option : options())
        if (option.path == path) return &option;
    return nullptr;
}

bool is_of_list(const Option& option) {
    return option.path.find("[]") != std::string::npos;
}

std::vector<std::string> options_in(std::string_view section) {
    const std::string prefix = section.empty() ? "" : std::string(section) + ".";
    std::vector<std::string> names;
    for (const Option& option : options()) {
        if (!option.path.starts_with(prefix)) continue;
        const std::string name = option.path.substr(
            prefix.size(), option.path.find_first_of(".[", prefix.size()) - prefix.size());
        if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
    return names;
}

std::string environment_variable(const Option& option) {
    if (is_of_list(option) || option.path == kSchedules) return "";
    std::string name = "KEYROTA_" + option.path;
    for (char& c : name) {
        if (c == '.') c = '_';
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    return name;
}

std::optional<Complaint> read_value(const Option& option, Member member, std::string_view text) {
    return std::visit(Reader{option, text}, member);
}

std::string shown(const Option& option, Member member) {
    std::string text = std::visit(Shower{}, member);
    if (option.secrecy == Secrecy::none || text.empty()) return text;
    return option.secrecy == Secrecy::url ? redact_url(text) : std::string(kRedacted);
}

std::string in_quotes(std::string_view text) {
    constexpr std::size_t kLongest = 60;
    std::size_t length = std::min(text.size(), kLongest);
    const auto inside_character = [&] {
        return (static_cast<unsigned char>(text[length]) & 0xc0) == 0x80;
    };
    while (length > 0 && length < text.size() && inside_character()) --length;  // UTF-8 stays whole
    std::string shortened(text.substr(0, length));
    for (char& c : shortened)
        if ((c >= 0 && c < ' ') || c == 0x7f) c = '?';
    return '"' + shortened + (length < text.size() ? "...\"" : "\"");
}

}  // namespace keyrota
