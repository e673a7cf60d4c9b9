// `keyrota cron print`, judged by those who read what it prints.

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <map>
#include <regex>

#include "support/program.h"

namespace keyrota::test {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class CronPrint : public ::testing::Test {
  protected:
    Outcome print(Arguments options) {
        for (const char* word : {"print", "cron"}) options.insert(options.begin(), word);
        Environment environment = bare_environment();
        environment["HOME"] = scratch_.path();
        return run(keyrota_argv(options), {.environment = environment});
    }
    // Name -> text of what it wrote to a directory.
    std::map<std::string, std::string> printed(Arguments options) {
        const fs::path directory = scratch_.path() / "printed";
        fs::remove_all(directory);
        options.insert(options.end(), {"--out", directory});
        const Outcome outcome = print(options);
        EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
        EXPECT_EQ(outcome.errors, "");
        return files_of(directory);
    }
    static std::map<std::string, std::string> files_of(const fs::path& directory) {
        std::map<std::string, std::string> files;
        for (const auto& entry : fs::directory_iterator(directory)) {
            if (!entry.is_regular_file()) continue;
            std::ifstream in(entry.path());
            files[entry.path().filename()] = {std::istreambuf_iterator<char>(in), {}};
        }
        return files;
    }
    // Those that systemd reads, where it looks for them.
    Arguments given_units(const Arguments& options = {}) {
        Arguments all{"--format", "systemd", "--program", KEYROTA_PROGRAM};
        all.insert(all.end(), options.begin(), options.end());
        Arguments paths;
        for (const auto& [name, text] : printed(all))
            paths.push_back(scratch_.path() / "printed" / name);
        return paths;
    }
    Outcome systemd_analyze(Arguments arguments) {
        arguments.insert(arguments.begin(), "/usr/bin/systemd-analyze");
        return run(arguments, {.environment = bare_environment()});
    }
    const Scratch& scratch() const { return scratch_; }

  private:
    Scratch scratch_;
};

// Where this fails, `./dev cron` writes them anew.
TEST_F(CronPrint, TheFilesInTheRepositoryAreThoseThatItPrints) {
    const fs::path shipped = fs::path(KEYROTA_SOURCE_DIR) / "cron";
    EXPECT_EQ(printed({"--format", "crontab"}), files_of(shipped));
    EXPECT_EQ(printed({"--format", "systemd"}), files_of(shipped / "systemd"));
    EXPECT_EQ(printed({"--format", "kubernetes"}), files_of(shipped / "kubernetes"));
}

TEST_F(CronPrint, SchedulesComeFromTheConfigurationAndOffLeavesAJobOut) {
    const std::string file =
        scratch().write("keyrota.yaml",
                        "schedules: {expire-keys: '5,35 8-18 13 * fri', check-runs: off}\n"
                        "database: {url: postgresql://db.example.com/keys}\n"
                        "metrics: {textfile_dir: /srv/metrics}\n"
                        "sinks: [{name: files, type: file, directory: /srv/secrets}]\n");
    const auto crontab = printed({"--config", file, "--format", "crontab"}).at("keyrota.crontab");
    EXPECT_THAT(crontab, HasSubstr(fmt::format("\n5,35 8-18 13 * 5  keyrota  /usr/bin/keyrota "
                                               "--config {} run expire-keys\n",
                                               file)));
    EXPECT_THAT(crontab, Not(HasSubstr("check-runs")));

    const auto units = printed({"--config", file, "--format", "systemd"});
    EXPECT_EQ(units.count("keyrota-db.service"), 0U);
    EXPECT_EQ(units.count("keyrota-check-runs.timer"), 0U);
    EXPECT_THAT(units.at("keyrota-expire-keys.timer"),
                HasSubstr("\nOnCalendar=*-*-13 08..18:05,35:00 UTC\n"
                          "OnCalendar=Fri *-*-* 08..18:05,35:00 UTC\n"));
    EXPECT_THAT(units.at("keyrota@.service"),
                AllOf(Not(HasSubstr("keyrota-db")),
                      HasSubstr("\nExecStart=/usr/bin/keyrota --config " + file + " run %i\n"),
                      HasSubstr("\nReadWritePaths=-/srv/metrics\n"
                                "ReadWritePaths=-/srv/secrets\n")));

    const auto manifests = printed({"--config", file, "--format", "kubernetes"});
    EXPECT_EQ(manifests.count("keyrota-check-runs.yaml"), 0U);
    EXPECT_THAT(manifests.at("keyrota-expire-keys.yaml"),
                HasSubstr("schedule: \"5,35 8-18 13 * 5\"\n"));
}

TEST_F(CronPrint, WhatCannotStandInSuchAFileIsRefused) {
    for (const char* program : {"/usr/bin/key rota", "/opt/%i/keyrota", "/opt/$HOME", "/a\nb"}) {
        const Outcome outcome = print({"--format", "crontab", "--program", program});
        EXPECT_EQ(outcome.exit_code, 2) << program;
        EXPECT_THAT(outcome.errors, HasSubstr("cannot be written to such a file"));
    }
    EXPECT_EQ(print({"--format", "crontab", "--user", "a b"}).exit_code, 2);
    EXPECT_EQ(print({"--format", "anacron"}).exit_code, 2);
    EXPECT_EQ(print({}).exit_code, 2);
    EXPECT_EQ(print({"--format", "crontab", "--out", "/proc/keyrota"}).exit_code, 2);
}

// -------------------------------------------------------------------------------------------------
// systemd

TEST_F(CronPrint, SystemdFindsNothingWrongWithTheUnits) {
    Arguments words = given_units();
    words.insert(words.begin(), {"verify", "--man=no"});
    // A template is looked at as one of its instances.
    for (std::string& word : words) {
        if (!word.ends_with("@.service")) continue;
        const std::string instance = std::regex_replace(word, std::regex("@"), "@expire-keys");
        fs::copy(word, instance);
        word = instance;
    }
    const Outcome outcome = systemd_analyze(words);
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_EQ(outcome.out + outcome.errors, "");
}

TEST_F(CronPrint, ARunAndTheServerCanDoLittleElseThanTheirWork) {
    int services = 0;
    for (const std::string& unit : given_units()) {
        if (!unit.ends_with(".service")) continue;
        ++services;
        const Outcome judged =
            systemd_analyze({"security", "--offline=true", "--threshold=15", unit});
        EXPECT_EQ(judged.exit_code, 0) << judged.out;
    }
    EXPECT_EQ(services, 2);
}

// -------------------------------------------------------------------------------------------------
// Kubernetes

TEST_F(CronPrint, TheManifestsAreOneStreamOfSoundObjects) {
    const Outcome manifests = print({"--format", "kubernetes"});
    const Outcome judged = run({"/usr/bin/python3", "-c", R"python(
import sys, yaml

secrets, names = {}, set()
objects = list(yaml.safe_load_all(sys.stdin))
for o in objects:
    if o["kind"] == "Secret":
        assert o["apiVersion"] == "v1" and o["type"] == "Opaque"
        secrets[o["metadata"]["name"]] = set(o["stringData"])
for o in objects:
    name = o["metadata"]["name"]
    assert name not in names and len(name) <= 52, name  # a Job's name is eleven longer
    names.add(name)
    if o["kind"] == "Secret":
        continue
    assert (o["apiVersion"], o["kind"]) == ("batch/v1", "CronJob")
    spec = o["spec"]
    assert set(spec) == {"schedule", "timeZone", "concurrencyPolicy", "startingDeadlineSeconds",
                         "successfulJobsHistoryLimit", "failedJobsHistoryLimit", "jobTemplate"}
    assert len(spec["schedule"].split()) == 5 and spec["timeZone"] == "Etc/UTC"
    assert spec["concurrencyPolicy"] == "Forbid" and spec["startingDeadlineSeconds"] > 10
    job = spec["jobTemplate"]["spec"]
    assert job["backoffLimit"] == 0 and job["ttlSecondsAfterFinished"] > 0
    pod = job["template"]["spec"]
    assert pod["restartPolicy"] == "Never" and pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    (container,) = pod["containers"]
    assert container["args"] == ["--log-format", "json", "run", name.removeprefix("keyrota-")]
    may = container["securityContext"]
    assert may == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                   "capabilities": {"drop": ["ALL"]}}, may
    assert set(container["resources"]["requests"]) == {"cpu", "memory"}
    assert "memory" in container["resources"]["limits"]
    assert {m["name"] for m in container["volumeMounts"]} == {v["name"] for v in pod["volumes"]}
    for variable in container["env"]:
        if "valueFrom" in variable:
            key = variable["valueFrom"]["secretKeyRef"]
            assert key["key"] in secrets[key["name"]]
            assert variable["name"] == "KEYROTA_DATABASE_URL"
    assert "\t" not in str(o)
print(len(names))
)python"},
                               {.environment = bare_environment(), .input = manifests.out});
    EXPECT_EQ(judged.exit_code, 0) << judged.errors << manifests.out;
    EXPECT_EQ(judged.out, fmt::format("{}\n", printed({"--format", "kubernetes"}).size()));
}

}  // namespace
}  // namespace keyrota::test
