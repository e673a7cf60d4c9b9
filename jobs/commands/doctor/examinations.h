#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "config/load.h"
#include "postgres/session.h"

namespace keyrota {

enum class Health { ok, info, warn, fail };

/// What one examination of `keyrota doctor` came to.
struct Diagnosis {
    Health health = Health::ok;
    std::string message;
    std::string hint{};  // what to do; empty: nothing
};

/// What an examination may look at.
struct Patient {
    const LoadedConfig& loaded;
    Session* session;  // null in one that needs none

    const Config& config() const { return loaded.config; }
    Session& database() const { return *session; }
};

// On this machine.
Diagnosis examine_configuration(const Patient& patient);
Diagnosis examine_data_dir(const Patient& patient);
Diagnosis examine_disk(const Patient& patient);
Diagnosis examine_schedule(const Patient& patient);
Diagnosis examine_mail(const Patient& patient);
Diagnosis examine_sinks(const Patient& patient);

// In the database.
Diagnosis examine_server(const Patient& patient);
Diagnosis examine_encryption(const Patient& patient);
Diagnosis examine_schema(const Patient& patient);
Diagnosis examine_rights(const Patient& patient);
Diagnosis examine_audit_guard(const Patient& patient);
Diagnosis examine_signing_key(const Patient& patient);
Diagnosis examine_clock(const Patient& patient);
Diagnosis examine_policy(const Patient& patient);
Diagnosis examine_sample_days(const Patient& patient);
Diagnosis examine_gateways(const Patient& patient);
Diagnosis examine_transactions(const Patient& patient);

/// The files that start keyrota: crontabs, and timers whose service does.
/// @param root `/`, or a folder that stands for it.
std::vector<std::filesystem::path> find_schedules(const std::filesystem::path& root);

}  // namespace keyrota
