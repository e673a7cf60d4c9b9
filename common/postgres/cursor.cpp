#include "postgres/cursor.h"

#include <string>

namespace keyrota {
namespace {

// All rows will be read: a plan that hands the first ones over early is no help.
constexpr Statement kReadAll{"cursor_read_all",
                             "select set_config('cursor_tuple_fraction', '1', true) as done"};
constexpr Statement kFetch{"cursor_fetch", "fetch 1000 from keyrota_rows"};
constexpr Statement kClose{"cursor_close", "close keyrota_rows"};

}  // namespace

void for_each_row(Session& session, const Statement& statement, const Params& params,
                  const std::function<void(const Row&)>& use) {
    session.one(kReadAll);
    const std::string declare =
        std::string("declare keyrota_rows no scroll cursor for ") + statement.text;
    session.execute({statement.name, declare.c_str()}, params);
    for (;;) {
        const std::vector<Row> rows = session.rows(kFetch);
        if (rows.empty()) break;
        for (const Row& row : rows) use(row);
    }
    session.execute(kClose);
}

}  // namespace keyrota
