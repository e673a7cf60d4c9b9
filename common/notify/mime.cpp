#include "notify/mime.h"

#include <fmt/format.h>
#include <gmime/gmime.h>

#include <memory>

#include "report/escape.h"

namespace keyrota {
namespace {

struct Unref {
    void operator()(gpointer object) const { g_object_unref(object); }
};
template <typename Object>
using Owned = std::unique_ptr<Object, Unref>;

constexpr const char* kCharset = "UTF-8";  // else a name is written in what comes first to mind

// A header is one line, and shows in the order in which it is read: line breaks begin no other
// header, and marks that turn the direction of writing dress up no name; nor does `=?UTF-8?...?=`,
// which a reader takes for other words.
std::string one_line(std::string_view text) {
    std::string line;
    for (const char c : text) {
        if (c == '?' && line.ends_with('=')) line += ' ';
        line += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
    }
    return for_terminal(line);
}

std::string quoted_printable(const std::string& text) {
    GMimeEncoding encoder;
    g_mime_encoding_init_encode(&encoder, GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE);
    std::string encoded(g_mime_encoding_outlen(&encoder, text.size()), '\0');
    encoded.resize(g_mime_encoding_flush(&encoder, text.data(), text.size(), encoded.data()));
    return encoded;
}

Owned<GMimePart> text_part(const char* subtype, const std::string& text) {
    Owned<GMimeTextPart> part(g_mime_text_part_new_with_subtype(subtype));
    g_mime_text_part_set_charset(part.get(), "utf-8");
    // In ASCII and short lines, so that nothing on the way needs to touch it. Encoded here: left to
    // the part it costs four times as much.
    const std::string encoded = quoted_printable(text);
    const Owned<GMimeStream> stream(
        g_mime_stream_mem_new_with_buffer(encoded.data(), encoded.size()));
    const Owned<GMimeDataWrapper> content(
        g_mime_data_wrapper_new_with_stream(stream.get(), GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE));
    g_mime_part_set_content(GMIME_PART(part.get()), content.get());
    g_mime_part_set_content_encoding(GMIME_PART(part.get()),
                                     GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE);
    return Owned<GMimePart>(GMIME_PART(part.release()));
}

Owned<GMimeObject> body_of(const OutgoingMessage& message) {
    Owned<GMimePart> text = text_part("plain", message.text_body);
    if (message.html_body.empty()) return Owned<GMimeObject>(GMIME_OBJECT(text.release()));
    const Owned<GMimePart> html = text_part("html", message.html_body);
    Owned<GMimeMultipart> both(g_mime_multipart_new_with_subtype("alternative"));
    // No line of quoted-printable text holds "=_", so it needs no chance to be unlike all others.
    g_mime_multipart_set_boundary(both.get(),
                                  fmt::format("=_keyrota_{}", message.message_id).c_str());
    g_mime_multipart_add(both.get(), GMIME_OBJECT(text.get()));
    g_mime_multipart_add(both.get(), GMIME_OBJECT(html.get()));
    return Owned<GMimeObject>(GMIME_OBJECT(both.release()));
}

void add_mailbox(GMimeMessage* mime, GMimeAddressType type, const std::string& name,
                 const std::string& address) {
    g_mime_message_add_mailbox(mime, type, name.empty() ? nullptr : one_line(name).c_str(),
                               address.c_str());
    internet_address_set_charset(
        internet_address_list_get_address(g_mime_message_get_addresses(mime, type), 0), kCharset);
}

// As it stands: some readers do not unfold List-Unsubscribe.
void add_unfolded(GMimeMessage* mime, const char* name, const std::string& value) {
    GMimeHeaderList* headers = g_mime_object_get_header_list(GMIME_OBJECT(mime));
    g_mime_header_list_append(headers, name, "", kCharset);
    g_mime_header_set_raw_value(g_mime_header_list_get_header(headers, name),
                                (" " + value + "\n").c_str());
}

void add_header(GMimeMessage* mime, const char* name, const std::string& value) {
    g_mime_object_append_header(GMIME_OBJECT(mime), name, value.c_str(), kCharset);
}

void add_headers(GMimeMessage* mime, const OutgoingMessage& message, const MailIdentity& identity) {
    add_mailbox(mime, GMIME_ADDRESS_TYPE_FROM, "keyrota", identity.from);
    add_mailbox(mime, GMIME_ADDRESS_TYPE_TO, message.recipient_name, message.recipient);
    g_mime_message_set_subject(mime, one_line(message.subject).c_str(), kCharset);
    GDateTime* date = g_date_time_new_from_unix_utc(
        std::chrono::floor<std::chrono::seconds>(message.created_at).time_since_epoch().count());
    g_mime_message_set_date(mime, date);
    g_date_time_unref(date);
    g_mime_message_set_message_id(mime, mime_message_id(identity, message.message_id).c_str());
    if (message.root_id) {
        const std::string root = "<" + mime_message_id(identity, *message.root_id) + ">";
        add_header(mime, "In-Reply-To", root);
        add_header(mime, "References", root);
    }
    add_header(mime, "Auto-Submitted", "auto-generated");
    if (!identity.unsubscribe.empty())
        add_unfolded(mime, "List-Unsubscribe", "<" + identity.unsubscribe + ">");
    // Only a POST there unsubscribes (RFC 8058): scanners of links follow every GET.
    if (identity.unsubscribe.starts_with("https://"))
        add_header(mime, "List-Unsubscribe-Post", "List-Unsubscribe=One-Click");
    if (message.run_id != 0) add_header(mime, "X-Keyrota-Run", fmt::to_string(message.run_id));
}

std::string bytes_of(GMimeMessage* mime) {
    GMimeFormatOptions* options = g_mime_format_options_new();
    g_mime_format_options_set_newline_format(options, GMIME_NEWLINE_FORMAT_DOS);
    const Owned<GMimeStream> stream(g_mime_stream_mem_new());
    g_mime_object_write_to_stream(GMIME_OBJECT(mime), options, stream.get());
    g_mime_format_options_free(options);
    const GByteArray* bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream.get()));
    return {reinterpret_cast<const char*>(bytes->data), bytes->len};
}

}  // namespace

std::string mime_message_id(const MailIdentity& identity, std::int64_t message_id) {
    return fmt::format("{}@{}", message_id, identity.installation);
}

std::string to_mime(const OutgoingMessage& message, const MailIdentity& identity) {
    static const bool is_ready = (g_mime_init(), true);
    static_cast<void>(is_ready);
    const Owned<GMimeMessage> mime(g_mime_message_new(FALSE));
    add_headers(mime.get(), message, identity);
    g_mime_message_set_mime_part(mime.get(), body_of(message).get());
    return bytes_of(mime.get());
}

}  // namespace keyrota
