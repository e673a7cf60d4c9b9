#pragma once

#include "sink/sink.h"

namespace keyrota {

/// Starts a program for each secret, which gets it on its standard input and the rest as variables.
/// Its exit status decides: 0 delivered, 128 + N (a signal ended it or what it ran) and a timeout
/// unknown, any other refused.
class ExecSink : public Sink {
  public:
    /// @throws Error{config} when the program is missing or others could change it.
    explicit ExecSink(SinkOptions options);

    std::vector<SinkAnswer> deliver(const std::vector<SecretDelivery>& deliveries) override;

  private:
    SinkAnswer run(const SecretDelivery& delivery, bool& timed_out) const;
    std::string said(const std::string& errors, const Secret& secret) const;

    SinkOptions options_;
};

}  // namespace keyrota
