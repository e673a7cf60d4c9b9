#pragma once

#include <filesystem>

#include "notify/transport.h"

namespace keyrota {

/// Messages as files of a maildir (cur, new, tmp), which is made where it is missing: for trying
/// out, and for mail programs that read one. Only its owner may look in.
class MaildirTransport : public Transport {
  public:
    MaildirTransport(std::filesystem::path folder, MailIdentity identity)
        : folder_(std::move(folder)), identity_(std::move(identity)) {}
    Answer send(const OutgoingMessage& message,
                const std::function<void()>& before_content) override;

  private:
    std::filesystem::path folder_;
    MailIdentity identity_;
};

}  // namespace keyrota
