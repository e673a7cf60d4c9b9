#include "support/mail_server.h"

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>

#include <fstream>
#include <iterator>
#include <sstream>

namespace keyrota::test {
namespace {

namespace fs = std::filesystem;

// Bytes that JSON carried as the characters of Latin-1.
std::string latin1(const std::string& utf8) {
    std::string bytes;
    for (std::size_t i = 0; i < utf8.size(); ++i) {
        const auto byte = static_cast<unsigned char>(utf8[i]);
        if (byte < 0x80)
            bytes += utf8[i];
        else
            bytes += static_cast<char>((byte & 0x03) << 6 | (utf8[++i] & 0x3f));
    }
    return bytes;
}

}  // namespace

std::string TakenMail::header(const std::string& name) const {
    const std::string head = "\r\n" + bytes.substr(0, bytes.find("\r\n\r\n"));
    std::size_t at = head.find("\r\n" + name + ": ");
    if (at == std::string::npos) return "";
    at += name.size() + 4;
    std::string value;
    for (;;) {
        const std::size_t end = std::min(head.find("\r\n", at), head.size());
        value += head.substr(at, end - at);
        at = end + 2;
        if (at >= head.size() || (head[at] != ' ' && head[at] != '\t')) return value;
    }
}

MailServer::MailServer(const Arguments& options, const std::string& node_modules) {
    Arguments argv{"/usr/bin/python3", KEYROTA_SOURCE_DIR "/tests/support/mail_server.py",
                   scratch_->path()};
    auto environment = bare_environment();
    if (!node_modules.empty()) {
        argv = {"/usr/bin/env", "node", KEYROTA_SOURCE_DIR "/tests/support/mail_server.mjs",
                scratch_->path()};
        environment["PATH"] = "/usr/local/bin:/usr/bin:/bin";
        environment["NODE_PATH"] = node_modules;
    }
    argv.insert(argv.end(), options.begin(), options.end());
    server_ = std::make_unique<Program>(argv, Start{.environment = environment});
    const fs::path file = scratch_->path() / "port";
    EXPECT_TRUE(eventually([&] { return fs::exists(file) || !server_->is_running(); }));
    EXPECT_TRUE(fs::exists(file)) << server_->wait().errors;
    std::ifstream(file) >> port_;
}

SmtpServer MailServer::address() const {
    return {.host = "localhost", .port = port_, .tls = SmtpServer::Tls::none};
}

std::vector<TakenMail> MailServer::taken() const {
    std::vector<TakenMail> mails;
    std::ifstream in(scratch_->path() / "taken");
    for (std::string line; std::getline(in, line);) {
        const auto object = Poco::JSON::Parser().parse(line).extract<Poco::JSON::Object::Ptr>();
        mails.push_back({.from = object->getValue<std::string>("from"),
                         .to = object->getArray("to")->getElement<std::string>(0),
                         .user = object->getValue<std::string>("user"),
                         .bytes = latin1(object->getValue<std::string>("bytes")),
                         .tls = object->getValue<bool>("tls")});
    }
    return mails;
}

std::string given_certificate(const Scratch& scratch, const std::string& name) {
    const std::string file = scratch.path() / (name + ".pem");
    const Outcome made =
        run({"/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=" + name,
             "-addext", "subjectAltName=DNS:" + name, "-keyout", file, "-out", file + ".crt"},
            {.environment = bare_environment()});
    EXPECT_EQ(made.exit_code, 0) << made.errors;
    std::ifstream certificate(file + ".crt");
    std::ofstream(file, std::ios::app) << certificate.rdbuf();
    return file;
}

std::string parsed_by_python(const std::string& bytes) {
    const Outcome parsed = run({"/usr/bin/python3", "-c", R"(
import email, email.policy, json, sys
mail = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
defects = [str(d) for part in mail.walk() for d in part.defects]
defects += [f"{name}: {d}" for name, value in mail.items() for d in value.defects]
parts = [[p.get_content_type(), p.get_content().replace('\r\n', '\n')] for p in mail.walk() if not p.is_multipart()]
headers = {}
for name, value in mail.items():
    headers[name] = headers[name] + " AND " + str(value) if name in headers else str(value)
print(json.dumps({"headers": headers, "defects": defects, "parts": parts}, ensure_ascii=False))
)"},
                               {.environment = {{"PYTHONIOENCODING", "utf-8"}}, .input = bytes});
    EXPECT_EQ(parsed.exit_code, 0) << parsed.errors;
    return parsed.out;
}

}  // namespace keyrota::test
