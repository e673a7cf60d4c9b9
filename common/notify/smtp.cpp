#include "notify/smtp.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>
#include <string_view>
#include <utility>

namespace keyrota {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

constexpr int kWholeMessage = 4;  // times the patience for one answer

// How far the conversation came.
enum class Stage { greeting, mail, recipient, data, content };

// One conversation as it goes on: what the server said last, and to what. libcurl tells in its own
// words what failed, never in the server's.
struct Conversation {
    Stage stage = Stage::greeting;
    bool is_over = false;   // we said goodbye; the answer to that is nobody's
    std::string words;      // of the last answer, all its lines in one
    bool is_ended = true;   // the last line of that answer has come
    std::string_view left;  // of the message, to be sent
    bool is_all_sent = false;
    const std::function<void()>* before_content = nullptr;  // null: it was called
    std::exception_ptr objection;                           // what it threw
};

void hear_command(Conversation& talk, std::string_view command) {
    if (command.starts_with("MAIL FROM")) talk.stage = Stage::mail;
    if (command.starts_with("RCPT TO")) talk.stage = Stage::recipient;
    if (command.starts_with("DATA")) talk.stage = Stage::data;
    if (command.starts_with("QUIT")) talk.is_over = true;
}

// `250-first` goes on, `250 last` ends.
void hear_answer(Conversation& talk, std::string_view line) {
    if (talk.is_over) return;
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
    constexpr std::size_t kLongest = 1000;
    const bool goes_on = line.size() > 3 && line[3] == '-';
    if (talk.is_ended)
        talk.words.clear();
    else
        line.remove_prefix(std::min<std::size_t>(4, line.size()));
    if (talk.words.size() < kLongest) {
        if (!talk.words.empty()) talk.words += ' ';
        talk.words += line.substr(0, kLongest);
    }
    talk.is_ended = !goes_on;
}

int on_debug(CURL*, curl_infotype type, char* data, std::size_t size, void* talk) {
    auto& heard = *static_cast<Conversation*>(talk);
    if (type == CURLINFO_HEADER_OUT) hear_command(heard, {data, size});
    if (type == CURLINFO_HEADER_IN) hear_answer(heard, {data, size});
    return 0;
}

std::size_t on_read(char* into, std::size_t size, std::size_t count, void* talk) {
    auto& sending = *static_cast<Conversation*>(talk);
    sending.stage = Stage::content;
    if (sending.before_content) {
        try {
            (*std::exchange(sending.before_content, nullptr))();
        } catch (...) {  // libcurl is C
            sending.objection = std::current_exception();
            return CURL_READFUNC_ABORT;
        }
    }
    const std::size_t part = std::min(size * count, sending.left.size());
    std::memcpy(into, sending.left.data(), part);
    sending.left.remove_prefix(part);
    sending.is_all_sent = sending.left.empty();
    return part;
}

std::size_t on_write(char*, std::size_t size, std::size_t count, void*) {
    return size * count;  // what a server says is heard above
}

// `550 5.1.1 no such user`: the reply code and, where there is one, the enhanced one.
std::string code_of(const std::string& words) {
    const auto is_code = [](std::string_view word, const char* characters) {
        return !word.empty() && word.find_first_not_of(characters) == std::string_view::npos;
    };
    const std::string_view all = words;
    const std::string_view reply = all.substr(0, 3);
    if (reply.size() != 3 || !is_code(reply, "0123456789")) return "";
    const std::string_view rest = all.substr(std::min<std::size_t>(4, all.size()));
    const std::string_view enhanced = rest.substr(0, rest.find(' '));
    const bool is_enhanced =
        is_code(enhanced, "0123456789.") && std::count(enhanced.begin(), enhanced.end(), '.') == 2;
    return is_enhanced ? fmt::format("{} {}", reply, enhanced) : std::string(reply);
}

}  // namespace

struct SmtpClient::Impl {
    SmtpServer server;
    CURL* curl = nullptr;
    curl_slist* recipients = nullptr;
    std::array<char, CURL_ERROR_SIZE> trouble{};

    explicit Impl(SmtpServer given) : server(std::move(given)) {
        static const CURLcode is_ready = curl_global_init(CURL_GLOBAL_DEFAULT);
        static_cast<void>(is_ready);
        curl = curl_easy_init();
        set_up();
    }
    ~Impl() {
        curl_slist_free_all(recipients);
        curl_easy_cleanup(curl);
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    void set_up();
    void set_up_tls();
    CURLcode perform(Conversation& talk);
    Answer answer_of(CURLcode code, const Conversation& talk) const;
    bool was_reused() const;
};

void SmtpClient::Impl::set_up() {
    const bool is_implicit = server.tls == SmtpServer::Tls::implicit;
    const std::string url =
        fmt::format("{}://{}:{}", is_implicit ? "smtps" : "smtp", server.host, server.port);
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(curl, CURLOPT_PROXY, "");  // whatever the environment says
    set_up_tls();
    if (!server.user.empty()) {
        curl_easy_setopt(curl, CURLOPT_USERNAME, server.user.c_str());
        curl_easy_setopt(curl, CURLOPT_PASSWORD, server.password.c_str());
    }
    const auto patience = static_cast<long>(duration_cast<milliseconds>(server.timeout).count());
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, patience);
    curl_easy_setopt(curl, CURLOPT_SERVER_RESPONSE_TIMEOUT, std::max(patience / 1000, 1L));
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, patience * kWholeMessage);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, trouble.data());
    curl_easy_setopt(curl, CURLOPT_VERBOSE, 1L);  // to on_debug, and nowhere else
    curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, on_debug);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_write);
}

void SmtpClient::Impl::set_up_tls() {
    curl_easy_setopt(curl, CURLOPT_USE_SSL,
                     server.tls == SmtpServer::Tls::none ? CURLUSESSL_NONE : CURLUSESSL_ALL);
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    if (server.ca_file.empty()) return;
    curl_easy_setopt(curl, CURLOPT_CAINFO, server.ca_file.c_str());
    curl_easy_setopt(curl, CURLOPT_CAPATH, nullptr);
}

CURLcode SmtpClient::Impl::perform(Conversation& talk) {
    curl_easy_setopt(curl, CURLOPT_DEBUGDATA, &talk);
    curl_easy_setopt(curl, CURLOPT_READDATA, &talk);
    trouble[0] = '\0';
    return curl_easy_perform(curl);
}

bool SmtpClient::Impl::was_reused() const {
    long connections = 0;
    curl_easy_getinfo(curl, CURLINFO_NUM_CONNECTS, &connections);
    return connections == 0;
}

Answer SmtpClient::Impl::answer_of(CURLcode code, const Conversation& talk) const {
    using Kind = Answer::Kind;
    const std::string ours = trouble[0] != '\0' ? trouble.data() : curl_easy_strerror(code);
    const std::string reply = code_of(talk.words);
    const bool is_refusal = !reply.empty() && (reply[0] == '4' || reply[0] == '5');
    if (code == CURLE_OK) return {Kind::sent, reply, talk.words};
    const bool wants_auth = talk.stage <= Stage::recipient && reply.starts_with("53");
    if (code == CURLE_LOGIN_DENIED || wants_auth)
        return {Kind::denied, is_refusal ? reply : "", is_refusal ? talk.words : ours};
    const bool broke =
        code == CURLE_OPERATION_TIMEDOUT || code == CURLE_RECV_ERROR || code == CURLE_GOT_NOTHING;
    if (talk.stage == Stage::greeting)
        return {Kind::unreachable, is_refusal ? reply : "", is_refusal ? talk.words : ours};
    if (!is_refusal || (broke && reply != "421")) return {Kind::later, "", ours};
    // 552 there is about the size of the message, which the server is told with the sender.
    const bool about_sender = talk.stage == Stage::mail && !reply.starts_with("552");
    return {reply[0] == '5' ? Kind::never : Kind::later, reply, talk.words, about_sender};
}

SmtpClient::SmtpClient(SmtpServer server) : impl_(std::make_unique<Impl>(std::move(server))) {}
SmtpClient::~SmtpClient() = default;
SmtpClient::SmtpClient(SmtpClient&&) noexcept = default;

Answer SmtpClient::send(const std::string& from, const std::string& recipient,
                        const std::string& bytes, const std::function<void()>& before_content) {
    CURL* curl = impl_->curl;
    curl_slist_free_all(impl_->recipients);
    impl_->recipients = curl_slist_append(nullptr, recipient.c_str());
    curl_easy_setopt(curl, CURLOPT_NOBODY, 0L);
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_MAIL_FROM, from.c_str());
    curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, impl_->recipients);
    curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(bytes.size()));
    for (bool is_second = false;; is_second = true) {
        Conversation talk;
        talk.left = bytes;
        talk.before_content = &before_content;
        const CURLcode code = impl_->perform(talk);
        if (talk.objection) std::rethrow_exception(talk.objection);
        Answer answer = impl_->answer_of(code, talk);
        // A connection that is used up says so at its next message, or is simply gone.
        const bool is_used_up =
            answer.code.starts_with("421") || answer.code.starts_with("452") || answer.code.empty();
        if (answer.is_sent() || is_second || !is_used_up || talk.is_all_sent ||
            !impl_->was_reused() || answer.kind == Answer::Kind::never)
            return answer;
    }
}

Answer SmtpClient::greet() {
    CURL* curl = impl_->curl;
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 0L);
    curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, nullptr);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "NOOP");
    Conversation talk;
    const CURLcode code = impl_->perform(talk);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, nullptr);
    return impl_->answer_of(code, talk);
}

}  // namespace keyrota
