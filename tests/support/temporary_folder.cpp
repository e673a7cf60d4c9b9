#include "support/temporary_folder.h"

#include <fmt/format.h>
#include <stdlib.h>
#include <sys/statvfs.h>

#include <cstdint>
#include <stdexcept>

namespace keyrota::test {
namespace {

// Containers often have a small one, or one whose programs cannot be run.
bool is_usable(const char* directory) {
    constexpr std::uint64_t kRoom = std::uint64_t{4} << 30;  // a server keeps up to 1 GB of WAL
    struct statvfs about {};
    return ::statvfs(directory, &about) == 0 && (about.f_flag & (ST_RDONLY | ST_NOEXEC)) == 0 &&
           about.f_bavail * about.f_frsize >= kRoom;
}

}  // namespace

std::string make_temporary_folder(const std::string& name) {
    constexpr const char* kMemory = "/dev/shm";
    constexpr const char* kDisk = "/tmp";  // not TMPDIR: a socket's path may have 107 bytes
    std::string path = fmt::format("{}/{}-XXXXXX", is_usable(kMemory) ? kMemory : kDisk, name);
    if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("no temporary folder");
    return path;
}

}  // namespace keyrota::test
