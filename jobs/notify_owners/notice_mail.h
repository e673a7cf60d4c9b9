#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "config/config.h"
#include "notify/render.h"
#include "postgres/session.h"

namespace keyrota {

/// How many things one message shows with all that is to say of them; the rest is counted.
inline constexpr std::int64_t kShownNotices = 10;

/// What mail shows of the keys that these things are about, by key_id.
using KeysInMail = std::map<std::int64_t, KeyInMail>;
KeysInMail keys_in_mail(Session& session, const std::vector<Row>& things, Timestamp as_of);

/// The mail about these things, the recipient left open.
/// @param things at least one: key_id, check_id, detail, stage, severity, due_at, reason (or none),
/// and in each `total`, how many there are.
NoticeMail notice_mail(const Config& config, const std::vector<Row>& things, const KeysInMail& keys,
                       Timestamp as_of);

}  // namespace keyrota
