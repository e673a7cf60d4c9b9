#include "commands/audit_trail/audit.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <fstream>
#include <sstream>

#include "audit/head.h"
#include "audit/verify.h"
#include "error/error.h"
#include "error/print_error.h"
#include "postgres/database.h"
#include "report/facts.h"
#include "secret/signing_key.h"

namespace keyrota {
namespace {

// By blocks, not by entries: of those there may be a thousand times as many.
constexpr Statement kEntries{
    "audit_entries_total",
    "select coalesce(sum(entries_total), 0)::bigint as total from keyrota.audit_block"};

std::string read_public_key(const std::string& file) {
    std::ifstream in(file);
    std::stringstream pem;
    pem << in.rdbuf();
    if (fingerprint_of(pem.str()).empty())
        throw Error(ExitCode::usage, fmt::format("--public-key: {} holds no public key", file),
                    "It is the PEM text that `keyrota audit head --json` shows as public_key.");
    return pem.str();
}

std::vector<KeptHead> kept_heads(const VerifyOptions& options, const PresentHead& present) {
    const std::string key =
        options.public_key.empty() ? present.public_key : read_public_key(options.public_key);
    std::vector<KeptHead> all;
    for (const std::string& given : options.heads)
        for (KeptHead& head : read_kept_heads(given, present.head.installation, key))
            all.push_back(std::move(head));
    return all;
}

Facts verdict_facts(const AuditVerdict& verdict, std::size_t heads) {
    Facts facts;
    facts.add("intact", verdict.intact());
    facts.add("blocks_total", verdict.blocks_total);
    facts.add("entries_total", verdict.entries_total);
    facts.add("head", verdict.head);
    facts.add("kept_heads", static_cast<std::int64_t>(heads));
    if (verdict.intact()) return facts;
    const AuditFault& fault = *verdict.fault;
    facts.add("broken", fault.what);
    facts.add("height", fault.height ? Cell(*fault.height) : Cell{});
    facts.add("entry_id", fault.entry_id ? Cell(*fault.entry_id) : Cell{});
    facts.add("at", fault.at ? Cell(*fault.at) : Cell{});
    facts.add("action", fault.action.empty() ? Cell{} : Cell(fault.action));
    return facts;
}

std::string counted(std::int64_t count, const char* one, const char* many) {
    return fmt::format("{} {}", count, count == 1 ? one : many);
}

}  // namespace

ExitCode audit_verify(const Config& config, const VerifyOptions& options, std::ostream& out) {
    Session session = open_session(config, Access::runner);
    Session second = open_session(config, Access::runner);
    const std::vector<KeptHead> kept = kept_heads(options, read_head(session));
    const AuditVerdict verdict = verify_audit(session, second, kept);
    if (options.json) {
        out << verdict_facts(verdict, kept.size()).json() << "\n";
    } else if (verdict.intact()) {
        fmt::print(out, "the audit trail is intact: {} in {}\n",
                   counted(verdict.entries_total, "entry", "entries"),
                   counted(verdict.blocks_total, "block", "blocks"));
        if (!kept.empty())
            fmt::print(out, "it holds {}\n",
                       kept.size() == 1 ? "the head that was kept"
                                        : fmt::format("all {} heads that were kept", kept.size()));
        fmt::print(out, "head {}:{}\n", verdict.blocks_total, verdict.head);
    }
    if (!verdict.intact()) throw audit_is_broken(verdict);
    return ExitCode::done;
}

ExitCode audit_head(const Config& config, bool json, std::ostream& out, std::ostream& errors) {
    Session session = open_session(config, Access::runner);
    PresentHead present = read_head(session);
    sign_head(present, config.data_dir);
    const AuditHead& head = present.head;
    const bool is_signed = !head.signature.empty();

    Facts facts;
    facts.add("height", head.height);
    facts.add("hash", head.hash);
    facts.add("entries_total", session.one(kEntries).int64("total"));
    facts.add("sealed_at", present.sealed_at ? Cell(*present.sealed_at) : Cell{});
    facts.add("installation", head.installation);
    facts.add(is_signed ? "signed_at" : "seen_at", head.signed_at);
    facts.add("signed_by", is_signed ? Cell(fingerprint_of(present.public_key)) : Cell{});
    if (json) {
        facts.add("public_key", present.public_key);
        facts.add("line", head.line());
        out << facts.json() << "\n";
    } else {
        facts.print_text(out);
        fmt::print(out, "\n{}\n", head.line());
    }
    if (!is_signed) print_error(errors, "this head is unsigned: " + present.unsigned_because, "");
    return ExitCode::done;
}

}  // namespace keyrota
