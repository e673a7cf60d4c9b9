#pragma once

#include "config/config.h"
#include "postgres/session.h"

namespace keyrota {

/// How a session of the configured database is used.
enum class Access {
    runner,   // jobs and commands: database.url; embedded: as keyrota_runner
    owner,    // migrations, sample data: database.admin_url (else url), acting as keyrota_owner
    checker,  // checks that users wrote: as keyrota_checker, who sees a few views; the database is
              // in use already
};

bool is_embedded(const Config& config);

/// What to connect to. For an embedded database it does not start the server.
Connection connection_for(const Config& config, Access access);

/// Opens a session; an embedded database is started, and made first if it does not exist.
/// A runner's session is refused (Error{config}) unless the schema is this program's.
Session open_session(const Config& config, Access access);

struct InitOptions {
    bool simulation = false;  // may travel with --as-of; never a real key database
};
/// Makes what is missing: cluster (embedded), roles, database (embedded), schema, migrations,
/// signing key, installation. Idempotent and safe against a second caller. @returns whether the
/// installation is new.
/// @throws Error{usage} when simulation is asked for and a real installation is there.
bool init_database(const Config& config, const InitOptions& options = {});

}  // namespace keyrota
