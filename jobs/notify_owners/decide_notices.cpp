#include "notify_owners/decide_notices.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <sstream>

#include "jobs_sql.h"
#include "notify/hours.h"
#include "notify/recipient.h"
#include "notify_owners/mode.h"
#include "notify_owners/notice_rows.h"
#include "postgres/copy.h"
#include "runner/step.h"

namespace keyrota {
namespace {

constexpr std::int64_t kPage = 1000;  // findings that one transaction decides on

struct Candidate {
    std::int64_t key_id = 0;
    std::string uid{};
    std::int64_t episode = 1;
    std::string key_name{};
    std::string mail{};  // what an alert setting says: at-once, digest, off; empty: nothing
    TellableFinding finding{};
    std::optional<ToldBefore> before{};
    ChainOfRecipients chain{};
};

// One thing that one address is told.
struct Decision {
    const Candidate& candidate;
    const StageDecision& stage;
    const ChosenRecipient& recipient;
    bool is_copy = false;
    bool at_once = false;
    Timestamp not_before_at{};
};

TellableFinding finding_of(const Row& row) {
    TellableFinding finding{.check_id = row.text("check_id"),
                            .status = row.text("status"),
                            .resolution = row.text("resolution"),
                            .severity = row.int64("severity"),
                            .due_at = row.optional_instant("due_at"),
                            .resolved_at = row.optional_instant("resolved_at")};
    std::istringstream notice_before(row.text_or("notice_before", ""));
    for (std::int64_t micros = 0; notice_before >> micros;)
        finding.notice_before.emplace_back(micros);
    return finding;
}

std::optional<ToldBefore> told_before(const Row& row) {
    if (row.is_null("told_at")) return std::nullopt;
    return ToldBefore{.at = row.instant("told_at"),
                      .severity = row.int64("told_severity"),
                      .stages = row.int64("told_stages"),
                      .reached = row.int64("told_reached") != 0,
                      .resolved = row.int64("told_resolved") != 0,
                      .acted = row.int64("told_acted") != 0};
}

Candidate candidate_of(const Row& row) {
    return {.key_id = row.int64("key_id"),
            .uid = row.text("uid"),
            .episode = row.int64("episode"),
            .key_name = row.text("key_name"),
            .mail = row.text("mail"),
            .finding = finding_of(row),
            .before = told_before(row),
            .chain = chain_of(row)};
}

// Grave things at once, the rest in the daily digest, unless somebody wished otherwise.
bool is_at_once(const Candidate& candidate, const StageDecision& stage) {
    if (stage.stage == kResolvedStage || candidate.mail == "digest") return false;
    return candidate.mail == "at-once" || candidate.finding.severity >= kUrgent;
}

class Decider {
  public:
    explicit Decider(StepRun& run)
        : run_(run), hours_(sending_hours(run.config)), observes_(observes(run)) {}

    /// Decides on the next page of findings, in one transaction. @returns whether there may be
    /// more.
    bool next_page();

  private:
    void decide(const Candidate& candidate, CopyWriter& decided);
    void write(const Decision& decision, CopyWriter& decided);

    StepRun& run_;
    const SendingHours hours_;
    const bool observes_;
    std::int64_t after_key_ = -1;
    std::string after_uid_{};
    std::int64_t told_nobody_ = 0;
    StepRun::Totals totals_{};  // of the page in hand
};

void Decider::write(const Decision& decision, CopyWriter& decided) {
    const Candidate& of = decision.candidate;
    decided.row(14);
    decided.int64(of.key_id);
    decided.text(of.uid);
    decided.int32(static_cast<std::int32_t>(of.episode));
    decided.instant(of.finding.due_at.value_or(Timestamp{}));
    decided.text(decision.stage.stage);
    decided.text(decision.recipient.address);
    decided.int16(static_cast<std::int16_t>(of.finding.severity));
    decided.boolean(decision.is_copy);
    decided.boolean(decision.at_once);
    decided.text(decision.recipient.name);
    decided.text(decision.recipient.time_zone);
    decided.text(decision.recipient.reason);
    if (decision.stage.next_at)
        decided.instant(*decision.stage.next_at);
    else
        decided.null();
    decided.instant(decision.not_before_at);
    ++totals_.applied;
}

void Decider::decide(const Candidate& candidate, CopyWriter& decided) {
    if (candidate.mail == "off" && may_be_silenced(candidate.finding)) return;
    const StageDecision stage = decide_stage(candidate.finding, candidate.before, run_.as_of);
    if (stage.stage.empty()) return;
    ++totals_.found;
    const auto recipient = choose_recipient(candidate.chain, candidate.key_name);
    if (!recipient) {
        ++told_nobody_;
        return;
    }
    const auto tell = [&](const ChosenRecipient& who, bool is_copy) {
        const bool at_once = is_at_once(candidate, stage);
        write({candidate, stage, who, is_copy, at_once,
               hours_.not_before(run_.as_of, at_once, candidate.finding, who.time_zone)},
              decided);
    };
    tell(*recipient, false);
    if (stage.stage == kResolvedStage) return;
    for (const ChosenRecipient& copy :
         choose_copies(candidate.chain, candidate.finding, candidate.key_name, recipient->address,
                       run_.as_of))
        tell(copy, true);
}

bool Decider::next_page() {
    std::vector<Row> page;
    run_.in_batch([&] {
        totals_ = {};
        told_nobody_ = 0;
        page = run_.session.rows(sql::notice_candidates,
                                 {{"after_key", after_key_},
                                  {"after_uid", after_uid_},
                                  {"as_of", run_.as_of},
                                  {"operator", run_.config.notify.operator_address},
                                  {"urgent", kUrgent},
                                  {"announcing", announcing_checks()},
                                  {"count", kPage}});
        if (page.empty()) return;
        run_.session.execute(sql::decided_notice);
        CopyWriter decided(run_.session, "decided_notices", "pg_temp.decided_notice");
        for (const Row& row : page) decide(candidate_of(row), decided);
        decided.finish();
        run_.session.execute(
            sql::record_notices,
            {{"as_of", run_.as_of}, {"run_id", run_.run_id}, {"observes", observes_ ? 1 : 0}});
        totals_.failed = told_nobody_;
        run_.count(totals_);
    });
    if (told_nobody_ > 0)
        spdlog::warn("{} findings have nobody to notify, not even notify.operator", told_nobody_);
    if (page.empty()) return false;
    after_key_ = page.back().int64("key_id");
    after_uid_ = page.back().text("uid");
    return static_cast<std::int64_t>(page.size()) == kPage;
}

void decide_notices(StepRun& run) {
    Decider decider(run);
    while (!run.interrupted() && decider.next_page()) {
    }
}

}  // namespace

PlannedStep notices_step() {
    return {"notices", sql::notices_due, decide_notices};
}

}  // namespace keyrota
