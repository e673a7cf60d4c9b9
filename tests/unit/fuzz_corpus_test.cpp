// What was found by fuzzing, and the seeds it began with, are read again by every build: each input
// is taken or refused, and nothing else.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "error/error.h"
#include "fuzz/targets.h"

namespace keyrota::test {
namespace {

namespace fs = std::filesystem;

const fs::path& corpus() {
    static const fs::path folder = fs::path(KEYROTA_SOURCE_DIR) / "tests/fuzz/corpus";
    return folder;
}

class FuzzCorpus : public ::testing::TestWithParam<FuzzTarget> {};

TEST_P(FuzzCorpus, EachInputIsTakenOrRefused) {
    int taken = 0, inputs = 0;
    for (const auto& entry : fs::directory_iterator(corpus() / GetParam().name)) {
        std::ifstream in(entry.path(), std::ios::binary);
        const std::string input{std::istreambuf_iterator<char>(in), {}};
        ++inputs;
        try {
            GetParam().read(input);
            ++taken;
        } catch (const Error& error) {
            EXPECT_NE(error.code(), ExitCode::internal) << entry.path() << ": " << error.what();
        } catch (const std::exception& error) {
            ADD_FAILURE() << entry.path() << ": " << error.what();
        }
    }
    // Seeds from which nothing good follows would not lead far.
    EXPECT_GT(taken, 0);
    EXPECT_GE(inputs, 2);
}

INSTANTIATE_TEST_SUITE_P(Targets, FuzzCorpus, ::testing::ValuesIn(fuzz_targets()),
                         [](const auto& target) { return std::string(target.param.name); });

TEST(FuzzCorpora, EachFolderHasItsTarget) {
    std::set<std::string> folders, targets;
    for (const auto& entry : fs::directory_iterator(corpus()))
        folders.insert(entry.path().filename());
    for (const FuzzTarget& target : fuzz_targets()) targets.insert(target.name);
    EXPECT_EQ(folders, targets);
}

}  // namespace
}  // namespace keyrota::test
