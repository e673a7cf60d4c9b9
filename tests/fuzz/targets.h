#pragma once

#include <string_view>
#include <vector>

namespace keyrota::test {

/// Something that reads what others wrote. Whatever that is, it is taken or refused with an Error:
/// any other exception, and what the sanitizers see, is a bug.
struct FuzzTarget {
    const char* name;  // of its folder in tests/fuzz/corpus
    void (*read)(std::string_view input);
};

const std::vector<FuzzTarget>& fuzz_targets();

}  // namespace keyrota::test
