#include "commands/verify/verify.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <optional>
#include <vector>

#include "config/options.h"
#include "error/error.h"
#include "jobs_sql.h"
#include "postgres/database.h"
#include "report/escape.h"
#include "report/facts.h"
#include "secret/key_format.h"
#include "secret/secret_input.h"
#include "secret/sha256.h"

namespace keyrota {
namespace {

constexpr std::int64_t kNearLimitPercent = 80;

// All that is kept of a secret.
struct Fingerprint {
    std::string hash;  // hexadecimal
    bool has_checksum = false;
};

Fingerprint read_fingerprint(int descriptor) {
    SecretInput input(descriptor);
    const auto secret = input.next();
    if (!secret)
        throw Error(ExitCode::usage, "there is no secret on standard input",
                    "Send it there: `keyrota verify --stdin < FILE`.");
    Fingerprint fingerprint{to_hex(secret_hash(*secret)), has_valid_checksum(*secret)};
    if (!input.is_terminal() && input.next())  // a person has typed one line
        throw Error(ExitCode::usage, "there is more than one line on standard input",
                    "Send one secret at a time.");
    return fingerprint;
}

// Why a secret that no key has is none.
std::string why_unknown(const Fingerprint& fingerprint) {
    return fingerprint.has_checksum
               ? "no key has it: the key was deleted, or it is from another installation"
               : "its checksum is wrong, and no key has it: mistyped, cut off, or of another "
                 "issuer";
}

std::vector<std::string> reasons_against(const Row& key, const SecretUse& use) {
    std::vector<std::string> reasons;
    if (const std::string& status = key.text("status"); status != "active")
        reasons.push_back("it is " + status);
    else if (key.optional_int64("is_over").value_or(0) != 0)
        reasons.emplace_back("its end date has come");
    if (!use.environment.empty() && use.environment != key.text("environment"))
        reasons.push_back(fmt::format("it is a {} key of the {} environment", key.text("type"),
                                      key.text("environment")));
    if (!use.scope.empty() && key.optional_int64("holds_scope").value_or(0) == 0)
        reasons.push_back("it does not hold the scope " + in_quotes(for_terminal(use.scope)));
    return reasons;
}

bool is_near_limit(const Row& key) {
    const auto limit = key.optional_int64("limit_per_minute");
    const auto busiest = key.optional_int64("busiest_minute");
    return limit && busiest && *busiest * 100 >= *limit * kNearLimitPercent;
}

std::string json_list(const std::vector<std::string>& texts) {
    std::string list;
    for (const std::string& text : texts) list += (list.empty() ? "" : ", ") + cell_json(text);
    return "[" + list + "]";
}

Facts facts_of(const Row& key, Format format) {
    Facts facts;
    facts.add("key_id", key.int64("key_id"));
    facts.add("key", key.text("masked"));
    for (const char* name : {"name", "status", "type", "environment"})
        facts.add(name, text_cell(key, name));
    if (format == Format::json)
        facts.add("scopes", Json{key.text("scopes")});
    else if (!key.text("scope_words").empty())
        facts.add("scopes", key.text("scope_words"));
    facts.add("owner", text_cell(key, "owner"));
    facts.add("expires_at", instant_cell(key, "expires_at"));
    facts.add("limit_per_minute", number_cell(key, "limit_per_minute"));
    facts.add("busiest_minute", number_cell(key, "busiest_minute"));
    return facts;
}

void print_verdict(const std::vector<std::string>& reasons, std::ostream& out) {
    if (reasons.empty()) out << "valid\n";
    for (const std::string& reason : reasons) fmt::print(out, "not valid: {}\n", reason);
}

void print_json(const std::optional<Row>& key, const std::vector<std::string>& reasons,
                const Fingerprint& fingerprint, std::ostream& out) {
    Facts facts;
    facts.add("valid", reasons.empty());
    facts.add("reasons", Json{json_list(reasons)});
    facts.add("checksum", fingerprint.has_checksum);
    facts.add("near_limit", key && is_near_limit(*key));
    facts.add("key", Json{key ? facts_of(*key, Format::json).json() : "null"});
    out << facts.json() << "\n";
}

void print_text(const std::optional<Row>& key, const std::vector<std::string>& reasons,
                std::ostream& out) {
    print_verdict(reasons, out);
    if (!key) return;
    facts_of(*key, Format::text).print_text(out);
    if (is_near_limit(*key))
        fmt::print(out, "\nnear its limit: {} of {} calls in its busiest minute of the last day\n",
                   key->int64("busiest_minute"), key->int64("limit_per_minute"));
}

}  // namespace

ExitCode verify_secret(const Config& config, int descriptor, const SecretUse& use, Format format,
                       std::ostream& out) {
    const Fingerprint fingerprint = read_fingerprint(descriptor);
    Session session = open_session(config, Access::runner);
    const std::optional<Row> key = session.row(
        sql::verify_secret, {{"secret_hash", fingerprint.hash}, text_or_null("scope", use.scope)});
    const std::vector<std::string> reasons =
        key ? reasons_against(*key, use) : std::vector<std::string>{why_unknown(fingerprint)};
    if (format == Format::json)
        print_json(key, reasons, fingerprint, out);
    else
        print_text(key, reasons, out);
    return reasons.empty() ? ExitCode::done : ExitCode::secret_invalid;
}

}  // namespace keyrota
