#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "time/timestamp.h"

namespace keyrota {

/// One SQL statement with named parameters (`:as_of`). The name is what logs and errors show; text
/// never reaches them. Ordinary statements come from .sql files (cmake/EmbedSql.cmake); a short one
/// may be a constant beside its function.
struct Statement {
    const char* name;
    const char* text;
};

/// A value bound to a parameter; monostate is NULL. An instant goes as microseconds: write
/// keyrota.instant(:x) in SQL.
using Value = std::variant<std::monostate, std::int64_t, double, std::string>;

/// A named parameter. Made from what callers have at hand, so that a list of them reads like a call
/// with names.
struct Param {
    Param(std::string_view n, std::int64_t v) : name(n), value(v) {}
    Param(std::string_view n, int v) : name(n), value(std::int64_t{v}) {}
    Param(std::string_view n, double v) : name(n), value(v) {}
    Param(std::string_view n, std::string v) : name(n), value(std::move(v)) {}
    Param(std::string_view n, std::string_view v) : name(n), value(std::string(v)) {}
    Param(std::string_view n, const char* v) : name(n), value(std::string(v)) {}
    Param(std::string_view n, Timestamp v) : name(n), value(to_micros(v)) {}
    Param(std::string_view n, std::monostate) : name(n) {}
    Param(std::string_view n, const std::optional<std::int64_t>& v) : name(n) {
        if (v) value = *v;
    }
    Param(std::string_view n, const std::optional<Timestamp>& v) : name(n) {
        if (v) value = to_micros(*v);
    }
    Param(std::string_view n, bool) = delete;  // PostgreSQL would see an integer; say it in SQL

    std::string name;
    Value value;
};
using Params = std::vector<Param>;

/// An empty text as NULL.
inline Param text_or_null(std::string_view name, const std::string& text) {
    return text.empty() ? Param(name, std::monostate{}) : Param(name, text);
}

}  // namespace keyrota
