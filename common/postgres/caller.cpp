#include "postgres/caller.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <array>

namespace keyrota {

std::string Caller::display() const {
    return fmt::format("{}@{}, process {}", os_user, host, process_id);
}

Caller current_caller() {
    std::array<char, 256> host{};
    ::gethostname(host.data(), host.size() - 1);
    const passwd* user = ::getpwuid(::geteuid());
    return {user ? user->pw_name : std::to_string(::geteuid()), host.data(), ::getpid()};
}

}  // namespace keyrota
