#include "notify/maildir.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "postgres/process.h"

namespace keyrota {
namespace {

namespace fs = std::filesystem;

Answer cannot(const char* what, const fs::path& where) {
    return {Answer::Kind::unreachable, "",
            fmt::format("cannot {} {}: {}", what, where.string(), std::strerror(errno))};
}

bool make_folder(const fs::path& folder) {
    return ::mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST;
}

// As files of this system have it.
std::string without_carriage_returns(const std::string& bytes) {
    std::string text;
    text.reserve(bytes.size());
    for (std::size_t i = 0; i < bytes.size(); ++i)
        if (bytes[i] != '\r' || i + 1 == bytes.size() || bytes[i + 1] != '\n') text += bytes[i];
    return text;
}

bool write_durably(const fs::path& file, const std::string& text) {
    const Descriptor opened(
        ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!opened) return false;
    for (std::size_t done = 0; done < text.size();) {
        const ssize_t count = ::write(opened.get(), text.data() + done, text.size() - done);
        if (count < 0 && errno != EINTR) return false;
        if (count > 0) done += static_cast<std::size_t>(count);
    }
    return ::fsync(opened.get()) == 0;
}

}  // namespace

// The name follows from the message: sent again after a crash, it takes its own place.
Answer MaildirTransport::send(const OutgoingMessage& message,
                              const std::function<void()>& before_content) {
    before_content();
    std::error_code error;
    fs::create_directories(folder_.parent_path(), error);
    for (const fs::path& folder : {folder_, folder_ / "cur", folder_ / "new", folder_ / "tmp"})
        if (!make_folder(folder)) return cannot("make", folder);
    const std::string name = fmt::format(
        "{}.I{}.keyrota",
        std::chrono::floor<std::chrono::seconds>(message.created_at).time_since_epoch().count(),
        message.message_id);
    const fs::path temporary = folder_ / "tmp" / name;
    const fs::path final = folder_ / "new" / name;
    if (!write_durably(temporary, without_carriage_returns(to_mime(message, identity_))))
        return cannot("write", temporary);
    if (::rename(temporary.c_str(), final.c_str()) != 0) return cannot("write", final);
    return {Answer::Kind::sent, "", final.string()};
}

}  // namespace keyrota
