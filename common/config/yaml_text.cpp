#include "config/yaml_text.h"

#include <yaml-cpp/eventhandler.h>

#include <sstream>

namespace keyrota {
namespace {

// Only where the newest document begins: its first node, or else its mark.
class DocumentStarts : public YAML::EventHandler {
  public:
    void OnDocumentStart(const YAML::Mark& mark) override {
        last_ = mark;
        has_begun_ = false;
    }
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { see(mark); }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { see(mark); }
    void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                  const std::string&) override {
        see(mark);
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                         YAML::EmitterStyle::value) override {
        see(mark);
    }
    void OnSequenceEnd() override {}
    void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                    YAML::EmitterStyle::value) override {
        see(mark);
    }
    void OnMapEnd() override {}

    const YAML::Mark& last() const { return last_; }

  private:
    void see(const YAML::Mark& mark) {
        if (!has_begun_) last_ = mark;
        has_begun_ = true;
    }

    YAML::Mark last_;
    bool has_begun_ = false;
};

}  // namespace

YamlText read_yaml(const std::string& text) {
    std::istringstream in(text);
    YAML::Parser parser(in);
    DocumentStarts starts;
    YamlText read;
    if (!parser.HandleNextDocument(starts)) return read;
    if (parser.HandleNextDocument(starts)) read.another_at = starts.last();
    read.document = YAML::Load(text);
    return read;
}

}  // namespace keyrota
