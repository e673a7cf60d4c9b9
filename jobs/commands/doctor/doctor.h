#pragma once

#include <functional>
#include <ostream>

#include "config/load.h"
#include "error/exit_code.h"

namespace keyrota {

struct DoctorOptions {
    bool json = false;
    bool colours = false;  // the output is a terminal, and nobody minds (NO_COLOR)
};

/// Goes through the table of examinations (doctor.cpp), each by itself: one that throws is a
/// failure, and the others go on. Makes and starts nothing, but for an embedded server that is
/// stopped.
/// @param load the configuration; may throw Error, which is the first finding then.
/// @returns attention if an examination failed; a warning alone is no reason.
ExitCode doctor(const std::function<LoadedConfig()>& load, const DoctorOptions& options,
                std::ostream& out);

}  // namespace keyrota
