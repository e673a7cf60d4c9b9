#include "plan/check_rows.h"

namespace keyrota {

CheckRows::CheckRows(Session& session, std::optional<std::int64_t> limit)
    : writer_(session, "check_rows",
              "pg_temp.check_result (key_id, detail, severity, due_at, evidence)"),
      limit_(limit) {}

void CheckRows::add(const FoundRow& row) {
    if (limit_ && total_ == *limit_) return;
    ++total_;
    writer_.row(5);
    writer_.int64(row.key_id);
    writer_.text(row.detail);
    writer_.int16(row.severity);
    if (row.due_at) {
        writer_.instant(*row.due_at);
    } else {
        writer_.null();
    }
    writer_.jsonb(row.evidence);
}

std::int64_t CheckRows::finish() {
    writer_.finish();
    return total_;
}

}  // namespace keyrota
