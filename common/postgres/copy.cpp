#include "postgres/copy.h"

#include <endian.h>
#include <libpq-fe.h>

#include <cassert>
#include <cstring>

#include "error/error.h"
#include "postgres/refusal.h"

namespace keyrota {
namespace {

using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;

// PostgreSQL's epoch, 2000-01-01 UTC, in microseconds since 1970.
constexpr std::int64_t kPostgresEpoch = 946'684'800'000'000;
// Signature, flags and length of the header extension, which every binary COPY stream begins with.
constexpr std::string_view kHeader("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
constexpr std::int32_t kTextOid = 25;

[[noreturn]] void fail(PGconn* connection, const PGresult* result, const char* name) {
    const char* sqlstate = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : nullptr;
    if (!sqlstate) sqlstate = PQstatus(connection) == CONNECTION_BAD ? "08006" : "XX000";
    throw refused(sqlstate, name, connection);
}

// After COPY the connection must be read to the end before it can do anything else.
void drain(PGconn* connection, const char* name, bool throw_on_error) {
    for (;;) {
        const Result result(PQgetResult(connection), PQclear);
        if (!result) return;
        if (throw_on_error && PQresultStatus(result.get()) != PGRES_COMMAND_OK) {
            const char* sqlstate = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
            const std::string state = sqlstate ? sqlstate : "08006";
            drain(connection, name, false);
            throw refused(state, name, connection);
        }
    }
}

template <typename Integer>
Integer read_big_endian(const char* at) {
    Integer value{};
    std::memcpy(&value, at, sizeof value);
    if constexpr (sizeof value == 2)
        return static_cast<Integer>(be16toh(static_cast<std::uint16_t>(value)));
    if constexpr (sizeof value == 4)
        return static_cast<Integer>(be32toh(static_cast<std::uint32_t>(value)));
    if constexpr (sizeof value == 8)
        return static_cast<Integer>(be64toh(static_cast<std::uint64_t>(value)));
}

}  // namespace

struct CopyReader::Impl {
    PGconn* connection;
    const char* name;
    char* buffer = nullptr;  // libpq's, one row
    bool header_read = false;
    bool finished = false;
    std::vector<std::pair<const char*, std::int32_t>> fields;  // start and length, -1: NULL

    void release() {
        if (buffer) PQfreemem(buffer);
        buffer = nullptr;
    }
};

CopyReader::CopyReader(Session& session, const char* name, const std::string& query)
    : impl_(std::make_unique<Impl>()) {
    impl_->connection = session.native();
    impl_->name = name;
    const std::string copy = "copy (" + query + ") to stdout (format binary)";
    const Result result(PQexec(impl_->connection, copy.c_str()), PQclear);
    if (PQresultStatus(result.get()) != PGRES_COPY_OUT) fail(impl_->connection, result.get(), name);
}

CopyReader::~CopyReader() {
    impl_->release();
    if (impl_->finished) return;
    if (PGcancel* canceller = PQgetCancel(impl_->connection)) {
        char ignored[256];
        PQcancel(canceller, ignored, sizeof ignored);
        PQfreeCancel(canceller);
    }
    char* rest = nullptr;
    while (PQgetCopyData(impl_->connection, &rest, 0) > 0) PQfreemem(rest);
    drain(impl_->connection, impl_->name, false);
}

bool CopyReader::next() {
    Impl& reader = *impl_;
    if (reader.finished) return false;
    reader.release();
    const int length = PQgetCopyData(reader.connection, &reader.buffer, 0);
    if (length < 0) {
        reader.finished = true;
        if (length == -2) fail(reader.connection, nullptr, reader.name);
        drain(reader.connection, reader.name, true);
        return false;
    }
    const char* at = reader.buffer;
    const char* const end = at + length;
    if (!reader.header_read) {
        at += kHeader.size();
        reader.header_read = true;
    }
    reader.fields.clear();
    if (at == end) return next();  // a header by itself
    const auto count = read_big_endian<std::int16_t>(at);
    at += 2;
    if (count < 0) return next();  // the trailer; the end of the stream follows
    for (int i = 0; i < count; ++i) {
        const auto size = read_big_endian<std::int32_t>(at);
        at += 4;
        reader.fields.emplace_back(at, size);
        if (size > 0) at += size;
    }
    assert(at == end);
    return true;
}

bool CopyReader::is_null(std::size_t field) const {
    return impl_->fields.at(field).second < 0;
}
std::int64_t CopyReader::int64(std::size_t field) const {
    assert(impl_->fields.at(field).second == 8);
    return read_big_endian<std::int64_t>(impl_->fields[field].first);
}
std::int32_t CopyReader::int32(std::size_t field) const {
    assert(impl_->fields.at(field).second == 4);
    return read_big_endian<std::int32_t>(impl_->fields[field].first);
}
Timestamp CopyReader::instant(std::size_t field) const {
    return from_micros(int64(field) + kPostgresEpoch);
}
std::string_view CopyReader::bytes(std::size_t field) const {
    const auto& [start, size] = impl_->fields.at(field);
    return size < 0 ? std::string_view() : std::string_view(start, static_cast<std::size_t>(size));
}

struct CopyWriter::Impl {
    // One call to libpq a megabyte, not a row: its per-message cost would show.
    static constexpr std::size_t kBuffer = std::size_t{1} << 20;

    PGconn* connection;
    const char* name;
    std::string buffer;
    bool finished = false;

    template <typename Integer>
    void put(Integer value) {
        if constexpr (sizeof value == 2)
            value = static_cast<Integer>(htobe16(static_cast<std::uint16_t>(value)));
        if constexpr (sizeof value == 4)
            value = static_cast<Integer>(htobe32(static_cast<std::uint32_t>(value)));
        if constexpr (sizeof value == 8)
            value = static_cast<Integer>(htobe64(static_cast<std::uint64_t>(value)));
        buffer.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    void put_sized(std::string_view bytes) {
        put(static_cast<std::int32_t>(bytes.size()));
        buffer += bytes;
    }
    void flush() {
        if (PQputCopyData(connection, buffer.data(), static_cast<int>(buffer.size())) != 1)
            fail(connection, nullptr, name);
        buffer.clear();
    }
};

CopyWriter::CopyWriter(Session& session, const char* name, const std::string& target)
    : impl_(std::make_unique<Impl>()) {
    impl_->connection = session.native();
    impl_->name = name;
    const std::string copy = "copy " + target + " from stdin (format binary)";
    const Result result(PQexec(impl_->connection, copy.c_str()), PQclear);
    if (PQresultStatus(result.get()) != PGRES_COPY_IN) fail(impl_->connection, result.get(), name);
    impl_->buffer = kHeader;
}

CopyWriter::~CopyWriter() {
    if (impl_->finished) return;
    PQputCopyEnd(impl_->connection, "abandoned");
    drain(impl_->connection, impl_->name, false);
}

void CopyWriter::row(int fields) {
    if (impl_->buffer.size() >= Impl::kBuffer) impl_->flush();
    impl_->put(static_cast<std::int16_t>(fields));
}
void CopyWriter::null() {
    impl_->put(std::int32_t{-1});
}
void CopyWriter::int64(std::int64_t v) {
    impl_->put(std::int32_t{8});
    impl_->put(v);
}
void CopyWriter::int32(std::int32_t v) {
    impl_->put(std::int32_t{4});
    impl_->put(v);
}
void CopyWriter::int16(std::int16_t v) {
    impl_->put(std::int32_t{2});
    impl_->put(v);
}
void CopyWriter::boolean(bool v) {
    impl_->put_sized(v ? std::string_view("\1", 1) : std::string_view("\0", 1));
}
void CopyWriter::text(std::string_view v) {
    impl_->put_sized(v);
}
void CopyWriter::jsonb(std::string_view v) {
    impl_->put(static_cast<std::int32_t>(v.size() + 1));
    impl_->buffer += '\1';  // version of the format
    impl_->buffer += v;
}
void CopyWriter::instant(Timestamp v) {
    int64(to_micros(v) - kPostgresEpoch);
}

void CopyWriter::text_array(const std::vector<std::string_view>& v) {
    std::int32_t size = v.empty() ? 12 : 20;
    for (const std::string_view item : v) size += 4 + static_cast<std::int32_t>(item.size());
    impl_->put(size);
    impl_->put(std::int32_t{v.empty() ? 0 : 1});  // dimensions
    impl_->put(std::int32_t{0});                  // no NULL among them
    impl_->put(kTextOid);
    if (v.empty()) return;
    impl_->put(static_cast<std::int32_t>(v.size()));
    impl_->put(std::int32_t{1});  // lower bound
    for (const std::string_view item : v) impl_->put_sized(item);
}

void CopyWriter::cidr4(std::uint32_t address, unsigned prefix_length) {
    // family (PGSQL_AF_INET: AF_INET), bits, is_cidr, length, address
    const char head[] = {2, static_cast<char>(prefix_length), 1, 4};
    impl_->put(std::int32_t{8});
    impl_->buffer.append(head, sizeof head);
    impl_->put(address);
}

void CopyWriter::cidr6(std::uint64_t first_half, unsigned prefix_length) {
    const char head[] = {3, static_cast<char>(prefix_length), 1, 16};  // as above; PGSQL_AF_INET6
    impl_->put(std::int32_t{20});
    impl_->buffer.append(head, sizeof head);
    impl_->put(first_half);
    impl_->put(std::uint64_t{0});
}

void CopyWriter::finish() {
    impl_->put(std::int16_t{-1});
    impl_->flush();
    impl_->finished = true;
    if (PQputCopyEnd(impl_->connection, nullptr) != 1)
        fail(impl_->connection, nullptr, impl_->name);
    drain(impl_->connection, impl_->name, true);
}

}  // namespace keyrota
