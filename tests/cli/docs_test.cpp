// What the documentation tells people to type works as it stands there.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <sstream>

#include "config/options.h"
#include "support/program.h"
#include "support/server.h"

namespace keyrota::test {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;

// One line that people type.
struct TypedLine {
    int number;           // in its page, of its first line
    std::string command;  // `keyrota ...`, as a shell takes it
    int exit_code = 0;    // what the page says: `# exits 8`
};

std::string contents(const fs::path& file) {
    std::ifstream in(file);
    return {std::istreambuf_iterator<char>(in), {}};
}

bool begins_with_keyrota(const std::string& line) {
    static const std::regex pattern(R"(^(\$ )?(\w+=\S* )*(build/|\./build/)?keyrota( .*)?$)");
    return std::regex_match(line, pattern);
}

// The lines for keyrota in the fenced sh blocks of a page, in order. A line that ends with a
// backslash goes on with the next; what begins with anything else is not ours to run.
std::vector<TypedLine> typed_lines(std::istream& page) {
    static const std::regex fence(R"(^\s*```\s*(\w*).*$)");
    static const std::regex exits(R"(\s+# exits (\d+)\b.*$)");
    std::vector<TypedLine> found;
    bool inside = false;
    bool is_shell = false;
    int number = 0;
    for (std::string line; std::getline(page, line);) {
        ++number;
        std::smatch match;
        if (std::regex_match(line, match, fence)) {
            inside = !inside;
            is_shell = inside && match[1] == "sh";
            continue;
        }
        if (!is_shell) continue;
        line.erase(0, line.find_first_not_of(' ') == std::string::npos
                          ? line.size()
                          : line.find_first_not_of(' '));
        if (!begins_with_keyrota(line)) continue;
        TypedLine typed{number, line, 0};
        while (!typed.command.empty() && typed.command.back() == '\\' && std::getline(page, line)) {
            ++number;
            typed.command.back() = ' ';
            typed.command += line;
        }
        if (std::regex_search(typed.command, match, exits)) {
            typed.exit_code = std::stoi(match[1]);
            typed.command = match.prefix();
        }
        static const std::regex prompt(R"(^\$ )");
        typed.command = std::regex_replace(typed.command, prompt, "");
        static const std::regex built(R"((^|[ |&;(])(\./)?build/keyrota\b)");
        typed.command = std::regex_replace(typed.command, built, "$1keyrota");
        found.push_back(typed);
    }
    return found;
}

std::vector<fs::path> pages() {
    std::vector<fs::path> found;
    const fs::path source = KEYROTA_SOURCE_DIR;
    if (fs::exists(source / "README.md")) found.push_back(source / "README.md");
    if (fs::exists(source / "docs"))
        for (const auto& entry : fs::recursive_directory_iterator(source / "docs"))
            if (entry.path().extension() == ".md") found.push_back(entry.path());
    std::sort(found.begin(), found.end());
    return found;
}

TEST(Docs, TheExtractorTakesTheLinesForKeyrotaOutOfShellBlocksOnly) {
    std::istringstream page(
        "keyrota run outside\n"
        "```sh\n"
        "./dev build\n"
        "build/keyrota db init   # makes it\n"
        "\n"
        "  keyrota run expire-keys \\\n"
        "      --dry-run\n"
        "KEYROTA_LIMITS_DUTY=50 keyrota run expire-keys | grep x\n"
        "keyrota db status  # exits 13\n"
        "keyrotate me\n"
        "# keyrota in a comment\n"
        "```\n"
        "```yaml\nkeyrota run yaml\n```\n"
        "```\nkeyrota run plain\n```\n"
        "```sh\n$ ./build/keyrota --version\n```\n");
    std::vector<std::string> lines;
    for (const TypedLine& typed : typed_lines(page))
        lines.push_back(fmt::format("{}|{}|{}", typed.number, typed.command, typed.exit_code));
    EXPECT_THAT(lines, ElementsAre("4|keyrota db init   # makes it|0",
                                   "6|keyrota run expire-keys        --dry-run|0",
                                   "8|KEYROTA_LIMITS_DUTY=50 keyrota run expire-keys | grep x|0",
                                   "9|keyrota db status|13", "20|keyrota --version|0"));
}

// A place of its own for each page. It is typed in the checkout, or where it was installed: what it
// reads is there, what it writes must not reach the checkout or the machine.
class Desk {
  public:
    Desk() {
        for (const char* folder : {"config", "cron", "docs"})
            if (fs::exists(fs::path(KEYROTA_SOURCE_DIR) / folder))
                fs::copy(fs::path(KEYROTA_SOURCE_DIR) / folder, scratch.path() / folder,
                         fs::copy_options::recursive);
        fs::create_directory(scratch.path() / "bin");
        fs::create_symlink(KEYROTA_PROGRAM, scratch.path() / "bin/keyrota");
        environment["PATH"] = (scratch.path() / "bin").string() + ":" + environment["PATH"];
        environment["HOME"] = scratch.path();
        environment["KEYROTA_DATA_DIR"] = scratch.path() / "data";
    }

    void type(const fs::path& page, const std::vector<TypedLine>& lines) const {
        const std::regex elsewhere(R"((^|[ =])(/(var/)?tmp/|/var/lib/))");
        for (const TypedLine& line : lines) {
            SCOPED_TRACE(fmt::format("{}:{}: {}", page.string(), line.number, line.command));
            const std::string command =
                std::regex_replace(line.command, elsewhere, "$1" + scratch.path().string() + "/");
            const Outcome outcome = run({"/bin/sh", "-c", command},
                                        {.environment = environment, .directory = scratch.path()});
            EXPECT_EQ(outcome.exit_code, line.exit_code) << outcome.out << outcome.errors;
        }
    }

    const Scratch scratch;
    Environment environment = bare_environment();
};

TEST(Docs, EveryLineForKeyrotaWorksInOrderOnAFreshEmbeddedDatabase) {
    for (const fs::path& page : pages()) {
        std::ifstream in(page);
        const std::vector<TypedLine> lines = typed_lines(in);
        if (lines.empty()) continue;
        const Desk desk;
        desk.type(page, lines);
    }
}

// The page is about a server of one's own: with the configuration that it shows, but for the
// server's name.
TEST(Docs, GettingStartedWorksOnADatabaseOfYourOwn) {
    const fs::path page = fs::path(KEYROTA_SOURCE_DIR) / "docs/getting-started.md";
    const Server& server = Server::instance();
    constexpr const char* kDatabase = "getting_started";
    Session admin(parse_connection(server.url("postgres", "postgres"), std::chrono::seconds(10)));
    admin.execute_verbatim("create_database", fmt::format("create database {}", kDatabase));

    static const std::regex block("```yaml\n([^`]*)```");
    static const std::regex url(R"(postgresql://(\w+)@\S+)");
    std::smatch match;
    const std::string text = contents(page);
    ASSERT_TRUE(std::regex_search(text, match, block));
    std::string configuration = match[1];
    int urls = 0;
    for (; std::regex_search(configuration, match, url); ++urls)
        configuration =
            match.prefix().str() + server.url(match[1], kDatabase) + match.suffix().str();
    ASSERT_EQ(urls, 2);

    Desk desk;
    desk.environment["KEYROTA_CONFIG"] = desk.scratch.write("keyrota.yaml", configuration);
    desk.environment["KEYROTA_MAIL_TRANSPORT"] = "maildir";
    std::istringstream in(text);
    desk.type(page, typed_lines(in));

    Session mine(parse_connection(server.url("postgres", kDatabase), std::chrono::seconds(10)));
    const Row keys = mine.one({"count_keys",
                               "select count(*) filter (where source = 'legacy') as imported,"
                               " count(*) filter (where source = 'native') as own"
                               "  from keyrota.api_key"});
    EXPECT_EQ(keys.int64("imported"), 4);
    EXPECT_EQ(keys.int64("own"), 1);
}

// What the page on operating says of a backup, with the commands that it names.
TEST(Docs, ABackupIsRestoredAsThePageOnOperatingSays) {
    const std::string page = contents(fs::path(KEYROTA_SOURCE_DIR) / "docs/operating.md");
    Desk desk;
    std::string socket;
    const auto expect = [&](const std::string& command, int exit_code = 0) {
        static const std::regex place("SOCKET");
        const Outcome outcome =
            run({"/bin/sh", "-c", std::regex_replace(command, place, socket)},
                {.environment = desk.environment, .directory = desk.scratch.path()});
        EXPECT_EQ(outcome.exit_code, exit_code) << command << outcome.out << outcome.errors;
        return outcome.out;
    };
    const auto named = [&](const char* program) {
        std::smatch match;
        EXPECT_TRUE(
            std::regex_search(page, match, std::regex(fmt::format("\n({} [^\n]*)", program))));
        return match.str(1);
    };
    const auto find_socket = [&] {
        const std::string status = expect("keyrota db status");
        std::smatch match;
        EXPECT_TRUE(std::regex_search(status, match, std::regex("socket in ([^,]+)")));
        socket = match[1];
    };

    expect("keyrota sample load --keys 50 --days 1");
    expect("keyrota run expire-keys rollup-usage");
    expect("keyrota audit head > heads.txt");
    find_socket();
    expect(named("pg_dump"));
    expect("cp -p data/signing.key .");

    desk.environment["KEYROTA_DATA_DIR"] = desk.scratch.path() / "new";
    expect("keyrota db init");
    find_socket();
    expect(named("psql"));
    expect(named("pg_restore"));
    expect("keyrota run expire-keys", 9);
    expect("keyrota run rollup-usage", 9);
    expect("keyrota doctor", 13);
    expect("cp -p signing.key new/signing.key");
    expect("keyrota doctor");
    expect("keyrota audit verify --head heads.txt");
    expect("keyrota usage rebase --nothing-lost --yes");
    expect("keyrota resume");
    expect("keyrota run expire-keys rollup-usage");
    expect("keyrota status");
}

// An action of another name would export nothing, and complain about nothing.
TEST(Docs, TheExportOfDeactivationsThatThePageOnOperatingNamesHoldsThem) {
    const std::string page = contents(fs::path(KEYROTA_SOURCE_DIR) / "docs/operating.md");
    std::smatch match;
    ASSERT_TRUE(std::regex_search(page, match, std::regex("\n(keyrota audit export [^\n]*)")));
    const Desk desk;
    std::istringstream typed(
        "```sh\nkeyrota sample load --keys 50 --days 1\n"
        "keyrota keys deactivate --match '*' --yes\n" +
        match.str(1) + "\n```\n");
    desk.type("operating.md", typed_lines(typed));
    EXPECT_THAT(contents(desk.scratch.path() / "switched-off.jsonl"),
                ::testing::HasSubstr("key.deactivate"));
}

// `keyrota keys update`: the words before the first that stands for something else.
std::string words_of_command(const std::string& line) {
    static const std::regex words(R"(^keyrota( [a-z][a-z-]*)+(?= |$))");
    std::smatch match;
    return std::regex_search(line, match, words) ? match.str() : "";
}

// What the pages of checks tell people to type has KEY_ID in it, and cannot be run: but it is a
// command, and has these options.
TEST(Docs, TheCommandsThatThePagesOfChecksNameExist) {
    static const std::regex option(R"( (--[a-z-]+))");
    std::map<std::string, std::string> helps;
    for (const fs::path& page : pages()) {
        if (page.parent_path().filename() != "checks" || page.filename() == "README.md") continue;
        std::istringstream text(contents(page));
        bool is_inside = false;
        for (std::string line; std::getline(text, line);) {
            if (line.starts_with("```")) is_inside = !is_inside;
            if (!is_inside || !line.starts_with("keyrota ")) continue;
            SCOPED_TRACE(page.filename().string() + ": " + line);
            const std::string words = words_of_command(line);
            if (helps.count(words) == 0) {
                const Outcome outcome =
                    run({"/bin/sh", "-c", KEYROTA_PROGRAM + words.substr(7) + " --help"});
                EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
                helps[words] = outcome.out;
            }
            for (std::sregex_iterator it(line.begin(), line.end(), option), end; it != end; ++it)
                EXPECT_THAT(helps[words], ::testing::HasSubstr((*it)[1].str()));
        }
    }
    EXPECT_GT(helps.size(), 20U);
}

TEST(Docs, TheMetricsThatPagesNameAreWritten) {
    const fs::path source = KEYROTA_SOURCE_DIR;
    const std::string written = contents(source / "common/monitoring/metrics.cpp");
    static const std::regex metric(R"(\bkeyrota_(?:job|findings|messages)(?:_[a-z]+)*)");
    for (const char* page : {"README.md", "docs/operating.md"}) {
        const std::string text = contents(source / page);
        for (std::sregex_iterator it(text.begin(), text.end(), metric), end; it != end; ++it)
            EXPECT_NE(written.find(it->str()), std::string::npos) << page << ": " << it->str();
    }
}

// `usage.silent_after`, `policy.defaults.rotation.max_age`, or as rules have it `rotation.max_age`.
bool is_option_or_section(const std::string& name) {
    const auto is_or_holds = [&](std::string_view path) {
        return path == name || path.starts_with(name + ".") || path.starts_with(name + "[");
    };
    return std::any_of(options().begin(), options().end(), [&](const Option& option) {
        const std::string_view path = option.path;
        return is_or_holds(path) || (path.starts_with(kPolicyDefaults) &&
                                     is_or_holds(path.substr(kPolicyDefaults.size())));
    });
}

TEST(Docs, TheOptionsThatPagesNameExist) {
    static const std::regex named("`([a-z_]+)(\\.[a-z_]+)+[`:]");
    for (const fs::path& page : pages()) {
        // One names symbols of the code so, the other an option that its reader adds.
        if (page.filename() == "anomaly.md" || page.filename() == "adding-a-check.md") continue;
        const std::string text = contents(page);
        for (std::sregex_iterator it(text.begin(), text.end(), named), end; it != end; ++it) {
            const std::string name = it->str().substr(1, it->length() - 2);
            if (!is_option_or_section((*it)[1]) || fs::path(name).extension() == ".sql") continue;
            EXPECT_TRUE(is_option_or_section(name)) << page << ": " << name;
        }
    }
}

// As GitHub makes anchors of headings: `At three in the morning` is `at-three-in-the-morning`.
std::set<std::string> anchors_of(const std::string& page) {
    std::set<std::string> anchors;
    std::istringstream lines(page);
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with("#")) continue;
        std::string anchor;
        for (const char c : line.substr(std::min(line.find(' ') + 1, line.size())))
            if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_')
                anchor += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
            else if (c == ' ')
                anchor += '-';
        anchors.insert(anchor);
    }
    return anchors;
}

TEST(Docs, EveryLinkLeadsSomewhere) {
    static const std::regex link(R"(\]\(([^)\s:#]*)(?:#([^)\s]*))?\))");
    for (const fs::path& page : pages()) {
        const std::string text = contents(page);
        for (std::sregex_iterator it(text.begin(), text.end(), link), end; it != end; ++it) {
            const fs::path target =
                (*it)[1].length() == 0 ? page : page.parent_path() / (*it)[1].str();
            EXPECT_TRUE(fs::exists(target)) << page << ": " << it->str();
            if ((*it)[2].length() == 0 || !fs::is_regular_file(target)) continue;
            EXPECT_EQ(anchors_of(contents(target)).count((*it)[2]), 1U)
                << page << ": " << it->str();
        }
    }
}

// Every test that a page of the documentation calls upon as `Suite.Name` is one.
TEST(Docs, TheTestsThatThePageOnSecurityNamesExist) {
    const fs::path source = KEYROTA_SOURCE_DIR;
    static const std::regex declared(R"(TEST(?:_[FP])?\((\w+), (\w+)\))");
    std::set<std::string> tests;
    for (const auto& entry : fs::recursive_directory_iterator(source / "tests")) {
        if (entry.path().extension() != ".cpp") continue;
        const std::string text = contents(entry.path());
        for (std::sregex_iterator it(text.begin(), text.end(), declared), end; it != end; ++it)
            tests.insert((*it)[1].str() + "." + (*it)[2].str());
    }
    static const std::regex named(R"(`([A-Z]\w*\.[A-Z]\w+)`)");
    const std::string page = contents(source / "docs/SECURITY.md");
    int total = 0;
    for (std::sregex_iterator it(page.begin(), page.end(), named), end; it != end; ++it) {
        if ((*it)[1] == "Schema.IsSo") continue;  // the page's example of such a name
        ++total;
        EXPECT_EQ(tests.count((*it)[1]), 1U) << (*it)[1];
    }
    EXPECT_GT(total, 40);
}

}  // namespace
}  // namespace keyrota::test
