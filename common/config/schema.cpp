#include "config/schema.h"

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sstream>

#include "config/options.h"
#include "time/timestamp.h"

namespace keyrota {
namespace {

using Poco::JSON::Array;
using Poco::JSON::Object;
using std::chrono::microseconds;
using Durations = std::vector<microseconds>;

constexpr const char* kDuration = "^[0-9]+(us|ms|s|m|h|d|w)$";
constexpr const char* kHasReference = R"(\$\{)";
constexpr const char* kName = R"(([a-z0-9-]|\$\{[A-Za-z_][A-Za-z0-9_]*\})+$)";
constexpr const char* kWord = "^[^\\u0000-\\u0020\\u007f,]*$";
constexpr const char* kNoControlCharacters = "^[^\\u0000-\\u001f\\u007f]*$";

Object::Ptr object() {
    return new Object(Poco::JSON_PRESERVE_KEY_ORDER);
}

template <typename... Items>
Array::Ptr array(const Items&... items) {
    Array::Ptr list = new Array;
    (list->add(items), ...);
    return list;
}

// What JSON Schema has no word for.
std::string bounds_in_words(const Option& option) {
    const std::string step =
        option.range.step == 1
            ? ""
            : fmt::format(", a multiple of {}", to_string(microseconds(option.range.step)));
    return fmt::format("from {} to {}{}", to_string(microseconds(option.range.min)),
                       to_string(microseconds(option.range.max)), step);
}

// The schema of a value, by the type of the member that takes it, and its default.
struct Describer {
    const Option& option;
    Object& schema;

    template <typename Text>  // std::string or std::filesystem::path
    void operator()(const Text* member) const {
        if (!option.choices.empty())
            describe_choices();
        else
            describe_text();
        // What an option would not take itself is not its default but its absence.
        const std::string text(*member);
        if (static_cast<std::int64_t>(text.size()) >= option.range.min) set_default(text);
    }
    void operator()(const std::int64_t* member) const {
        schema.set("type", "integer");
        schema.set("minimum", option.range.min);
        schema.set("maximum", option.range.max);
        set_default(*member);
    }
    void operator()(const microseconds* member) const {
        describe_duration(schema);
        set_default(to_string(*member));
    }
    void operator()(const Durations* member) const {
        Object::Ptr item = object();
        describe_duration(*item);
        schema.set("type", "array");
        schema.set("items", item);
        schema.set("uniqueItems", true);
        Array::Ptr durations = new Array;
        for (const microseconds duration : *member) durations->add(to_string(duration));
        set_default(durations);
    }
    void operator()(const std::vector<std::string>* member) const {
        Object::Ptr word = object();
        word->set("type", "string");
        word->set("minLength", option.range.min);
        word->set("maxLength", option.range.max);
        word->set("pattern", option.items == Items::words ? kWord : kNoControlCharacters);
        schema.set("type", "array");
        schema.set("items", word);
        if (option.items == Items::words) schema.set("uniqueItems", true);
        Array::Ptr words = new Array;
        for (const std::string& one : *member) words->add(one);
        set_default(words);
    }
    void operator()(const Schedules*) const {
        Object::Ptr schedule = object();
        schedule->set("type", array("string", "boolean"));  // YAML 1.1 reads `off` as false
        schema.set("type", array("object", "null"));
        schema.set("additionalProperties", schedule);
        set_default(object());
    }

  private:
    // What a rule does not set, it takes from policy.defaults.
    void set_default(const Poco::Dynamic::Var& value) const {
        if (!option.path.starts_with(kPolicyRules)) schema.set("default", value);
    }

    void describe_choices() const {
        Object::Ptr choice = object();
        Array::Ptr choices = new Array;
        for (const std::string& text : option.choices) choices->add(text);
        choice->set("enum", choices);
        Object::Ptr reference = object();
        reference->set("type", "string");
        reference->set("pattern", kHasReference);
        schema.set("anyOf", array(choice, reference));
    }
    void describe_text() const {
        schema.set("type", "string");
        if (option.range.min > 0) schema.set("minLength", option.range.min);
        schema.set("maxLength", option.range.max);
        schema.set("pattern", pattern());
    }
    // The names of items are those that others refer to them by; one of each kind is taken.
    std::string pattern() const {
        if (option.path == "policy.rules[].name") return std::string("^(?!default$)") + kName;
        if (option.path == "sinks[].name") return std::string("^(?!print$)") + kName;
        if (option.path == "webhooks[].name") return std::string("^(?!operator$)") + kName;
        return kNoControlCharacters;
    }
    void describe_duration(Object& duration) const {
        duration.set("type", "string");
        duration.set("pattern", kDuration);
        duration.set("description", bounds_in_words(option));
    }
};

Object::Ptr mapping(Object::Ptr schema) {
    schema->set("type", "object");
    schema->set("properties", object());
    schema->set("additionalProperties", false);
    return schema;
}

// A section may be empty: all of its options are commented out.
Object::Ptr section_schema() {
    Object::Ptr section = mapping(object());
    section->set("type", array("object", "null"));
    return section;
}

Object::Ptr list_schema(const std::string& key) {
    Object::Ptr item = mapping(object());
    item->set("required",
              array("name", key == "rules" ? "match" : (key == "webhooks" ? "url" : "type")));
    Object::Ptr list = object();
    list->set("type", array("array", "null"));
    list->set("items", item);
    return list;
}

// The section with this name below `section`, made where it is new; of a list (`rules[]`) what its
// items are.
Object::Ptr below(const Object::Ptr& section, const std::string& name) {
    const bool is_list = name.ends_with("[]");
    const std::string key = is_list ? name.substr(0, name.size() - 2) : name;
    Object::Ptr properties = section->getObject("properties");
    if (!properties->has(key)) {
        Object::Ptr made = is_list ? list_schema(key) : section_schema();
        if (key == "match") {
            made->set("type", "object");
            made->set("minProperties", 1);
        }
        properties->set(key, made);
    }
    Object::Ptr found = properties->getObject(key);
    return is_list ? found->getObject("items") : found;
}

void add_option(const Object::Ptr& root, const Option& option, Config& config, ListItem& item) {
    Object::Ptr section = root;
    std::size_t begin = 0;
    for (std::size_t dot = option.path.find('.'); dot != std::string::npos;
         begin = dot + 1, dot = option.path.find('.', begin))
        section = below(section, option.path.substr(begin, dot - begin));

    Object::Ptr schema = object();
    std::visit(Describer{option, *schema}, option.member(config, item));
    const std::string bounds = schema->optValue<std::string>("description", "");
    schema->set("description", bounds.empty() ? option.help : option.help + "; " + bounds);
    section->getObject("properties")->set(option.path.substr(begin), schema);
}

}  // namespace

std::string config_schema() {
    Object::Ptr root = object();
    root->set("$schema", "https://json-schema.org/draft/2020-12/schema");
    root->set("title", "keyrota.yaml");
    mapping(root);
    Config config;
    ListItem item{.rule = built_in_rule()};
    for (const Option& option : options()) add_option(root, option, config, item);
    std::ostringstream text;
    root->stringify(text, 2);
    return text.str();
}

}  // namespace keyrota
