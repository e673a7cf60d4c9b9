#include "sink/file_sink.h"

#include <Poco/JSON/Object.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <set>

#include "config/trusted_file.h"
#include "error/error.h"
#include "report/json_text.h"

namespace keyrota {
namespace {

using Kind = SinkAnswer::Kind;

// Up to so many files each is synced by itself: one key of a breach need not wait until everything
// that others have written to the file system is on the disk.
constexpr std::size_t kFew = 8;

SinkAnswer refused(const std::string& what) {
    const int error = errno;
    return {Kind::refused, fmt::format("cannot {}: {}", what, std::strerror(error))};
}

std::string file_of(const SecretDelivery& delivery) {
    return fmt::format("key-{}.json", delivery.lineage_id);
}

// Hidden from who looks for key-*.json. The same at the next try, which so removes what a crash
// left.
std::string temporary_of(const SecretDelivery& delivery) {
    return fmt::format(".{}.new", file_of(delivery));
}

// All of the content but its end.
std::string described(const SecretDelivery& delivery) {
    Poco::JSON::Object json(Poco::JSON_PRESERVE_KEY_ORDER);
    const auto or_null = [](const std::string& text) {
        return text.empty() ? Poco::Dynamic::Var() : Poco::Dynamic::Var(text);
    };
    json.set("key_id", delivery.key_id);
    json.set("predecessor_id", delivery.predecessor_id);
    json.set("token", delivery.token);
    json.set("name", delivery.name);
    json.set("environment", delivery.environment);
    json.set("type", delivery.type);
    json.set("owner", or_null(delivery.owner));
    json.set("expires_at", or_null(delivery.expires_at ? to_string(*delivery.expires_at) : ""));
    std::string text = json_text(json);
    text.pop_back();
    return text;
}

// The characters of a secret mean nothing to JSON (key_format.h), and no library gets a copy of it.
LockedText end_with(const Secret& secret) {
    LockedText end(R"(,"secret":")");
    end += secret.text();
    end += "\"}\n";
    return end;
}

bool write_all(int file, std::string_view text) {
    for (std::size_t done = 0; done < text.size();) {
        const ssize_t count = ::write(file, text.data() + done, text.size() - done);
        if (count < 0 && errno != EINTR) return false;
        if (count > 0) done += static_cast<std::size_t>(count);
    }
    return true;
}

enum class Durable { by_itself, with_all };

// The whole content under the temporary name.
SinkAnswer write_temporary(int directory, const SecretDelivery& delivery, Durable durable) {
    const std::string name = temporary_of(delivery);
    ::unlinkat(directory, name.c_str(), 0);
    const Descriptor file(::openat(directory, name.c_str(),
                                   O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file) return refused("make " + name);
    if (::fchmod(file.get(), 0600) != 0 || !write_all(file.get(), described(delivery)) ||
        !write_all(file.get(), end_with(*delivery.secret)) ||
        (durable == Durable::by_itself && ::fsync(file.get()) != 0))
        return refused("write " + name);
    return {};
}

void refuse_all(std::vector<SinkAnswer>& answers, const SinkAnswer& answer) {
    for (SinkAnswer& one : answers)
        if (one.kind == Kind::delivered) one = answer;
}

// Two processes would write the same temporary files: one after the other.
class LockedDirectory {
  public:
    explicit LockedDirectory(int directory) : directory_(directory) {
        do {
            is_locked_ = ::flock(directory, LOCK_EX) == 0;
        } while (!is_locked_ && errno == EINTR);
    }
    ~LockedDirectory() { ::flock(directory_, LOCK_UN); }
    LockedDirectory(const LockedDirectory&) = delete;
    LockedDirectory& operator=(const LockedDirectory&) = delete;

    explicit operator bool() const { return is_locked_; }

  private:
    int directory_;
    bool is_locked_ = false;
};

// Each file has its name, and that is on the disk.
void publish(int directory, const std::vector<SecretDelivery>& deliveries,
             std::vector<SinkAnswer>& answers) {
    for (std::size_t i = 0; i < deliveries.size(); ++i) {
        if (answers[i].kind != Kind::delivered) continue;
        const std::string name = file_of(deliveries[i]);
        // A link of this name is replaced and not followed.
        if (::renameat(directory, temporary_of(deliveries[i]).c_str(), directory, name.c_str()) !=
            0)
            answers[i] = refused("replace " + name);
    }
    if (::fsync(directory) != 0)
        refuse_all(answers, {Kind::unknown,
                             fmt::format("cannot sync the directory: {}", std::strerror(errno))});
}

}  // namespace

FileSink::FileSink(const SinkOptions& options)
    : path_(options.directory),
      directory_(::open(options.directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    const int error = errno;
    const std::string what =
        fmt::format("the directory {} of the sink {}", path_.string(), options.name);
    const auto user = find_system_user(::geteuid());
    const std::string hint =
        fmt::format("`install -d -m 700 -o {} {}`", user ? user->name : std::to_string(::geteuid()),
                    path_.string());
    if (!directory_)
        throw Error(ExitCode::config,
                    fmt::format("{} cannot be opened: {}", what, std::strerror(error)), hint);
    struct stat status {};
    if (::fstat(directory_.get(), &status) != 0 || status.st_uid != ::geteuid())
        throw Error(ExitCode::config, what + " does not belong to the user who runs keyrota", hint);
    if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        throw Error(
            ExitCode::config, what + " is accessible to users other than its owner",
            fmt::format(
                "Run `chmod 700 {}`, and rotate again the keys that somebody may have read.",
                path_.string()));
    if (const auto complaint = distrusted_folder(path_, what))
        throw Error(ExitCode::config, complaint->message, complaint->hint);
}

// Nothing has its name before all of it is on the disk, and nothing is answered before its name is.
// A thousand keys are one wait for the disk and not a thousand: syncfs writes what is dirty of the
// file system, and since Linux 5.8 says if it could not.
std::vector<SinkAnswer> FileSink::deliver(const std::vector<SecretDelivery>& deliveries) {
    std::vector<SinkAnswer> answers(deliveries.size());
    const int directory = directory_.get();
    const LockedDirectory locked(directory);
    if (!locked) {
        refuse_all(answers, refused("lock " + path_.string()));
        return answers;
    }
    const bool are_few = deliveries.size() <= kFew;
    std::set<std::int64_t> lineages;
    for (std::size_t i = 0; i < deliveries.size(); ++i)
        answers[i] = lineages.insert(deliveries[i].lineage_id).second
                         ? write_temporary(directory, deliveries[i],
                                           are_few ? Durable::by_itself : Durable::with_all)
                         : SinkAnswer{Kind::refused, "another key of its family came before it"};
    if (!are_few && ::syncfs(directory) != 0) refuse_all(answers, refused("sync the files"));
    publish(directory, deliveries, answers);
    for (std::size_t i = 0; i < deliveries.size(); ++i)
        if (answers[i].kind == Kind::refused)
            ::unlinkat(directory, temporary_of(deliveries[i]).c_str(), 0);
    return answers;
}

}  // namespace keyrota
