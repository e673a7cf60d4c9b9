#include "commands/cron/cron_files.h"

#include <fmt/format.h>

#include <algorithm>

namespace keyrota {
namespace {

using std::chrono::seconds;

constexpr const char* kDefaultDataDir = "/var/lib/keyrota";

// `/usr/bin/keyrota --config FILE`
std::string command_of(const Installation& installation) {
    if (installation.config_file.empty()) return installation.program;
    return fmt::format("{} --config {}", installation.program, installation.config_file);
}

// -------------------------------------------------------------------------------------------------
// systemd

// It keeps the network: databases, health checks and mail are there.
constexpr const char* kSandbox = R"(# Everything it never needs is denied.
UMask=0077
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
# Harmless without capabilities: setpriv, which ends what we start along with us, calls it all the same.
SystemCallFilter=capset
SystemCallErrorNumber=EPERM
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
KeyringMode=private
DevicePolicy=closed
PrivateDevices=yes
PrivateTmp=yes
PrivateUsers=yes
ProtectSystem=strict
ProtectHome=yes
ProtectProc=invisible
ProtectHostname=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
)";

// Which folders a unit may write to, and where keyrota looks for its own.
std::string folders(const Installation& installation) {
    std::string text = "StateDirectory=keyrota\nStateDirectoryMode=0700\n";
    // Makes data_dir's default /var/lib/keyrota for a user that is not root.
    text += "Environment=XDG_DATA_HOME=/var/lib\n";
    std::vector<std::string> writable = installation.writable;
    if (installation.data_dir != kDefaultDataDir) writable.push_back(installation.data_dir);
    for (const std::string& directory : writable)
        text += fmt::format("ReadWritePaths=-{}\n", directory);
    return text;
}

NamedFile run_template(const Installation& installation) {
    std::string text =
        "# One run of one job: started by its timer, or by hand: systemctl start "
        "keyrota@expire-keys\n"
        "# Made by `keyrota cron print --format systemd`.\n\n"
        "[Unit]\nDescription=keyrota run %i\n"
        "Wants=network-online.target\nAfter=network-online.target postgresql.service\n";
    if (installation.embedded_database)
        text +=
            "# Without it a run would start the server itself, and take it down when it ends.\n"
            "Requires=keyrota-db.service\nAfter=keyrota-db.service\n";
    text += fmt::format(
        "\n[Service]\nType=oneshot\nUser={0}\nGroup={0}\nExecStart={1} run %i\n"
        "# Another run of the job is still under way: nothing is wrong.\n"
        "SuccessExitStatus=6\n"
        "# It ends after the batch in hand, and after the program that has a secret in hand.\n"
        "KillMode=mixed\nTimeoutStopSec=2min\n\n"
        "# Passwords of databases as libpq reads them (host:port:database:user:password); root's "
        "file, mode 600.\n"
        "LoadCredential=pgpass:/etc/keyrota/pgpass\n"
        "SetCredential=pgpass:# there is no /etc/keyrota/pgpass\n"
        "Environment=PGPASSFILE=%d/pgpass\n\n",
        installation.user, command_of(installation));
    text +=
        folders(installation) + "\n" + kSandbox + "MemoryDenyWriteExecute=yes\nProcSubset=pid\n";
    return {"keyrota@.service", text};
}

NamedFile database_service(const Installation& installation) {
    // PostgreSQL compiles expressions to machine code, so it may write and execute memory.
    return {"keyrota-db.service",
            fmt::format("# The embedded PostgreSQL server.\n"
                        "# Made by `keyrota cron print --format systemd`.\n\n"
                        "[Unit]\nDescription=PostgreSQL of keyrota\n\n"
                        "[Service]\nType=forking\nUser={0}\nGroup={0}\n"
                        "# A server that a command started by hand would not belong to this unit.\n"
                        "ExecStartPre=-{1} db stop\n"
                        "ExecStart={1} db start\nExecStop={1} db stop\n"
                        "PIDFile={2}/postgres/postmaster.pid\n"
                        "# Recovery after a crash, and the checkpoint before it stops, may take "
                        "minutes.\n"
                        "TimeoutSec=6min\nRestart=on-failure\nRestartSec=10s\n"
                        "# When memory is short, the kernel should kill something else first.\n"
                        "OOMScoreAdjust=-500\nKillMode=mixed\n\n{3}\n{4}\n"
                        "[Install]\nWantedBy=multi-user.target\n",
                        installation.user, command_of(installation), installation.data_dir,
                        folders(installation), kSandbox)};
}

NamedFile timer_of(const ScheduledJob& job) {
    // Machines that share a database must not all begin at once, nor at another time every day.
    const seconds delay = std::chrono::floor<seconds>(
        std::min<std::chrono::microseconds>(job.period / 10, std::chrono::minutes(5)));
    std::string text = fmt::format(
        "# {}\n# Made by `keyrota cron print --format systemd`.\n\n"
        "[Unit]\nDescription=keyrota run {}, on schedule\n\n[Timer]\n",
        job.summary, job.name);
    for (const std::string& line : to_on_calendar(job.schedule))
        text += fmt::format("OnCalendar={}\n", line);
    text += fmt::format(
        "# After an outage, catch up at once.\nPersistent=true\n"
        "RandomizedDelaySec={}s\nFixedRandomDelay=true\nAccuracySec=1s\n"
        "Unit=keyrota@{}.service\n\n[Install]\nWantedBy=timers.target\n",
        delay.count(), job.name);
    return {fmt::format("keyrota-{}.timer", job.name), text};
}

// -------------------------------------------------------------------------------------------------
// Kubernetes

constexpr const char* kSecretManifest =
    R"(# Where the keys are: put your own URL in, or create the Secret by other means.
# Made by `keyrota cron print --format kubernetes`.
apiVersion: v1
kind: Secret
metadata:
  name: keyrota-database
  labels:
    app.kubernetes.io/name: keyrota
type: Opaque
stringData:
  url: postgresql://keyrota_runner:PASSWORD@db.example.com/keys
)";

// {0} job, {1} summary, {2} schedule, {3} version
constexpr const char* kCronJob = R"(# {1}
# Made by `keyrota cron print --format kubernetes`. Kubernetes may start a job twice or not at all: the second run gives
# way to the first, and the next one does what was missed.
apiVersion: batch/v1
kind: CronJob
metadata:
  name: keyrota-{0}
  labels:
    app.kubernetes.io/name: keyrota
    app.kubernetes.io/component: {0}
spec:
  schedule: "{2}"
  timeZone: Etc/UTC
  concurrencyPolicy: Forbid
  startingDeadlineSeconds: 120
  successfulJobsHistoryLimit: 1
  failedJobsHistoryLimit: 3
  jobTemplate:
    spec:
      # The next start is the retry.
      backoffLimit: 0
      ttlSecondsAfterFinished: 86400
      template:
        metadata:
          labels:
            app.kubernetes.io/name: keyrota
            app.kubernetes.io/component: {0}
        spec:
          restartPolicy: Never
          # It ends after the batch in hand.
          terminationGracePeriodSeconds: 120
          automountServiceAccountToken: false
          securityContext:
            runAsNonRoot: true
            runAsUser: 65532
            runAsGroup: 65532
            seccompProfile:
              type: RuntimeDefault
          containers:
            - name: keyrota
              image: keyrota:{3}
              args: ["--log-format", "json", "run", "{0}"]
              env:
                - name: KEYROTA_DATABASE_URL
                  valueFrom:
                    secretKeyRef:
                      name: keyrota-database
                      key: url
                - name: KEYROTA_DATA_DIR
                  value: /var/lib/keyrota
              securityContext:
                allowPrivilegeEscalation: false
                readOnlyRootFilesystem: true
                capabilities:
                  drop: [ALL]
              resources:
                requests:
                  cpu: 100m
                  memory: 64Mi
                limits:
                  memory: 256Mi
              volumeMounts:
                - name: configuration
                  mountPath: /etc/keyrota
                  readOnly: true
                - name: state
                  mountPath: /var/lib/keyrota
                - name: tmp
                  mountPath: /tmp
          volumes:
            # keyrota.yaml, if there is one; the environment wins over it. Projected: a plain configMap's directory is
            # writable by everybody, and keyrota does not trust that.
            - name: configuration
              projected:
                sources:
                  - configMap:
                      name: keyrota
                      optional: true
            - name: state
              emptyDir:
                sizeLimit: 16Mi
            - name: tmp
              emptyDir:
                sizeLimit: 64Mi
)";

}  // namespace

NamedFile crontab_file(const Installation& installation) {
    std::string text = fmt::format(
        "# When keyrota's jobs run. Made by `keyrota cron print --format crontab`.\n"
        "#\n"
        "# Install it as /etc/cron.d/keyrota: owned by root, mode 644, a name without a dot.\n"
        "# cron reads these times in the machine's time zone. Where that is not UTC, a clock "
        "change skips or repeats starts; a\n"
        "# skipped job does its work at the next one.\n"
        "#\n"
        "# A successful run prints nothing. What is wrong is printed, and cron mails it to "
        "MAILTO: that needs a mail server on\n"
        "# this machine, and an address that somebody reads. Or set ping.url, which also tells "
        "you what did not run.\n"
        "SHELL=/bin/sh\n"
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
        "MAILTO=root\n"
        "# Makes data_dir's default /var/lib/keyrota for a user that is not root.\n"
        "XDG_DATA_HOME=/var/lib\n\n"
        "# minute, hour, day of the month, month, day of the week, user, command\n");
    std::size_t widest = 0;
    for (const ScheduledJob& job : installation.jobs)
        widest = std::max(widest, to_cron(job.schedule).size());
    for (const ScheduledJob& job : installation.jobs)
        text += fmt::format("{:<{}}  {}  {} run {}\n", to_cron(job.schedule), widest,
                            installation.user, command_of(installation), job.name);
    return {"keyrota.crontab", text};
}

std::vector<NamedFile> systemd_files(const Installation& installation) {
    std::vector<NamedFile> files{run_template(installation)};
    if (installation.embedded_database) files.push_back(database_service(installation));
    for (const ScheduledJob& job : installation.jobs) files.push_back(timer_of(job));
    return files;
}

std::vector<NamedFile> kubernetes_files(const Installation& installation) {
    std::vector<NamedFile> files{{"keyrota-database.yaml", kSecretManifest}};
    for (const ScheduledJob& job : installation.jobs)
        files.push_back(
            {fmt::format("keyrota-{}.yaml", job.name),
             fmt::format(kCronJob, job.name, job.summary, to_cron(job.schedule), KEYROTA_VERSION)});
    return files;
}

}  // namespace keyrota
