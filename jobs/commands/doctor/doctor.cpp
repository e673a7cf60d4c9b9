#include "commands/doctor/doctor.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>
#include <memory>

#include "commands/doctor/examinations.h"
#include "error/error.h"
#include "postgres/cluster.h"
#include "postgres/database.h"
#include "report/colour.h"
#include "report/escape.h"
#include "report/listing.h"

namespace keyrota {
namespace {

enum class Where { here, database };

struct Examination {
    const char* name;
    Where where;
    Diagnosis (*examine)(const Patient&);
};

// All of them, in the order in which they are told. What a new capability depends on is a row here.
constexpr Examination kExaminations[] = {
    {"configuration", Where::here, examine_configuration},
    {"data directory", Where::here, examine_data_dir},
    {"disk", Where::here, examine_disk},
    {"schedule", Where::here, examine_schedule},
    {"mail", Where::here, examine_mail},
    {"sinks", Where::here, examine_sinks},
    {"server", Where::database, examine_server},
    {"encryption", Where::database, examine_encryption},
    {"schema", Where::database, examine_schema},
    {"rights", Where::database, examine_rights},
    {"audit trail", Where::database, examine_audit_guard},
    {"signing key", Where::database, examine_signing_key},
    {"clock", Where::database, examine_clock},
    {"policy", Where::database, examine_policy},
    {"sample days", Where::database, examine_sample_days},
    {"gateways", Where::database, examine_gateways},
    {"transactions", Where::database, examine_transactions},
};

struct Finding {
    const char* name;
    Diagnosis diagnosis;
};

const char* word_for(Health health) {
    switch (health) {
        case Health::ok:
            return "ok";
        case Health::info:
            return "info";
        case Health::warn:
            return "warn";
        case Health::fail:
            return "fail";
    }
    return "";
}

Tone tone_of(Health health) {
    switch (health) {
        case Health::ok:
            return Tone::good;
        case Health::warn:
            return Tone::warning;
        case Health::fail:
            return Tone::bad;
        case Health::info:
            break;
    }
    return Tone::faint;
}

// What is broken so badly that it cannot be looked at must not hide the rest.
Diagnosis examined(const std::function<Diagnosis()>& examine) {
    try {
        return examine();
    } catch (const Error& error) {
        return {Health::fail, error.what(), error.hint()};
    } catch (const std::exception& error) {
        return {Health::fail, error.what()};
    }
}

std::unique_ptr<Session> connect(const Config& config) {
    if (is_embedded(config)) {
        EmbeddedCluster cluster(config.data_dir);
        if (cluster.state() == EmbeddedCluster::State::missing)
            throw Error(ExitCode::database,
                        "there is no database in " + config.data_dir.string() + " yet",
                        "`keyrota db init` creates it.");
        cluster.start();
    }
    return std::make_unique<Session>(connection_for(config, Access::runner));
}

std::vector<Finding> examine_all(const std::function<LoadedConfig()>& load) {
    std::vector<Finding> findings;
    LoadedConfig loaded;
    const Diagnosis readable = examined([&] {
        loaded = load();
        return Diagnosis{};
    });
    if (readable.health != Health::ok) return {{"configuration", readable}};

    std::unique_ptr<Session> session;
    const Diagnosis connection = examined([&] {
        session = connect(loaded.config);
        return Diagnosis{Health::ok, connection_for(loaded.config, Access::runner).display()};
    });
    for (const Examination& one : kExaminations)
        if (one.where == Where::here)
            findings.push_back({one.name, examined([&] {
                                    return one.examine({loaded, nullptr});
                                })});
    findings.push_back({"connection", connection});
    if (!session) return findings;  // what is behind it is not known
    for (const Examination& one : kExaminations)
        if (one.where == Where::database)
            findings.push_back({one.name, examined([&] {
                                    return one.examine({loaded, session.get()});
                                })});
    return findings;
}

void print_text(const std::vector<Finding>& findings, bool colours, std::ostream& out) {
    constexpr int kNameWidth = 14;
    int counts[4] = {};
    for (const auto& [name, diagnosis] : findings) {
        ++counts[static_cast<int>(diagnosis.health)];
        const std::string health = fmt::format("{:<4}", word_for(diagnosis.health));
        // A configuration that cannot be read says each of its errors on a line of its own.
        std::string message = diagnosis.message;
        std::string lines;
        for (std::size_t from = 0; from <= message.size();) {
            const std::size_t end = std::min(message.find('\n', from), message.size());
            lines += (from == 0 ? "" : "\n" + std::string(kNameWidth + 8, ' ')) +
                     for_terminal(message.substr(from, end - from));
            from = end + 1;
        }
        fmt::print(out, "{}  {:<{}}  {}\n", coloured(health, tone_of(diagnosis.health), colours),
                   name, kNameWidth, lines);
        if (!diagnosis.hint.empty())
            fmt::print(out, "{:<{}}{}\n", "", kNameWidth + 8,
                       coloured("HINT: " + diagnosis.hint, Tone::faint, colours));
    }
    const int warnings = counts[static_cast<int>(Health::warn)];
    const int failures = counts[static_cast<int>(Health::fail)];
    if (warnings + failures == 0)
        fmt::print(out, "\n{}\n", coloured("no problems found", Tone::good, colours));
    else
        fmt::print(out, "\n{} failed, {} to look at\n", failures, warnings);
}

void print_json(const std::vector<Finding>& findings, std::ostream& out) {
    Listing listing(out, Format::json, {{"check"}, {"health"}, {"message"}, {"hint"}});
    for (const auto& [name, diagnosis] : findings)
        listing.row({std::string(name), std::string(word_for(diagnosis.health)), diagnosis.message,
                     diagnosis.hint.empty() ? Cell{} : Cell(diagnosis.hint)});
    listing.end();
}

}  // namespace

ExitCode doctor(const std::function<LoadedConfig()>& load, const DoctorOptions& options,
                std::ostream& out) {
    const std::vector<Finding> findings = examine_all(load);
    if (options.json)
        print_json(findings, out);
    else
        print_text(findings, options.colours, out);
    for (const Finding& finding : findings)
        if (finding.diagnosis.health == Health::fail) return ExitCode::attention;
    return ExitCode::done;
}

}  // namespace keyrota
