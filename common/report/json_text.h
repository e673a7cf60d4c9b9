#pragma once

#include <Poco/JSON/Object.h>

#include <sstream>
#include <string>

namespace keyrota {

/// A JSON object as the text of a jsonb parameter.
inline std::string json_text(const Poco::JSON::Object& object) {
    std::ostringstream text;
    object.stringify(text);
    return text.str();
}

}  // namespace keyrota
