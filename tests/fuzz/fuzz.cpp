// fuzz TARGET [libFuzzer's options and folders]: looks for input that a target cannot bear. Built
// by the preset `fuzz`, run by `./dev fuzz`.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iostream>

#include "error/error.h"
#include "fuzz/targets.h"

namespace {
const keyrota::test::FuzzTarget* chosen = nullptr;
}

extern "C" int LLVMFuzzerInitialize(int* count, char*** arguments) {
    for (const auto& target : keyrota::test::fuzz_targets())
        if (*count > 1 && std::strcmp((*arguments)[1], target.name) == 0) chosen = &target;
    if (chosen == nullptr) {
        std::cerr << "usage: fuzz TARGET [OPTION...] [FOLDER...]; targets:\n";
        for (const auto& target : keyrota::test::fuzz_targets())
            std::cerr << "  " << target.name << "\n";
        std::exit(2);
    }
    std::copy(*arguments + 2, *arguments + *count, *arguments + 1);
    --*count;
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    try {
        chosen->read({reinterpret_cast<const char*>(data), size});
    } catch (const keyrota::Error&) {
        // Refused, as it should be; whatever else is thrown ends the program.
    }
    return 0;
}
