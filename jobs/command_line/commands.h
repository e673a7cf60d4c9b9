#pragma once

#include "command_line/command.h"

namespace keyrota {

// The parts of the command line, a file each.
void declare_run(Command& app, Program& program);
void declare_plan(Command& app, Program& program);
void declare_resume(Command& app, Program& program);
void declare_runs(Command& app, Program& program);
void declare_status(Command& app, Program& program);
void declare_doctor(Command& app, Program& program);
void declare_report(Command& app, Program& program);
void declare_findings(Command& app, Program& program);
void declare_explain(Command& app, Program& program);
void declare_waivers(Command& app, Program& program);
void declare_alerts(Command& app, Program& program);
void declare_keys(Command& app, Program& program);
void declare_keys_import(Command& keys, Program& program);
void declare_breach(Command& app, Program& program);
void declare_leaver(Command& app, Program& program);
void declare_rotate(Command& app, Program& program);
void declare_rotations(Command& app, Program& program);
void declare_verify_secret(Command& app, Program& program);
void declare_owners(Command& app, Program& program);
void declare_owners_import(Command& owners, Program& program);
void declare_teams(Command& app, Program& program);
void declare_usage(Command& app, Program& program);
void declare_database(Command& app, Program& program);
void declare_policy(Command& app, Program& program);
void declare_config(Command& app, Program& program);
void declare_anomalies(Command& app, Program& program);
void declare_audit(Command& app, Program& program);
void declare_mail(Command& app, Program& program);
void declare_cron(Command& app, Program& program);
void declare_manual(Command& app, Program& program);
void declare_completion(Command& app, Program& program);
void declare_sample(Command& app, Program& program);

}  // namespace keyrota
