#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/database.h"

namespace keyrota::test {

using Arguments = std::vector<std::string>;
using Environment = std::map<std::string, std::string>;

/// Whether this is `./dev test --long`: more of everything that chance has a hand in, for minutes.
bool is_long_form();

/// How a program is started. Nothing of the test's own environment reaches it.
struct Start {
    Environment environment = {};
    std::string input = {};    // its standard input; on a terminal, what is typed
    bool on_terminal = false;  // its three streams are one pseudo-terminal: all it says is `out`
    std::filesystem::path directory = "/";
};

/// How a program ended.
struct Outcome {
    int exit_code = 0;  // as a shell says it: 128 + N for one that signal N ended
    std::string out;
    std::string errors;
};

/// A program in the background, in a process group of its own; killed at the end of the scope if it
/// still runs. Its streams are files and nobody else's pipes: nobody must read along.
class Program {
  public:
    /// @param argv an absolute path, then arguments.
    explicit Program(const Arguments& argv, const Start& start = {});
    ~Program();
    Program(Program&& other) noexcept;
    Program& operator=(Program&&) = delete;

    pid_t pid() const { return pid_; }
    bool is_running();
    void signal(int number) const;
    /// Its end. One that does not end within patience is killed, and the test has failed.
    Outcome wait(std::chrono::seconds patience = std::chrono::seconds(120));

  private:
    void read_terminal();

    pid_t pid_ = 0;
    bool reaped_ = false;
    int status_ = 0;
    int out_ = -1;  // a file in memory, or the terminal's other end
    int errors_ = -1;
    bool on_terminal_ = false;
    std::string said_;  // on the terminal, so far
};

/// From start to end.
Outcome run(const Arguments& argv, const Start& start = {});

/// What a cron job sees at most: PATH.
Environment bare_environment();

/// The program under test, with its arguments.
Arguments keyrota_argv(const Arguments& arguments);

/// A folder below /tmp that others may enter. At the end the embedded servers below it are stopped
/// the hard way and it goes.
class Scratch {
  public:
    Scratch();
    ~Scratch();
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    const std::filesystem::path& path() const { return path_; }
    /// Writes a file of that name. @returns its path.
    std::filesystem::path write(const std::string& name, const std::string& text) const;

  private:
    std::filesystem::path path_;
};

/// The real program on a database of the test's own, given to it by the environment as cron would.
class ProgramTest : public DatabaseTest {
  protected:
    void SetUp() override;
    void TearDown() override;

    Environment& environment() { return environment_; }
    const Scratch& scratch() const { return scratch_; }
    /// @param extra variables for this start only; they win.
    Program start(const Arguments& arguments, const Environment& extra = {});
    Outcome keyrota(const Arguments& arguments, const Environment& extra = {});
    Outcome keyrota_on_terminal(const Arguments& arguments, const std::string& typed = "");

    /// A superuser's session, which sees what others do.
    Session& admin();
    /// Waits until an SQL condition holds; one that does not within 60 s has failed the test.
    void wait_until(const std::string& condition);
    /// Waits until a run waits for a lock.
    void wait_until_blocked();
    /// Locks a key's state until the session is gone or rolls back.
    Session lock_key(std::int64_t key_id);
    /// After a crash of the server.
    void reconnect_all();

  private:
    Environment environment_;
    Scratch scratch_;
    std::unique_ptr<Session> admin_;
};

}  // namespace keyrota::test
