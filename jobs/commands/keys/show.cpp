#include "commands/keys/show.h"

#include <fmt/ostream.h>

#include "commands/find_key.h"
#include "commands/key_facts.h"
#include "postgres/database.h"

namespace keyrota {

ExitCode keys_show(const Config& config, const std::string& key, Format format, std::ostream& out) {
    Session session = open_session(config, Access::runner);
    const std::int64_t key_id = find_key(session, key);
    const Facts facts = key_facts(key_facts_row(session, key_id));
    if (format == Format::json) {
        out << facts.json() << "\n";
        return ExitCode::done;
    }
    facts.print_text(out);
    fmt::print(out, "\n`keyrota explain {}` shows its policy, findings and trail.\n", key_id);
    return ExitCode::done;
}

}  // namespace keyrota
