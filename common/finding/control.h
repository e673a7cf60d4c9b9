#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace keyrota {

/// A clause of a standard, and the checks whose findings speak to it. Which check speaks to which
/// clause is our reading: no standard names a check of ours, and none is met by them alone.
struct Control {
    const char* standard;  // as its publisher calls it, with the version
    const char* id;        // what a command line takes: `PCI-DSS-4.0:8.6.3`
    const char* title;     // what it asks for, in our words
    const char* source;    // where the publisher has it
    std::vector<std::string_view> checks;

    /// `8.6.3`: the number alone.
    std::string_view clause() const;
    bool covers(std::string_view check_id) const;
};

/// All of them, standard by standard.
const std::vector<Control>& all_controls();

/// Those that a check speaks to; none for one of the operator's own.
std::vector<const Control*> controls_of(std::string_view check_id);

/// The checks behind a control, named by its id, its clause, or the beginning of either up to a
/// bracket (`IA-5` means IA-5(f) as well), whatever the case.
/// @throws Error{usage} with the nearest one for what is no control.
std::vector<std::string> checks_of_control(const std::string& named);

}  // namespace keyrota
