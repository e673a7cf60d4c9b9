#include "sink/sink.h"

#include "report/escape.h"
#include "sink/exec_sink.h"
#include "sink/file_sink.h"

namespace keyrota {
namespace {

class PrintSink : public Sink {
  public:
    explicit PrintSink(std::ostream& terminal) : terminal_(terminal) {}

    std::vector<SinkAnswer> deliver(const std::vector<SecretDelivery>& deliveries) override {
        std::vector<SinkAnswer> answers;
        for (const SecretDelivery& delivery : deliveries) {
            terminal_ << "key " << delivery.key_id << " (" << for_terminal(delivery.name)
                      << "): " << delivery.secret->text() << std::endl;
            if (terminal_)
                answers.emplace_back();
            else
                answers.push_back({SinkAnswer::Kind::unknown, "it could not be shown"});
        }
        return answers;
    }

  private:
    std::ostream& terminal_;
};

}  // namespace

std::unique_ptr<Sink> open_sink(const SinkOptions& options) {
    if (options.type == "file") return std::make_unique<FileSink>(options);
    return std::make_unique<ExecSink>(options);
}

std::unique_ptr<Sink> print_sink(std::ostream& terminal) {
    return std::make_unique<PrintSink>(terminal);
}

}  // namespace keyrota
