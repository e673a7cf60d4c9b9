// Findings as other tools read them: OCSF events, and the controls that a check speaks to.

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <fmt/format.h>

#include <fstream>
#include <set>
#include <sstream>

#include "finding/control.h"
#include "support/program.h"

namespace keyrota::test {
namespace {

using Poco::JSON::Object;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

std::vector<std::string> words(const Object::Ptr& type, const char* list) {
    std::vector<std::string> found;
    if (const auto array = type->getArray(list))
        for (const auto& word : *array) found.push_back(word.toString());
    return found;
}

// What the schema says of classes and objects, as far as it is transcribed.
class OcsfSchema {
  public:
    OcsfSchema() {
        std::ifstream in(std::string(KEYROTA_SOURCE_DIR) + "/tests/support/ocsf_1_8.json");
        types_ = Poco::JSON::Parser().parse(in).extract<Object::Ptr>()->getObject("types");
    }

    // All that is wrong with an object, with its place.
    std::vector<std::string> problems(const Object::Ptr& object, const std::string& type,
                                      const std::string& place = "") const {
        std::vector<std::string> found;
        std::set<std::string> known;
        for (std::string name = type; !name.empty();) {
            const Object::Ptr rules = types_->getObject(name);
            if (rules.isNull()) return {place + ": no type is called " + name};
            check_names(object, rules, place, found);
            for (const char* list : {"required", "optional"})
                for (const auto& attribute : words(rules, list)) known.insert(attribute);
            check_nested(object, rules, place, found);
            name = rules->optValue<std::string>("extends", "");
        }
        for (const auto& [name, value] : *object)
            if (known.count(name) == 0) found.push_back(place + "." + name + " is not allowed");
        return found;
    }

  private:
    static void check_names(const Object::Ptr& object, const Object::Ptr& rules,
                            const std::string& place, std::vector<std::string>& found) {
        for (const auto& name : words(rules, "required"))
            if (object->isNull(name)) found.push_back(place + "." + name + " is missing");
        for (const auto& name : words(rules, "integers"))
            if (object->has(name) && !object->get(name).isInteger())
                found.push_back(place + "." + name + " is no integer");
        const auto choices = words(rules, "at_least_one");
        bool has_one = choices.empty();
        for (const auto& name : choices) has_one |= !object->isNull(name);
        if (!has_one) found.push_back(place + " has none of those of which one is needed");
    }
    void check_nested(const Object::Ptr& object, const Object::Ptr& rules, const std::string& place,
                      std::vector<std::string>& found) const {
        const Object::Ptr objects = rules->getObject("objects");
        if (objects.isNull()) return;
        for (const auto& [name, type] : *objects) {
            if (!object->has(name)) continue;
            std::vector<Object::Ptr> all;
            if (object->isArray(name))
                for (const auto& one : *object->getArray(name))
                    all.push_back(one.extract<Object::Ptr>());
            else
                all.push_back(object->getObject(name));
            for (const auto& one : all)
                for (auto& problem : problems(one, type.toString(), place + "." + name))
                    found.push_back(std::move(problem));
        }
    }

    Object::Ptr types_;
};

// All checks that the program knows.
const std::vector<std::string> kChecks = {"KEY-EXPIRED",
                                          "KEY-EXPIRES-SOON",
                                          "KEY-ROTATION-DUE",
                                          "KEY-ROTATION-SOON",
                                          "KEY-UNUSED",
                                          "KEY-NEVER-USED",
                                          "KEY-NO-EXPIRY",
                                          "KEY-SCOPE-ADMIN",
                                          "KEY-SCOPE-UNUSED",
                                          "KEY-SCOPE-TYPE",
                                          "KEY-OWNER-MISSING",
                                          "KEY-OWNER-GONE",
                                          "KEY-ERROR-RATE",
                                          "KEY-RATE-NEAR-LIMIT",
                                          "KEY-RATE-LIMITED",
                                          "KEY-ANOMALY-SPIKE",
                                          "KEY-ANOMALY-DROP",
                                          "KEY-ANOMALY-ERRORS",
                                          "KEY-ANOMALY-OFFHOURS",
                                          "KEY-ANOMALY-WAKEUP",
                                          "KEY-ANOMALY-SHIFT",
                                          "KEY-ANOMALY-NETWORK",
                                          "KEY-IN-QUERY-STRING",
                                          "KEY-SECRET-IN-BROWSER",
                                          "KEY-INACTIVE-IN-USE",
                                          "KEY-RETIRE-BLOCKED",
                                          "KEY-RETIRES-SOON",
                                          "KEY-BREACHED",
                                          "KEY-ROTATED",
                                          "KEY-ROTATION-FAILED",
                                          "WAIVER-EXPIRING",
                                          "WAIVER-UNMATCHED",
                                          "RUN-STALE-DATA",
                                          "RUN-MISSED",
                                          "RUN-HELD",
                                          "RUN-GATE",
                                          "ROLLUP-STALLED",
                                          "MAIL-HELD",
                                          "MAIL-DEAD",
                                          "AUDIT-BROKEN",
                                          "CUSTOM-ONE"};

class Ocsf : public ProgramTest {
  protected:
    // @param key_id 0: about the runner itself.
    void given_finding(const std::string& check, std::int64_t key_id,
                       const std::string& columns = "") {
        execute(fmt::format(
            "insert into keyrota.finding (key_id, uid, check_id, status, severity, opened_at, "
            "changed_at, run_id) values ({0}, keyrota.finding_uid('{1}', {0}, ''), '{1}', 'open', "
            "2, '2026-11-20 00:00:00.0019', '2026-11-20 00:00:00.0019', 1)",
            key_id, check));
        if (!columns.empty())
            execute(
                fmt::format("update keyrota.finding set {} where key_id = {} and check_id = '{}'",
                            columns, key_id, check));
    }
    std::vector<Object::Ptr> events(Arguments filter = {}) {
        Arguments typed{"findings", "list", "--status", "all", "--ocsf"};
        typed.insert(typed.end(), filter.begin(), filter.end());
        const Outcome outcome = keyrota(typed);
        EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
        std::vector<Object::Ptr> found;
        std::istringstream lines(outcome.out);
        for (std::string line; std::getline(lines, line);)
            found.push_back(Poco::JSON::Parser().parse(line).extract<Object::Ptr>());
        return found;
    }
    Object::Ptr event_of(const std::string& check) {
        const auto found = events({"--check", check});
        EXPECT_EQ(found.size(), 1U);
        return found.at(0);
    }
};

TEST_F(Ocsf, AnEventOfEachCheckHasWhatItsClassRequiresAndNothingElse) {
    execute("insert into keyrota.team (team_id, name) values (1, 'Payments')");
    execute(
        "insert into keyrota.owner (owner_id, name, email, team_id) values (1, 'Ada', "
        "'ada@example.com', 1)");
    const std::int64_t owned = given_key({.name = "owned"});
    execute("update keyrota.api_key set owner_id = 1, scopes = '{admin}'");
    const std::int64_t bare = given_key({.name = "without owner"});
    constexpr std::int64_t kDeleted = 999;
    for (const std::string& check : kChecks) {
        if (check.starts_with("KEY-") || check.starts_with("CUSTOM-"))
            for (const std::int64_t key_id : {owned, bare, kDeleted}) given_finding(check, key_id);
        else
            given_finding(check, 0);
    }
    const OcsfSchema schema;
    const auto all = events();
    EXPECT_GT(all.size(), kChecks.size());
    for (const Object::Ptr& event : all) {
        const auto info = event->getObject("finding_info");
        SCOPED_TRACE(info->getValue<std::string>("title"));
        const auto class_uid = event->getValue<std::int64_t>("class_uid");
        EXPECT_THAT(schema.problems(event, std::to_string(class_uid)), ElementsAre());
        EXPECT_EQ(event->getValue<std::int64_t>("type_uid"),
                  class_uid * 100 + event->getValue<std::int64_t>("activity_id"));
        EXPECT_THAT(info->getValue<std::string>("title"), Not(HasSubstr("{")));
    }
}

TEST_F(Ocsf, TheSchemaOfTheTestSeesWhatIsMissingAndWhatIsTooMuch) {
    Object::Ptr user = new Object;
    user->set("nick", "a");
    EXPECT_THAT(OcsfSchema().problems(user, "user"),
                UnorderedElementsAre(HasSubstr("one is needed"), ".nick is not allowed"));
    Object::Ptr analytic = new Object;
    analytic->set("type_id", "1");
    analytic->set("uid", "x");
    EXPECT_THAT(OcsfSchema().problems(analytic, "analytic"), ElementsAre(".type_id is no integer"));
}

TEST_F(Ocsf, StateBehaviourAndScopesAreThreeClasses) {
    const std::int64_t key_id = given_key({.name = "one"});
    for (const char* check : {"KEY-ROTATION-DUE", "KEY-ANOMALY-SPIKE", "KEY-SCOPE-ADMIN"})
        given_finding(check, key_id);
    EXPECT_EQ(event_of("KEY-ROTATION-DUE")->getValue<int>("class_uid"), 2003);
    EXPECT_EQ(event_of("KEY-ANOMALY-SPIKE")->getValue<int>("class_uid"), 2004);
    EXPECT_EQ(event_of("KEY-SCOPE-ADMIN")->getValue<int>("class_uid"), 2008);
    const auto compliance = event_of("KEY-ROTATION-DUE")->getObject("compliance");
    std::ostringstream requirements;
    compliance->getArray("requirements")->stringify(requirements);
    EXPECT_THAT(requirements.str(), AllOf(HasSubstr("CIS-AWS-2.0:1.14"),
                                          HasSubstr("PCI-DSS-4.0:8.6.3"), HasSubstr("SOC2:CC6.1")));
}

TEST_F(Ocsf, TheLifeOfAFindingIsCreatedUpdatedAndClosedUnderOneUid) {
    given_finding("KEY-NO-EXPIRY", given_key({.name = "one"}));
    const auto expect = [&](int activity, int status, const char* name) {
        const Object::Ptr event = event_of("KEY-NO-EXPIRY");
        EXPECT_EQ(event->getValue<int>("activity_id"), activity) << name;
        EXPECT_EQ(event->getValue<int>("status_id"), status) << name;
        EXPECT_EQ(event->getValue<std::string>("status"), name);
        return event->getObject("finding_info")->getValue<std::string>("uid");
    };
    const std::string uid = expect(1, 1, "New");
    EXPECT_EQ(uid, text("select uid from keyrota.finding"));
    execute("update keyrota.finding set severity = 4, changed_at = '2026-11-21'");
    EXPECT_EQ(expect(2, 1, "New"), uid);
    execute("update keyrota.finding set status = 'acknowledged', decided_at = '2026-11-22'");
    EXPECT_EQ(expect(2, 2, "In Progress"), uid);
    execute("update keyrota.finding set status = 'waived'");
    EXPECT_EQ(expect(2, 3, "Suppressed"), uid);
    execute(
        "update keyrota.finding set status = 'resolved', resolution = 'absence', resolved_at = "
        "'2026-11-23'");
    EXPECT_EQ(expect(3, 4, "Resolved"), uid);
    EXPECT_EQ(event_of("KEY-NO-EXPIRY")->getObject("compliance")->getValue<std::string>("status"),
              "Pass");
}

TEST_F(Ocsf, TimesAreWholeMillisecondsNotRoundedUp) {
    given_finding("KEY-NO-EXPIRY", given_key({.name = "one"}));
    EXPECT_EQ(event_of("KEY-NO-EXPIRY")->getValue<std::int64_t>("time"), 1795132800001);
}

TEST_F(Ocsf, IsAFormatOfItsOwnThatKeepsFiltersLimitAndExitCode) {
    given_finding("KEY-NO-EXPIRY", given_key({.name = "one"}), "severity = 4");
    given_finding("KEY-NO-EXPIRY", given_key({.name = "two"}));
    EXPECT_EQ(events({"--limit", "1"}).size(), 1U);
    EXPECT_EQ(events({"--severity", "high"}).size(), 1U);
    EXPECT_EQ(keyrota({"findings", "list", "--ocsf", "--fail-on", "high"}).exit_code, 10);
    const Outcome both = keyrota({"findings", "list", "--ocsf", "--json"});
    EXPECT_EQ(both.exit_code, 2);
    EXPECT_THAT(both.errors, HasSubstr("a format of its own"));
}

// --- controls

TEST_F(Ocsf, FindingsAreFilteredByAControlWithOrWithoutItsStandard) {
    const std::int64_t key_id = given_key({.name = "one"});
    for (const char* check : {"KEY-ROTATION-DUE", "KEY-UNUSED", "KEY-SECRET-IN-BROWSER"})
        given_finding(check, key_id);
    const auto found = [&](const char* control) {
        std::vector<std::string> checks;
        for (const Object::Ptr& event : events({"--control", control}))
            checks.push_back(event->getObject("unmapped")->getValue<std::string>("check_id"));
        return checks;
    };
    EXPECT_THAT(found("CIS-AWS-2.0:1.14"), ElementsAre("KEY-ROTATION-DUE"));
    EXPECT_THAT(found("1.12"), ElementsAre("KEY-UNUSED"));
    EXPECT_THAT(found("ia-5"), UnorderedElementsAre("KEY-ROTATION-DUE", "KEY-SECRET-IN-BROWSER"));
    EXPECT_THAT(found("NIST-800-53r5:IA-5(g)"), ElementsAre("KEY-SECRET-IN-BROWSER"));
    const Outcome none = keyrota({"findings", "list", "--control", "PCI-DSS-4.0:8.6.4"});
    EXPECT_EQ(none.exit_code, 2);
    EXPECT_THAT(none.errors, HasSubstr("Did you mean \"PCI-DSS-4.0:8.6.3\"?"));
    EXPECT_THAT(keyrota({"findings", "list", "--control", "nonsense"}).errors,
                HasSubstr("keyrota findings controls"));
}

TEST_F(Ocsf, ControlsNameTheirSourceAndOnlyChecksThatThereAre) {
    for (const Control& control : all_controls()) {
        EXPECT_THAT(control.source, ::testing::StartsWith("https://"));
        for (const std::string_view check : control.checks)
            EXPECT_THAT(kChecks, ::testing::Contains(check)) << control.id;
    }
    const Outcome listed = keyrota({"findings", "controls", "--check", "KEY-UNUSED", "--csv"});
    EXPECT_THAT(listed.out, AllOf(HasSubstr("our reading"), HasSubstr("CIS-AWS-2.0:1.12"),
                                  Not(HasSubstr("1.14"))));
    EXPECT_THAT(keyrota({"findings", "controls"}).out, HasSubstr("is our reading"));
    const Outcome unknown = keyrota({"findings", "controls", "--check", "KEY-UNUSD"});
    EXPECT_EQ(unknown.exit_code, 2);
    EXPECT_THAT(unknown.errors, AllOf(HasSubstr("keyrota has no check"),
                                      HasSubstr("Did you mean \"KEY-UNUSED\"?")));
}

}  // namespace
}  // namespace keyrota::test
