#include "runner/plan_file.h"

#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>

#include "common_sql.h"
#include "error/error.h"
#include "postgres/cursor.h"
#include "report/json_text.h"
#include "report/new_file.h"
#include "secret/sha256.h"

namespace keyrota {
namespace {

namespace fs = std::filesystem;

constexpr int kFormat = 1;
constexpr const char* kFormatField = "keyrota_plan";

constexpr Statement kInstallation{
    "installation", "select installation_uuid::text as uuid from keyrota.installation"};

Poco::Dynamic::Var json_instant(const std::optional<Timestamp>& t) {
    return t ? Poco::Dynamic::Var(to_string(*t)) : Poco::Dynamic::Var();
}

PlannedAction action_of(const Row& row) {
    return {.check_id = row.text("check_id"),
            .action = row.text("action"),
            .key_id = row.int64("key_id"),
            .detail = row.text("detail"),
            .severity = static_cast<int>(row.int64("severity")),
            .due_at = row.optional_instant("due_at"),
            .evidence = row.text("evidence"),
            .status = row.text("status"),
            .expires_at = row.optional_instant("expires_at"),
            .masked = row.text("masked"),
            .name = row.text("name"),
            .owner = row.text_or("owner", "")};
}

std::string line_of(const PlannedAction& action) {
    Poco::JSON::Object expected(Poco::JSON_PRESERVE_KEY_ORDER);
    expected.set("status", action.status);
    expected.set("expires_at", json_instant(action.expires_at));
    Poco::JSON::Object line(Poco::JSON_PRESERVE_KEY_ORDER);
    line.set("check", action.check_id);
    line.set("action", action.action);
    line.set("key_id", action.key_id);
    line.set("key", action.masked);
    line.set("name", action.name);
    line.set("owner",
             action.owner.empty() ? Poco::Dynamic::Var() : Poco::Dynamic::Var(action.owner));
    line.set("detail", action.detail);
    line.set("severity", action.severity);
    line.set("due_at", json_instant(action.due_at));
    line.set("expected", expected);
    line.set("evidence", Poco::JSON::Parser().parse(action.evidence));
    return json_text(line) + "\n";
}

std::string line_of(const PlanHeader& header) {
    Poco::JSON::Object line(Poco::JSON_PRESERVE_KEY_ORDER);
    line.set(kFormatField, kFormat);
    line.set("installation", header.installation);
    line.set("run_id", header.run_id);
    line.set("job", header.job);
    line.set("as_of", to_string(header.as_of));
    return json_text(line) + "\n";
}

[[noreturn]] void cannot(const char* verb, const fs::path& file) {
    throw Error(ExitCode::usage,
                fmt::format("cannot {} {}: {}", verb, file.string(), std::strerror(errno)));
}

std::ifstream open_plan(const fs::path& file) {
    errno = 0;
    std::ifstream in(file, std::ios::binary);
    if (!in) cannot("read", file);
    if (!fs::is_regular_file(file))
        throw Error(ExitCode::usage, fmt::format("{} is not a file", file.string()));
    return in;
}

Error no_plan(const fs::path& file, std::int64_t line) {
    return {ExitCode::usage, fmt::format("{}:{}: this is not a plan", file.string(), line),
            "`keyrota plan JOB --out FILE` writes one."};
}

Poco::JSON::Object::Ptr object_of(const std::string& line) {
    return Poco::JSON::Parser().parse(line).extract<Poco::JSON::Object::Ptr>();
}

std::optional<Timestamp> instant_of(const Poco::JSON::Object& object, const char* field) {
    const Poco::Dynamic::Var value = object.get(field);
    if (value.isEmpty()) return std::nullopt;
    const auto instant = parse_timestamp(value.convert<std::string>());
    if (!instant) throw Poco::DataFormatException(field);
    return instant;
}

PlannedAction action_of(const std::string& line) {
    const Poco::JSON::Object::Ptr object = object_of(line);
    const Poco::JSON::Object::Ptr expected = object->getObject("expected");
    const Poco::JSON::Object::Ptr evidence = object->getObject("evidence");
    if (!expected || !evidence) throw Poco::DataFormatException("expected, evidence");
    return {.check_id = object->getValue<std::string>("check"),
            .action = object->getValue<std::string>("action"),
            .key_id = object->getValue<std::int64_t>("key_id"),
            .detail = object->getValue<std::string>("detail"),
            .severity = object->getValue<int>("severity"),
            .due_at = instant_of(*object, "due_at"),
            .evidence = json_text(*evidence),
            .status = expected->getValue<std::string>("status"),
            .expires_at = instant_of(*expected, "expires_at"),
            .masked = {},
            .name = {},
            .owner = {}};
}

}  // namespace

std::string write_plan_file(Run& run, const fs::path& file,
                            const std::function<void(const PlannedAction&)>& see) {
    NewFile out(file);
    Sha256 digest;
    const auto write = [&](const std::string& line) {
        digest.add(line);
        out.write(line);
    };
    write(line_of(PlanHeader{run.session.one(kInstallation).text("uuid"), run.run_id, run.job.name,
                             run.as_of}));
    for_each_row(run.session, sql::planned_actions, {{"run_id", run.run_id}}, [&](const Row& row) {
        const PlannedAction action = action_of(row);
        write(line_of(action));
        see(action);
    });
    out.finish();
    return to_hex(digest.finish());
}

PlanHeader read_plan_header(const fs::path& file) {
    std::ifstream in = open_plan(file);
    std::string line;
    std::getline(in, line);
    try {
        const Poco::JSON::Object::Ptr object = object_of(line);
        if (object->getValue<int>(kFormatField) != kFormat)
            throw Error(ExitCode::usage,
                        fmt::format("{} is a plan from another version of keyrota", file.string()),
                        "Plan again: `keyrota plan JOB --out FILE`.");
        const auto as_of = instant_of(*object, "as_of");
        if (!as_of) throw no_plan(file, 1);
        return {object->getValue<std::string>("installation"),
                object->getValue<std::int64_t>("run_id"), object->getValue<std::string>("job"),
                *as_of};
    } catch (const Poco::Exception&) {
        throw no_plan(file, 1);
    }
}

std::string digest_of(const fs::path& file) {
    std::ifstream in = open_plan(file);
    Sha256 digest;
    for (std::string piece(1 << 16, '\0'); in;) {
        in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
        digest.add({piece.data(), static_cast<std::size_t>(in.gcount())});
    }
    return to_hex(digest.finish());
}

std::string read_plan_file(const fs::path& file,
                           const std::function<void(const PlannedAction&)>& use) {
    std::ifstream in = open_plan(file);
    Sha256 digest;
    std::int64_t number = 0;
    for (std::string line; std::getline(in, line);) {
        digest.add(line);
        if (!in.eof()) digest.add("\n");  // a last line that was cut off has none
        if (++number == 1) continue;      // the header
        try {
            use(action_of(line));
        } catch (const Poco::Exception&) {
            throw no_plan(file, number);
        }
    }
    return to_hex(digest.finish());
}

}  // namespace keyrota
