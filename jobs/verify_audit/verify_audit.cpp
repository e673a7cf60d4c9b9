#include "verify_audit/verify_audit.h"

#include <Poco/JSON/Object.h>

#include "audit/verify.h"
#include "postgres/database.h"
#include "report/json_text.h"

namespace keyrota {
namespace {

std::string evidence_of(const AuditFault& fault) {
    Poco::JSON::Object evidence;
    evidence.set("broken", fault.what);
    if (fault.height) evidence.set("height", *fault.height);
    if (fault.entry_id) evidence.set("entry_id", *fault.entry_id);
    return json_text(evidence);
}

void look_for_breaks(const RunContext& run, CheckRows& rows) {
    Session session = open_session(run.config, Access::runner);
    Session second = open_session(run.config, Access::runner);
    const Interruption::CancelOnSignal cancellable(run.interruption, session);
    const AuditVerdict verdict = verify_audit(session, second);
    if (verdict.intact()) return;
    const std::string evidence = evidence_of(*verdict.fault);
    rows.add({.severity = 5, .evidence = evidence});
    rows.alarm(audit_is_broken(verdict));
}

}  // namespace

void plan_verify_audit(const RunContext&, Plan& plan) {
    plan.add_standing("AUDIT-BROKEN", look_for_breaks);
}

}  // namespace keyrota
