#include "client/worker/probe/http_client.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "absl/container/flat_hash_map.h"

namespace w2t::worker {

namespace {

constexpr char kSchemes[] = "http,https";

struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using List = std::unique_ptr<curl_slist, ListDeleter>;

void Append(List& list, const std::string& line) {
  curl_slist* const longer = curl_slist_append(list.get(), line.c_str());
  if (longer == nullptr) return;
  static_cast<void>(list.release());  // `longer` is or holds it
  list.reset(longer);
}

// "1.2.3.4" or "[::1]"; empty for what is neither.
std::string AddressText(const Address& address) {
  char text[INET6_ADDRSTRLEN] = "";
  const auto* generic = reinterpret_cast<const sockaddr*>(&address.storage);
  if (getnameinfo(generic, address.length, text, sizeof(text), nullptr, 0,
                  NI_NUMERICHOST) != 0) {
    return "";
  }
  return generic->sa_family == AF_INET6 ? fmt::format("[{}]", text) : text;
}

// The status in "HTTP/1.1 200 OK"; 0 when there is none.
int StatusIn(std::string_view line) {
  const size_t space = line.find(' ');
  if (space == std::string_view::npos) return 0;
  int status = 0;
  std::from_chars(line.data() + space + 1, line.data() + line.size(), status);
  return status;
}

}  // namespace

// The requests of one client: libcurl's, put into the loop.
class HttpClient::Multi {
 public:
  explicit Multi(Loop* loop);
  ~Multi();

  void Add(CURL* easy) { curl_multi_add_handle(multi_, easy); }
  void Remove(CURL* easy) { curl_multi_remove_handle(multi_, easy); }

 private:
  static int OnSocket(CURL* easy, curl_socket_t fd, int what, void* self,
                      void*);
  static int OnTimer(CURLM* multi, long millis, void* self);  // NOLINT
  void Act(curl_socket_t fd, int events);

  Loop* const loop_;
  CURLM* const multi_;
  TimerId timer_ = 0;
  absl::flat_hash_map<curl_socket_t, WatchId> watches_;
};

namespace {

class Call final : public HttpCall {
 public:
  Call(const HttpRequest& request, HttpClient::Done done)
      : wants_body_(request.wants_body), done_(std::move(done)) {
    SetUp(request);
  }
  ~Call() override {
    if (give_up_) give_up_(easy_);
    curl_easy_cleanup(easy_);
  }

  CURL* easy() const { return easy_; }
  void set_give_up(std::function<void(CURL*)> give_up) {
    give_up_ = std::move(give_up);
  }

  // It is off the client already.
  void Finish(CURLcode code) {
    give_up_ = nullptr;
    HttpClient::Done done = std::move(done_);
    done(Result(code));
  }

 private:
  template <typename T>
  void Set(CURLoption option, T value) {
    curl_easy_setopt(easy_, option, value);
  }

  void SetUp(const HttpRequest& request) {
    Set(CURLOPT_PRIVATE, this);
    Set(CURLOPT_ERRORBUFFER, error_.data());
    Set(CURLOPT_URL, request.url.c_str());
    Set(CURLOPT_PROTOCOLS_STR, kSchemes);
    Set(CURLOPT_PROXY, "");
    Set(CURLOPT_NOSIGNAL, 1L);
    Set(CURLOPT_FORBID_REUSE, 1L);
    Set(CURLOPT_FRESH_CONNECT, 1L);
    Set(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    Set(CURLOPT_BUFFERSIZE, 4096L);
    Set(CURLOPT_USERAGENT, "w2t-worker");
    Set(CURLOPT_SSL_VERIFYPEER, request.verify_tls ? 1L : 0L);
    Set(CURLOPT_SSL_VERIFYHOST, request.verify_tls ? 2L : 0L);
    if (request.method == "HEAD") {
      Set(CURLOPT_NOBODY, 1L);
    } else {
      Set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
    }
    for (const auto& [name, value] : request.headers) {
      // Without a value, libcurl wants a semicolon in place of the colon.
      Append(headers_,
             value.empty() ? name + ";" : fmt::format("{}: {}", name, value));
    }
    Set(CURLOPT_HTTPHEADER, headers_.get());
    SetAddresses(request);
    Set(CURLOPT_HEADERFUNCTION, OnHeader);
    Set(CURLOPT_HEADERDATA, this);
    Set(CURLOPT_WRITEFUNCTION, OnBody);
    Set(CURLOPT_WRITEDATA, this);
  }

  // So that libcurl needs no look-up, which would have a thread of its own.
  void SetAddresses(const HttpRequest& request) {
    const absl::StatusOr<UrlParts> parts = ParseHttpUrl(request.url);
    if (!parts.ok() || parts->host.find(':') != std::string::npos) return;
    std::string texts;
    for (const Address& address : request.addresses) {
      if (!texts.empty()) texts += ',';
      texts += AddressText(address);
    }
    if (texts.empty()) return;
    Append(resolve_, fmt::format("{}:{}:{}", parts->host, parts->port, texts));
    Set(CURLOPT_RESOLVE, resolve_.get());
  }

  // Returning less than there is ends the request.
  static size_t OnHeader(char* data, size_t, size_t size, void* user) {
    auto& self = *static_cast<Call*>(user);
    const std::string_view line(data, size);
    self.header_bytes_ += size;
    if (self.header_bytes_ > kMaxHttpHeaderBytes) return 0;
    if (line.starts_with("HTTP/")) self.answer_.status = StatusIn(line);
    const bool over = line == "\r\n" || line == "\n";
    if (!over || self.answer_.status < 200) return size;
    self.has_status_ = true;
    self.complete_ = !self.wants_body_(self.answer_.status);
    return self.complete_ ? 0 : size;
  }

  static size_t OnBody(char* data, size_t, size_t size, void* user) {
    auto& self = *static_cast<Call*>(user);
    std::string& body = self.answer_.body;
    body.append(data, std::min(size, kMaxHttpBodyBytes - body.size()));
    self.complete_ = body.size() == kMaxHttpBodyBytes;
    return self.complete_ ? 0 : size;
  }

  absl::StatusOr<HttpAnswer> Result(CURLcode code) {
    // A body that breaks off takes nothing from the status.
    if (complete_ || has_status_) return std::move(answer_);
    if (header_bytes_ > kMaxHttpHeaderBytes) {
      return absl::UnavailableError(fmt::format(
          "the answer's headers are more than {} bytes", kMaxHttpHeaderBytes));
    }
    long error = 0;  // NOLINT: libcurl's
    curl_easy_getinfo(easy_, CURLINFO_OS_ERRNO, &error);
    if (code == CURLE_COULDNT_CONNECT && error != 0) {
      return absl::UnavailableError(std::strerror(static_cast<int>(error)));
    }
    return absl::UnavailableError(error_[0] != '\0' ? error_.data()
                                                    : curl_easy_strerror(code));
  }

  CURL* const easy_ = curl_easy_init();
  const std::function<bool(int)> wants_body_;
  HttpClient::Done done_;
  std::function<void(CURL*)> give_up_;
  List headers_;
  List resolve_;
  std::array<char, CURL_ERROR_SIZE> error_{};
  size_t header_bytes_ = 0;
  bool has_status_ = false;
  bool complete_ = false;
  HttpAnswer answer_;
};

}  // namespace

HttpClient::Multi::Multi(Loop* loop)
    : loop_(loop), multi_([] {
        static const CURLcode kReady = curl_global_init(CURL_GLOBAL_DEFAULT);
        return kReady == CURLE_OK ? curl_multi_init() : nullptr;
      }()) {
  // OpenSSL writes to sockets that the peer may have closed.
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, OnSocket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, OnTimer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
}

HttpClient::Multi::~Multi() {
  curl_multi_cleanup(multi_);
  loop_->Cancel(timer_);
  for (const auto& [fd, watch] : watches_) loop_->Unwatch(watch);
}

int HttpClient::Multi::OnSocket(CURL*, curl_socket_t fd, int what, void* user,
                                void*) {
  auto& self = *static_cast<Multi*>(user);
  if (const auto it = self.watches_.find(fd); it != self.watches_.end()) {
    self.loop_->Unwatch(it->second);
    self.watches_.erase(it);
  }
  if (what == CURL_POLL_REMOVE) return 0;
  const uint32_t events = ((what & CURL_POLL_IN) != 0 ? EPOLLIN : 0U) |
                          ((what & CURL_POLL_OUT) != 0 ? EPOLLOUT : 0U);
  absl::StatusOr<WatchId> watch =
      self.loop_->Watch(fd, events, [&self, fd](uint32_t got) {
        const int flags =
            ((got & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
            ((got & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
            ((got & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0);
        self.Act(fd, flags);
      });
  if (!watch.ok()) return -1;
  self.watches_.emplace(fd, *watch);
  return 0;
}

int HttpClient::Multi::OnTimer(CURLM*, long millis, void* user) {  // NOLINT
  auto& self = *static_cast<Multi*>(user);
  self.loop_->Cancel(std::exchange(self.timer_, 0));
  if (millis >= 0) {
    self.timer_ = self.loop_->After(absl::Milliseconds(millis), [&self] {
      self.timer_ = 0;
      self.Act(CURL_SOCKET_TIMEOUT, 0);
    });
  }
  return 0;
}

void HttpClient::Multi::Act(curl_socket_t fd, int events) {
  int running = 0;
  curl_multi_socket_action(multi_, fd, events, &running);
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;
    CURL* const easy = message->easy_handle;
    Call* call = nullptr;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &call);
    Remove(easy);
    call->Finish(code);
  }
}

HttpClient::HttpClient(Loop* loop) : loop_(loop) {}

HttpClient::~HttpClient() = default;

std::unique_ptr<HttpCall> HttpClient::Send(const HttpRequest& request,
                                           Done done) {
  if (multi_ == nullptr) multi_ = std::make_unique<Multi>(loop_);
  auto call = std::make_unique<Call>(request, std::move(done));
  call->set_give_up([this](CURL* easy) { multi_->Remove(easy); });
  multi_->Add(call->easy());
  return call;
}

absl::StatusOr<UrlParts> ParseHttpUrl(const std::string& url) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parsed(
      curl_url(), curl_url_cleanup);
  CURLUcode code = curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(),
                                CURLU_NON_SUPPORT_SCHEME);
  UrlParts parts;
  std::string scheme;
  const auto get = [&](CURLUPart part, std::string& out) {
    char* text = nullptr;
    if (code == CURLUE_OK) {
      code = curl_url_get(parsed.get(), part, &text, CURLU_DEFAULT_PORT);
    }
    if (code == CURLUE_OK) out = text;
    curl_free(text);
  };
  get(CURLUPART_SCHEME, scheme);
  get(CURLUPART_HOST, parts.host);
  get(CURLUPART_PORT, parts.port);
  if (code != CURLUE_OK) {
    return absl::InvalidArgumentError(
        fmt::format("\"{}\": {}", url, curl_url_strerror(code)));
  }
  if (scheme != "http" && scheme != "https") {
    return absl::InvalidArgumentError(
        fmt::format("\"{}\" is neither of http nor of https", url));
  }
  if (parts.host.starts_with('[') && parts.host.ends_with(']')) {
    parts.host = parts.host.substr(1, parts.host.size() - 2);
  }
  return parts;
}

}  // namespace w2t::worker
