#include "audit/audit.h"

#include <Poco/JSON/Object.h>

#include "common_sql.h"
#include "postgres/caller.h"
#include "report/json_text.h"

namespace keyrota {
namespace {

constexpr Statement kOpen{"audit_open", "select nextval('keyrota.audit_block_id_seq') as block_id"};
constexpr Statement kSeal{"audit_seal", "select keyrota.audit_seal(:block_id) as height"};

}  // namespace

std::string audit_actor() {
    const Caller caller = current_caller();
    Poco::JSON::Object actor;
    actor.set("os_user", caller.os_user);
    actor.set("host", caller.host);
    return json_text(actor);
}

std::int64_t open_audit_block(Session& session) {
    return session.one(kOpen).int64("block_id");
}

void seal_audit_block(Session& session, std::int64_t block_id) {
    session.one(kSeal, {{"block_id", block_id}});
}

void record_audit(Session& session, std::int64_t block_id, const AuditRecord& record) {
    session.execute(sql::audit_record, {{"key_id", record.key_id},
                                        {"block_id", block_id},
                                        {"action", record.action},
                                        {"run_id", record.run_id},
                                        {"actor", audit_actor()},
                                        {"before", record.before},
                                        {"after", record.after},
                                        {"why", record.why}});
}

void record_audit(Session& session, const AuditRecord& record) {
    const std::int64_t block_id = open_audit_block(session);
    record_audit(session, block_id, record);
    seal_audit_block(session, block_id);
}

}  // namespace keyrota
