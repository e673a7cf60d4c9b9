#include "commands/audit.h"

#include <Poco/JSON/Object.h>
#include <fmt/format.h>
#include <fmt/ostream.h>

#include "audit/verify.h"
#include "error/error.h"
#include "postgres/database.h"

namespace keyrota {

ExitCode audit_verify(const Config& config, bool json, std::ostream& out) {
    Session session = open_session(config, Access::runner);
    const AuditVerdict verdict = verify_audit(session);
    if (json) {
        Poco::JSON::Object object(Poco::JSON_PRESERVE_KEY_ORDER);
        object.set("intact", verdict.intact());
        object.set("blocks_total", verdict.blocks_total);
        object.set("entries_total", verdict.entries_total);
        object.set("head", verdict.head);
        if (!verdict.intact()) object.set("broken", verdict.broken);
        object.stringify(out, 2);
        out << "\n";
    } else if (verdict.intact()) {
        fmt::print(out, "the audit trail is intact: {} entries in {} blocks\nhead {}\n",
                   verdict.entries_total, verdict.blocks_total, verdict.head);
    }
    if (!verdict.intact())
        throw Error(ExitCode::audit_broken, "the audit trail is broken: " + verdict.broken,
                    "Keep the database as it is and compare it with a backup: somebody changed it "
                    "by hand.");
    return ExitCode::done;
}

}  // namespace keyrota
