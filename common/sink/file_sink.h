#pragma once

#include <filesystem>

#include "postgres/process.h"
#include "sink/sink.h"

namespace keyrota {

/// Writes each secret into `key-LINEAGE.json` (mode 0600) of a directory that is closed to others.
/// Readers see the file of the rotation before or the new one, never a half.
class FileSink : public Sink {
  public:
    /// @throws Error{config} when the directory is missing or not ours alone.
    explicit FileSink(const SinkOptions& options);

    std::vector<SinkAnswer> deliver(const std::vector<SecretDelivery>& deliveries) override;

  private:
    std::filesystem::path path_;
    Descriptor directory_;
};

}  // namespace keyrota
