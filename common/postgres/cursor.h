#pragma once

#include <functional>

#include "postgres/session.h"

namespace keyrota {

/// Hands the rows of a statement over one by one, a thousand in memory at a time. In the caller's
/// open transaction; `use` may run no statement on the session that ends it.
void for_each_row(Session& session, const Statement& statement, const Params& params,
                  const std::function<void(const Row&)>& use);

}  // namespace keyrota
