#include "notify_owners/notice_mail.h"
#include "notify/rhythm.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>
#include <sstream>

#include "jobs_sql.h"

namespace keyrota {
namespace {

KeyInMail key_of(const Row& row) {
    KeyInMail key{.key_id = row.int64("key_id"),
                  .name = row.text("name"),
                  .prefix = row.text_or("prefix", ""),
                  .hint = row.text_or("hint", ""),
                  .environment = row.text("environment"),
                  .type = row.text("type"),
                  .scopes = row.text_or("scopes", ""),
                  .created_at = row.instant("created_at"),
                  .expires_at = row.optional_instant("expires_at"),
                  .last_used_at = row.optional_instant("last_used_at"),
                  .errors = row.optional_int64("errors").value_or(0)};
    std::istringstream days(row.text_or("requests", ""));
    for (std::int64_t requests = 0; days >> requests;) key.requests_by_day.push_back(requests);
    return key;
}

}  // namespace

KeysInMail keys_in_mail(Session& session, const std::vector<Row>& things, Timestamp as_of) {
    std::set<std::int64_t> ids;
    for (const Row& row : things) ids.insert(row.int64("key_id"));
    KeysInMail keys;
    for (const Row& row :
         session.rows(sql::keys_in_mail,
                      {{"ids", fmt::format("{{{}}}", fmt::join(ids, ","))}, {"as_of", as_of}}))
        keys.emplace(row.int64("key_id"), key_of(row));
    return keys;
}

NoticeMail notice_mail(const Config& config, const std::vector<Row>& things, const KeysInMail& keys,
                       Timestamp as_of) {
    NoticeMail mail{.as_of = as_of,
                    .operator_address = config.notify.operator_address,
                    .link = config.notify.link};
    for (const Row& row : things) {
        NoticeInMail notice{.check_id = row.text("check_id"),
                            .detail = row.text("detail"),
                            .stage = row.text("stage"),
                            .severity = row.int64("severity"),
                            .due_at = row.optional_instant("due_at"),
                            .reason = row.text("reason"),
                            .evidence = row.text("evidence"),
                            .seen_at = row.instant("seen_at"),
                            .key_id = row.int64("key_id")};
        const auto key = keys.find(notice.key_id);
        if (key != keys.end()) notice.key = key->second;
        if (notice.stage != kResolvedStage) --mail.more;
        mail.notices.push_back(std::move(notice));
    }
    mail.more += things.front().int64("total");
    return mail;
}

}  // namespace keyrota
