#include "commands/alerts/alerts.h"

#include "command_line/commands.h"

namespace keyrota {
namespace {

struct GivenAlert : GivenFormat {
    AlertHolder holder;
    AlertWishes wishes;
    std::string check;
};

void add_holder(Command& command, AlertHolder& holder) {
    const Argument owner =
        command.option("--owner", holder.owner, "an owner: an email address or owner_id")
            .type("OWNER");
    command.option("--key", holder.key, "a key: a key_id, source:external_id, or prefix...hint")
        .type("KEY")
        .not_with(owner);
}

void declare_alert_list(Command& alerts, Program& program) {
    const auto given = std::make_shared<GivenAlert>();
    Command list = alerts.add(
        "list", "List settings: an owner's with those of their keys, a key's with its owner's",
        {{"keyrota alerts list", "keyrota alerts list --owner ada@example.com",
          "keyrota alerts list --key 1 --json"},
         {ExitCode::config, ExitCode::database}});
    add_holder(list, given->holder);
    given->add_to(list);
    list.runs(program, [given, &program] {
        return alerts_list(program.load(), given->holder, given->format(), program.out);
    });
}

void declare_alert_set(Command& alerts, Program& program) {
    const auto given = std::make_shared<GivenAlert>();
    Command set = alerts.add(
        "set",
        "Set thresholds and mail of a check; a key's override its owner's, and those the policy's",
        {{"keyrota alerts set --owner ada@example.com KEY-ERROR-RATE --threshold error_rate=10 "
          "--threshold min_requests=1000",
          "keyrota alerts set --key 1 KEY-RATE-NEAR-LIMIT --mail off",
          "keyrota alerts set --owner ada@example.com KEY-EXPIRES-SOON --mail digest"},
         {ExitCode::config, ExitCode::database}});
    add_holder(set, given->holder);
    set.option("CHECK", given->check, "the id of a check about keys").required();
    set.option("--threshold", given->wishes.thresholds,
               "KEY-ERROR-RATE: min_requests, error_rate, error_rate_high; KEY-RATE-NEAR-LIMIT: "
               "near_limit, near_limit_high; KEY-RATE-LIMITED: min_requests, rate_limited; may be "
               "repeated")
        .type("NAME=VALUE");
    set.option("--mail", given->wishes.mail,
               "at-once, digest (the daily message) or off; what ends, is rotated or was breached "
               "cannot be off")
        .one_of({"at-once", "digest", "off"})
        .type("WHEN");
    set.runs(program, [given, &program] {
        return alerts_set(program.load(), given->holder, given->check, given->wishes, program.out);
    });
}

void declare_alert_unset(Command& alerts, Program& program) {
    const auto given = std::make_shared<GivenAlert>();
    Command unset = alerts.add("unset", "Remove the settings for a check",
                               {{"keyrota alerts unset --owner ada@example.com KEY-ERROR-RATE",
                                 "keyrota alerts unset --key 1 KEY-RATE-NEAR-LIMIT"},
                                {ExitCode::config, ExitCode::database}});
    add_holder(unset, given->holder);
    unset.option("CHECK", given->check, "the id of a check about keys").required();
    unset.runs(program, [given, &program] {
        return alerts_unset(program.load(), given->holder, given->check, program.out);
    });
}

}  // namespace

void declare_alerts(Command& app, Program& program) {
    Command alerts = app.add_group("alerts", "Set thresholds and mail for one owner or one key");
    declare_alert_list(alerts, program);
    declare_alert_set(alerts, program);
    declare_alert_unset(alerts, program);
}

}  // namespace keyrota
