#pragma once

#include <sys/types.h>
#include <zlib.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace keyrota {

/// The content of a log: of a file as it stands, of a compressed one (gzip, by what it begins with)
/// or of standard input. Offsets are of the content, so that a log has the same ones before and
/// after it was compressed.
class LogBytes {
  public:
    /// So much of a log's beginning says which one it is.
    static constexpr std::size_t kBeginning = 4096;

    /// @param path `-` for standard input.
    /// @throws Error{usage} for what cannot be read, or is no log: a directory, a binary file.
    explicit LogBytes(const std::string& path);
    ~LogBytes();
    LogBytes(const LogBytes&) = delete;
    LogBytes& operator=(const LogBytes&) = delete;

    /// @returns how many bytes came; 0 at the end. Of a file as it stands there may be more later.
    std::size_t read(char* to, std::size_t most);
    /// The next read begins there. @returns false where the content ends before.
    /// @throws Error{usage} for standard input that would have to go back.
    bool go_to(std::int64_t offset);

    /// The first bytes, as far as they have been there.
    std::string_view beginning() const { return beginning_; }
    /// What messages call it.
    const std::string& name() const { return name_; }
    /// A file as it stands, which may grow.
    bool may_grow() const { return is_regular_ && !inflating_; }
    /// A compressed file that ends too early, or is damaged behind what was read.
    bool is_cut_short() const { return is_cut_short_; }
    /// Whether the file begins otherwise now, or is shorter than what was read of it: it was
    /// truncated and written anew.
    bool was_rewritten() const;
    /// Whether `path` is this very file.
    bool is_at(const std::string& path) const;

  private:
    void open(const std::string& path);
    void look_at_the_beginning();
    void restart();
    std::size_t raw(char* to, std::size_t most);
    std::size_t inflated(char* to, std::size_t most);
    std::size_t source(char* to, std::size_t most) {
        return inflating_ ? inflated(to, most) : raw(to, most);
    }
    [[noreturn]] void refuse(const std::string& what, const std::string& hint = "") const;

    std::string name_;
    int descriptor_ = -1;
    bool is_regular_ = false;
    std::string beginning_;
    std::int64_t offset_ = 0;   // of the next read
    std::int64_t decoded_ = 0;  // how far the source came
    struct Inflating {
        z_stream stream{};
        bool is_at_start_of_member = true;
    };
    std::unique_ptr<Inflating> inflating_;
    std::vector<char> raw_;  // read, and not yet used
    std::size_t raw_begin_ = 0, raw_end_ = 0;
    bool is_cut_short_ = false;
};

}  // namespace keyrota
