// HttpClient: requests over HTTP, any number at once, served by the loop.
// Connections are not kept. Of the loop's thread.
#ifndef W2T_CLIENT_WORKER_PROBE_HTTP_CLIENT_H_
#define W2T_CLIENT_WORKER_PROBE_HTTP_CLIENT_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "client/worker/loop/loop.h"
#include "client/worker/probe/resolver.h"

namespace w2t::worker {

// Of an answer with longer headers nothing is believed.
inline constexpr size_t kMaxHttpHeaderBytes = 64 * 1024;
// Of a body no more is read.
inline constexpr size_t kMaxHttpBodyBytes = 160;

struct HttpRequest {
  std::string url;
  std::string method;
  std::vector<std::pair<std::string, std::string>> headers;
  bool verify_tls = true;
  // Where to find the URL's host.
  std::vector<Address> addresses;
  // Whether the body of an answer with this status is of interest.
  std::function<bool(int status)> wants_body;
};

struct HttpAnswer {
  int status = 0;
  std::string body;  // its beginning, if it was wanted
};

struct UrlParts {
  std::string host;
  std::string port;
};
// INVALID_ARGUMENT for what is no URL of http or https.
absl::StatusOr<UrlParts> ParseHttpUrl(const std::string& url);

// A request under way. Destroying it gives it up.
class HttpCall {
 public:
  virtual ~HttpCall() = default;
};

class HttpClient {
 public:
  // Called once, from the loop and never before Send has returned. UNAVAILABLE,
  // with words like "Connection refused". The call may be destroyed from
  // within.
  using Done = absl::AnyInvocable<void(absl::StatusOr<HttpAnswer>)>;

  explicit HttpClient(Loop* loop);
  // All calls must be gone.
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  std::unique_ptr<HttpCall> Send(const HttpRequest& request, Done done);

 private:
  class Multi;

  Loop* const loop_;
  std::unique_ptr<Multi> multi_;  // made by the first request
};

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_PROBE_HTTP_CLIENT_H_
