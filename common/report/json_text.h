#pragma once

#include <Poco/JSON/Object.h>

#include <sstream>
#include <string>

namespace keyrota {

/// A JSON object or array as the text of a jsonb parameter.
template <class ObjectOrArray>
std::string json_text(const ObjectOrArray& json) {
    std::ostringstream text;
    json.stringify(text);
    return text.str();
}

}  // namespace keyrota
