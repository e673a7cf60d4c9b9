#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace keyrota {

/// A file beside the one that it becomes (`NAME.new`, mode 0600): readers see the old one or the
/// new one, never a half. Without finish() nothing is left of it.
/// @throws Error{usage} when it cannot be written.
class NewFile {
  public:
    explicit NewFile(std::filesystem::path target);
    ~NewFile();
    NewFile(const NewFile&) = delete;
    NewFile& operator=(const NewFile&) = delete;

    void write(std::string_view text);
    /// On the disk, and under its name.
    void finish();

  private:
    void flush();
    [[noreturn]] void fail() const;

    std::filesystem::path target_;
    std::filesystem::path path_;
    int fd_ = -1;
    std::string buffer_;
};

}  // namespace keyrota
