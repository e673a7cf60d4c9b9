#include "waiver/waiver_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "config/options.h"
#include "config/trusted_file.h"
#include "config/yaml_text.h"
#include "error/error.h"
#include "error/suggestion.h"

namespace keyrota {
namespace {

constexpr std::size_t kLargestFile = std::size_t{1} << 20;

bool is_list_field(const std::string& path) {
    return path == "checks" || path.find('.') != std::string::npos;
}

// Reads one file; complains of everything that is wrong with it.
class WaiverReader {
  public:
    explicit WaiverReader(std::string file) : file_(std::move(file)) {}

    std::vector<Waiver> read(std::string text) {
        if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);  // marks count from after it
        if (text.size() > kLargestFile)
            complain({}, fmt::format("the file is larger than {} KiB", kLargestFile / 1024));
        else
            parse(text);
        if (problems_.empty()) return std::move(waivers_);
        std::stable_sort(problems_.begin(), problems_.end(), [](const auto& a, const auto& b) {
            return std::tie(a.line, a.column) < std::tie(b.line, b.column);
        });
        std::string message;
        for (const Problem& problem : problems_)
            message += (message.empty() ? "" : "\n") + problem.text;
        throw Error(ExitCode::config, message);
    }

  private:
    struct Problem {
        int line;
        int column;
        std::string text;
    };

    std::string place_of(const YAML::Mark& mark) const {
        return fmt::format("{}:{}:{}", file_, std::max(mark.line, 0) + 1,
                           std::max(mark.column, 0) + 1);
    }

    void complain(const YAML::Mark& mark, const std::string& message,
                  const std::string& hint = "") {
        problems_.push_back({mark.line, mark.column,
                             fmt::format("{}: {}{}{}", place_of(mark), message,
                                         hint.empty() ? "" : "\n  HINT: ", hint)});
    }

    void parse(const std::string& text) {
        try {
            const YamlText read = read_yaml(text);
            if (read.document.IsNull() && !read.another_at)
                complain({}, "the file is empty", "Write `waivers: []` if there are none.");
            else if (read.another_at)
                complain(*read.another_at, "a second YAML document begins here");
            else
                top(read.document);
        } catch (const YAML::Exception& error) {
            complain(error.mark, "not valid YAML: " + error.msg.substr(0, error.msg.find(':')));
        }
    }

    // Whether the name may stand here and stands here for the first time.
    bool is_known(const YAML::Node& name, const std::vector<std::string>& known,
                  std::set<std::string>& seen) {
        if (!name.IsScalar()) {
            complain(name.Mark(), "the name of a field must be a string");
            return false;
        }
        if (std::find(known.begin(), known.end(), name.Scalar()) == known.end()) {
            std::string hint = did_you_mean(name.Scalar(), known);
            if (hint.empty()) hint = fmt::format("Known here: {}.", fmt::join(known, ", "));
            complain(name.Mark(), "unknown field " + in_quotes(name.Scalar()), hint);
            return false;
        }
        if (seen.insert(name.Scalar()).second) return true;
        complain(name.Mark(), name.Scalar() + " is set twice");
        return false;
    }

    void top(const YAML::Node& node) {
        if (!node.IsMap())
            return complain(node.Mark(), "the file must be a mapping with the one field waivers");
        std::set<std::string> seen;
        for (const auto& entry : node)
            if (is_known(entry.first, {"waivers"}, seen)) list(entry.first, entry.second);
        if (problems_.empty() && seen.empty())
            complain(node.Mark(), "waivers is missing", "Write `waivers: []` if there are none.");
    }

    void list(const YAML::Node& name, const YAML::Node& node) {
        if (!node.IsSequence())
            return complain(node.IsNull() ? name.Mark() : node.Mark(), "waivers must be a list",
                            "Write `waivers: []` if there are none.");
        if (node.size() > kMostWaivers)
            return complain(node.Mark(),
                            fmt::format("there are more than {} waivers", kMostWaivers),
                            "One waiver can name many keys.");
        std::set<std::string> names;
        for (const YAML::Node& item : node) {
            if (!item.IsMap()) {
                complain(item.IsNull() ? name.Mark() : item.Mark(), "a waiver must be a mapping");
                continue;
            }
            const std::size_t before = problems_.size();
            Waiver waiver = one(item);
            // What a field lacks because of a mistake in it is said already.
            if (problems_.size() == before)
                for (const Complaint& complaint : complaints_about(waiver))
                    complain(item.Mark(), complaint.message, complaint.hint);
            if (!waiver.name.empty() && !names.insert(waiver.name).second)
                complain(item.Mark(),
                         fmt::format("another waiver is named {}", in_quotes(waiver.name)));
            waivers_.push_back(std::move(waiver));
        }
    }

    Waiver one(const YAML::Node& node) {
        Waiver waiver;
        waiver.place = place_of(node.Mark());
        std::set<std::string> seen;
        for (const auto& entry : node) {
            if (!is_known(entry.first, waiver_fields(""), seen)) continue;
            const std::string& field = entry.first.Scalar();
            if (field == "match" || field == "except")
                match(waiver, field, entry.first, entry.second);
            else
                value(waiver, field, entry.first, entry.second);
        }
        return waiver;
    }

    void match(Waiver& waiver, const std::string& section, const YAML::Node& name,
               const YAML::Node& node) {
        const std::vector<std::string>& known = waiver_fields(section);
        if (!node.IsMap() || node.size() == 0)
            return complain(node.IsNull() ? name.Mark() : node.Mark(),
                            section + " must be a mapping that says which keys",
                            fmt::format("Known here: {}.", fmt::join(known, ", ")));
        std::set<std::string> seen;
        for (const auto& entry : node)
            if (is_known(entry.first, known, seen))
                value(waiver, fmt::format("{}.{}", section, entry.first.Scalar()), entry.first,
                      entry.second);
    }

    void value(Waiver& waiver, const std::string& field, const YAML::Node& name,
               const YAML::Node& node) {
        if (!is_list_field(field)) return text(waiver, field, name, node);
        // An empty list looks like "none" and would mean "any".
        if (!node.IsSequence() || node.size() == 0)
            return complain(node.IsNull() ? name.Mark() : node.Mark(),
                            fmt::format("{} must be a list with at least one item", field),
                            "For example [one, another]; leave the field out if it does not "
                            "matter.");
        if (node.size() > kMostWaiverItems)
            return complain(node.Mark(),
                            fmt::format("{} has more than {} items", field, kMostWaiverItems));
        for (const YAML::Node& item : node) text(waiver, field, name, item);
    }

    void text(Waiver& waiver, const std::string& field, const YAML::Node& name,
              const YAML::Node& node) {
        const YAML::Mark mark = node.IsNull() ? name.Mark() : node.Mark();
        if (!node.IsScalar())
            return complain(mark, fmt::format("{}{} must be a single value",
                                              is_list_field(field) ? "an item of " : "", field));
        if (node.Tag() != "?" && node.Tag() != "!")
            return complain(mark, field + " has a YAML tag, which no field accepts");
        if (const auto complaint = set_waiver_field(waiver, field, node.Scalar()))
            complain(mark, complaint->message, complaint->hint);
    }

    std::string file_;
    std::vector<Waiver> waivers_;
    std::vector<Problem> problems_;
};

}  // namespace

std::vector<Waiver> parse_waivers(const std::string& text, const std::string& file) {
    return WaiverReader(file).read(text);
}

std::vector<Waiver> read_waiver_file(const std::filesystem::path& file) {
    const TrustedFile read = read_trusted_file(file, "the waiver file", Kept::from_writers);
    if (!read.text)
        throw Error(ExitCode::config, fmt::format("{}: {}", file.string(), read.why.message),
                    read.why.hint);
    return parse_waivers(*read.text, file.string());
}

}  // namespace keyrota
