#pragma once

#include "notify/recipient.h"
#include "postgres/session.h"

namespace keyrota {

/// Who stands behind the key of a row, as keyrota.key_recipients has it, with operator_email and
/// unreachable, one address a line.
ChainOfRecipients chain_of(const Row& row);

}  // namespace keyrota
