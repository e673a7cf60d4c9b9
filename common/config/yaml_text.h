#pragma once

#include <yaml-cpp/yaml.h>

#include <optional>
#include <string>

namespace keyrota {

/// What a YAML text that should be one document holds.
struct YamlText {
    YAML::Node document;                     // null: there is none
    std::optional<YAML::Mark> another_at{};  // where a second one begins
};

/// Looks no further than where a second document begins: yaml-cpp 0.7 finds documents without end
/// in a text such as `,`. @throws YAML::Exception for what is not YAML.
YamlText read_yaml(const std::string& text);

}  // namespace keyrota
