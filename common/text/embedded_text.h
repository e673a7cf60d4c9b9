#pragma once

namespace keyrota {

/// A file that was embedded at build time (cmake/EmbedSql.cmake: embed_texts), named without its
/// ending.
struct EmbeddedText {
    const char* name;
    const char* text;
};

}  // namespace keyrota
