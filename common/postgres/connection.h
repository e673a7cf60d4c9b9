#pragma once

#include <chrono>
#include <map>
#include <string>

namespace keyrota {

/// Where and how to connect: libpq keywords with their values, and what a session pins.
struct Connection {
    /// libpq keywords (host, dbname, user, ...); what is absent comes from the service file, PG*
    /// and libpq's defaults.
    std::map<std::string, std::string> keywords;
    std::chrono::milliseconds statement_timeout{std::chrono::minutes(30)};
    std::chrono::milliseconds lock_timeout{std::chrono::seconds(2)};
    std::chrono::milliseconds idle_in_transaction_timeout{std::chrono::minutes(1)};
    std::string option = "database.url";  // what named the server, for hints

    /// Keyword form for libpq (`host='/tmp/x' dbname='keyrota'`), quoted. May hold a password:
    /// never log it.
    std::string conninfo() const;
    /// For people: `keyrota_runner@db.example.com:5432/keyrota`; no password.
    std::string display() const;
};

/// Reads `database.url`: a URL (`postgresql://...`), keywords (`host=... dbname=...`) or
/// `service=NAME`; empty means PG* and libpq's defaults alone. Where the server is remote (neither
/// a socket nor a loopback name) and nobody said a sslmode (URL, service file, PGSSLMODE), it is
/// verify-full, with the system's certificates unless a root file is given.
/// Changes the environment for a moment (libpq shows a service's values in no other way): not while
/// another thread connects.
/// @throws Error{config} for text libpq cannot read; the text itself is never shown, since it may
/// hold a password.
Connection parse_connection(const std::string& url, std::chrono::milliseconds connect_timeout);

/// The URL as people may see it: a password and the values of secret keywords become `<redacted>`.
std::string redact_url(const std::string& url);

}  // namespace keyrota
