#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "commands/ingest/log_record.h"
#include "secret/sha256.h"

namespace keyrota {

/// One call, as a line tells of it. Texts are valid until the next line.
struct Call {
    std::int64_t minute = 0;  // since 1970
    int status = 0;
    std::string_view key;        // a reference: its kind, then its bytes; empty: none
    std::string_view query_key;  // likewise, of the secret in the URL
    std::uint64_t network = 0;   // network_of; 0: none
    std::string_view scope;
    bool browser = false;
};

/// What a reference to a key is, by its first character. There is no secret among them.
namespace reference {
inline constexpr char kId = 'i';        // eight bytes
inline constexpr char kHash = 'h';      // the 32 bytes of SHA-256
inline constexpr char kExternal = 'x';  // the text
}  // namespace reference

/// Reads calls out of records.
class CallReader {
  public:
    /// @param map lives longer.
    explicit CallReader(const LogMap& map) : map_(map) {}

    /// @returns why the line is malformed; null where it is not.
    const char* read(const LogRecord& record, Call& call);

  private:
    std::int64_t minute(std::string_view text);
    const char* key(const LogRecord& record, Call& call);
    void secret_in_url(std::string_view url);
    const char* reference_of(std::string_view key);
    std::string_view said(const LogRecord& record, LogField field) const {
        const std::string_view text = record[field];
        return map_.means_nothing(text) ? std::string_view() : text;
    }

    void refer_to_secret(std::string_view secret, std::string& to);

    const LogMap& map_;
    Sha256 sha256_;
    std::string key_, query_key_;
    std::string last_at_;  // a text that is a time, and its minute
    std::int64_t last_minute_ = -1;
};

/// The minute of an instant as a log writes it; -1 where it is none, or not within 1970 to 9999.
std::int64_t minute_of(std::string_view text, LogTime format);

/// The /24 of an IPv4 address or the /48 of an IPv6 one, with a port or without; 0 for anything
/// else. The two upper bits are 1 or 2: which of both; the lower 48 the first bytes of the address.
std::uint64_t network_of(std::string_view address);
inline constexpr std::uint64_t kNetworkV4 = std::uint64_t{1} << 62;
inline constexpr std::uint64_t kNetworkV6 = std::uint64_t{2} << 62;

}  // namespace keyrota
