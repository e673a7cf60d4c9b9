// argv to exit code; the one place that catches everything.

#include <sys/prctl.h>

#include <exception>
#include <iostream>

#include "command_line/command_line.h"
#include "error/error.h"
#include "error/print_error.h"
#include "secret/locked_text.h"

namespace {

// The memory may hold a new secret and the environment a password: no core dump, and /proc/PID for
// root alone. Programs that are started from here are as they would be without.
void stay_private() {
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    keyrota::set_locked_memory_aside();
}

}  // namespace

int main(int argc, char** argv) {
    stay_private();
    keyrota::ExitCode code = keyrota::ExitCode::internal;
    try {
        code = keyrota::run_command_line(argc, argv, std::cout, std::cerr);
    } catch (const keyrota::Error& error) {
        keyrota::print_error(std::cerr, error.what(), error.hint());
        code = error.code();
    } catch (const std::exception& error) {
        keyrota::print_error(std::cerr, std::string("internal error: ") + error.what(),
                             "Please report it with what you did.");
    }
    std::cout.flush();
    return static_cast<int>(code);
}
