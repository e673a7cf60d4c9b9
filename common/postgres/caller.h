#pragma once

#include <string>

namespace keyrota {

/// Who runs this process, as the operating system says. The database's session_user is the server's
/// word beside it.
struct Caller {
    std::string os_user;
    std::string host;
    int process_id;

    /// `alice@runner1, process 4711`
    std::string display() const;
};
Caller current_caller();

}  // namespace keyrota
