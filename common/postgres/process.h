#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace keyrota {

/// An open file descriptor, closed at the end of its scope; -1 is none.
class Descriptor {
  public:
    explicit Descriptor(int number = -1) : number_(number) {}
    ~Descriptor() { close(); }
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }

    int get() const { return number_; }
    explicit operator bool() const { return number_ >= 0; }
    void close() {
        if (number_ >= 0) ::close(std::exchange(number_, -1));
    }

  private:
    int number_;
};

/// A user of the operating system.
struct SystemUser {
    std::string name;
    uid_t uid = 0;
    gid_t gid = 0;
    std::filesystem::path home;
};

/// Nothing for a user that the system does not know (a container may run as a number without a
/// name).
std::optional<SystemUser> find_system_user(const std::string& name);
std::optional<SystemUser> find_system_user(uid_t uid);

struct ProgramOptions {
    std::string as_user{};  // a system user's name; empty: as we are
    std::filesystem::path working_directory = "/";
    std::chrono::milliseconds timeout = std::chrono::minutes(1);
    std::size_t max_output = 65'536;  // bytes kept of each stream: the last ones
    std::string_view input{};         // its standard input; empty: /dev/null
    bool ends_with_caller = false;    // killed when we are, so that nobody finds it still at work
    std::vector<std::string> environment{};  // NAME=VALUE, besides or instead of those below
};

struct ProgramResult {
    int exit_status = 0;  // as a shell says it: 128 + N for a program that signal N ended
    bool timed_out = false;
    std::string output;
    std::string errors;

    bool succeeded() const { return exit_status == 0 && !timed_out; }
};

/// Runs a program to its end. It sees an environment of its own (PATH, HOME, LANG, LC_ALL and what
/// is given; nothing of ours, which may hold passwords), the given standard input, no descriptor of
/// ours, and lives in its own session, so that Ctrl-C reaches us and not it. At the timeout it is
/// killed with its process group. What it leaves running in the background is not waited for.
/// @param argv the program's absolute path, then its arguments.
/// @throws Error{config} when it cannot be started at all.
ProgramResult run_program(const std::vector<std::string>& argv, const ProgramOptions& options = {});

}  // namespace keyrota
