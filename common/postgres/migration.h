#pragma once

namespace keyrota {

/// One file of config/schema, whole. Never edited once released: databases remember its checksum.
struct Migration {
    int version;
    const char* name;  // 0002_keys
    const char* text;
};

}  // namespace keyrota
