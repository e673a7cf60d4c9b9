#pragma once

#include <string>
#include <vector>

#include "catalog.h"
#include "support/program.h"

namespace keyrota::test {

/// A small company for which every job has something to do, hour after hour: keys that come to
/// their end, reach their rotation age, fall out of use, may too much, behave unlike themselves;
/// owners who are told, sinks that take secrets, waivers, checks of its own. Whatever befalls its
/// runs, the same things must hold once all of them came to an end.
class Company : public ProgramTest {
  protected:
    void SetUp() override;

    Timestamp now() const { return now_; }
    /// The next hour, for which the gateways have reported.
    void go_on();
    /// A run of it as of now. It waits for the lease of one that was killed.
    static Arguments run_words(const std::string& job, Timestamp as_of);
    Program start_run(const Job& job, const Environment& extra = {});
    Outcome run_to_the_end(const Job& job);
    void run_all_to_the_end();
    /// An hour later every job has done what is to be done, and what others left for it.
    void come_to_rest();

    /// What must hold between any two transactions, whatever was cut off: sums, trail and rows that
    /// belong together.
    void expect_nothing_torn();
    /// What must hold at rest: all of that, nothing left over, everybody
    /// told and no secret outside of the sink.
    void expect_invariants();

  private:
    void given_keys_of_all_kinds();
    void expect_no_secret_outside_of_sinks();

    Timestamp now_ = kNow;
};

}  // namespace keyrota::test
