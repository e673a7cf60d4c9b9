#pragma once

#include <filesystem>
#include <kainjow/mustache.hpp>
#include <string>
#include <string_view>

namespace keyrota {

/// What is wrong with a template, `line:column: ...`; empty where nothing is. It may use the names
/// that render.cpp gives values to, as `{{name}}`, `{{#name}}`, `{{^name}}`, `{{/name}}`, and
/// `{{! comments}}`: nothing that is not escaped, so neither `{{{` nor `{{&`, and no other file.
std::string fault_of_template(std::string_view text);

/// The texts that mail is made of: the built-in ones (config/templates), or files of the same names
/// in a folder of the user's own.
class Templates {
  public:
    /// @param folder may hold notice_text.mustache, notice_html.mustache, and report_text and
    /// report_html of the weekly report; empty: none.
    /// @throws Error{config} with file, line and column for one that is wrong, or that others could
    /// have written.
    explicit Templates(const std::filesystem::path& folder);

    /// Every value on one line and without control or direction-changing characters; in HTML also
    /// escaped for it.
    std::string text(const kainjow::mustache::data& data);
    std::string html(const kainjow::mustache::data& data) { return notice_.html.render(data); }
    std::string report_text(const kainjow::mustache::data& data);
    std::string report_html(const kainjow::mustache::data& data) {
        return report_.html.render(data);
    }

  private:
    struct Pair {
        kainjow::mustache::mustache text;
        kainjow::mustache::mustache html;
    };
    Pair notice_;
    Pair report_;
};

}  // namespace keyrota
