#pragma once

#include <yaml-cpp/yaml.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

namespace keyrota {

/// All that is wrong with a small YAML file, as its reader finds it: `FILE:LINE:COLUMN: ...`.
class YamlComplaints {
  public:
    explicit YamlComplaints(std::string file) : file_(std::move(file)) {}

    /// Lets `top` look at the document. @throws Error{config} with all complaints, if there are
    /// any.
    void read(const std::string& text, const std::function<void(const YAML::Node&)>& top);

    void add(const YAML::Mark& mark, const std::string& message, const std::string& hint = "");
    bool is_empty() const { return complaints_.empty(); }

    /// Whether the option may stand here and stands here for the first time; complains if not.
    bool is_known(const YAML::Node& name, const std::vector<std::string>& known,
                  std::set<std::string>& seen);

  private:
    std::string file_;
    std::vector<std::string> complaints_{};
};

}  // namespace keyrota
