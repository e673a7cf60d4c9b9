// The server's disk is full in the middle of a run: the run says so, what it committed stays, and
// once there is room again the next one does the rest.

#include <fmt/format.h>
#include <pwd.h>
#include <sys/mount.h>

#include <filesystem>
#include <fstream>

#include "support/company.h"

namespace keyrota::test {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;

// Some megabytes of memory as a disk that only the server's tables are on. Needs root, as the tests
// of the cron daemon do.
class SmallDisk {
  public:
    explicit SmallDisk(const fs::path& folder) : folder_(folder) {
        fs::create_directory(folder_);
        const passwd* postgres = ::getpwnam("postgres");
        const std::string options = fmt::format("size=64m,mode=0700,uid={}", postgres->pw_uid);
        if (::mount("none", folder_.c_str(), "tmpfs", 0, options.c_str()) != 0)
            throw std::runtime_error("no disk of its own: not root?");
    }
    ~SmallDisk() { ::umount2(folder_.c_str(), MNT_DETACH); }
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;

    const fs::path& folder() const { return folder_; }
    // Takes what is left, but for so much.
    void fill(std::int64_t but) const {
        const auto free = static_cast<std::int64_t>(fs::space(folder_).free);
        std::ofstream out(folder_ / "filler", std::ios::binary);
        const std::string block(4096, 'x');
        for (std::int64_t n = 0; n < free - but; n += static_cast<std::int64_t>(block.size()))
            out << block;
    }
    void clear() const { fs::remove(folder_ / "filler"); }

  private:
    fs::path folder_;
};

class FullDisk : public Company {
  protected:
    void SetUp() override {
        Company::SetUp();
        disk_ = std::make_unique<SmallDisk>(scratch().path() / "disk");
        reconnect_all();
        Session server = session_of_server();
        server.execute_verbatim("make_tablespace",
                                fmt::format("create tablespace small_{} location '{}'", database(),
                                            disk_->folder().string()));
        server.execute_verbatim(
            "move", fmt::format("alter database {0} set tablespace small_{0}", database()));
    }
    void TearDown() override {
        disk_->clear();
        const std::string tablespace = "small_" + database();
        Company::TearDown();
        session_of_server().execute_verbatim("drop_tablespace", "drop tablespace " + tablespace);
        disk_.reset();
    }
    const SmallDisk& disk() const { return *disk_; }

  private:
    static Session session_of_server() {
        return Session(parse_connection(Server::instance().url("postgres", "postgres"),
                                        std::chrono::seconds(10)));
    }
    std::unique_ptr<SmallDisk> disk_;
};

TEST_F(FullDisk, EndsEachRunWithADatabaseErrorUntilThereIsRoomAgain) {
    int refused = 0;
    for (const std::int64_t room : {0, 64 << 10, 256 << 10}) {
        go_on();
        disk().fill(room);
        for (const Job* job : all_jobs()) {
            SCOPED_TRACE(fmt::format("{} with {} bytes", job->name, room));
            const Outcome outcome = start_run(*job).wait();
            EXPECT_THAT(outcome.exit_code, AnyOf(0, 3, 5)) << outcome.errors;
            if (outcome.exit_code == 0) continue;  // it had room enough
            ++refused;
            EXPECT_THAT(outcome.errors, AnyOf(AllOf(HasSubstr("the server's disk is full"),
                                                    HasSubstr("SQLSTATE 53100")),
                                              HasSubstr("could not write init file")));
            if (outcome.exit_code == 3) continue;
            EXPECT_THAT(outcome.errors, HasSubstr("HINT: Free space on the server"));
        }
        disk().clear();
        expect_nothing_torn();
    }
    EXPECT_GE(refused, 3);
    come_to_rest();
    expect_invariants();
}

}  // namespace
}  // namespace keyrota::test
