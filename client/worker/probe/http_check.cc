#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "client/worker/probe/check.h"
#include "client/worker/probe/http_client.h"

namespace w2t::worker {

namespace {

bool Passes(const v1::HttpProbe& probe, int status) {
  const auto& wanted = probe.statuses();
  if (wanted.empty()) return status >= 200 && status < 400;
  return std::find(wanted.begin(), wanted.end(),
                   static_cast<uint32_t>(status)) != wanted.end();
}

// The first line of what people are told, as far as it can be printed.
std::string FirstWords(std::string_view body) {
  std::string words(body.substr(0, body.find_first_of("\r\n")));
  const auto printable = [](unsigned char c) { return c >= ' ' && c < 0x7f; };
  return std::all_of(words.begin(), words.end(), printable) ? words : "";
}

class HttpCheck final : public Check {
 public:
  HttpCheck(const v1::HttpProbe& probe, HttpClient* client, CheckDone done)
      : probe_(probe), client_(client), done_(std::move(done)) {}

  void Start(Resolver* resolver) {
    const absl::StatusOr<UrlParts> parts = ParseHttpUrl(probe_.url());
    if (!parts.ok()) return;  // Prober::Create has refused it
    resolver->Resolve(parts->host, parts->port,
                      [weak = std::weak_ptr<HttpCheck*>(self_)](
                          absl::StatusOr<std::vector<Address>> addresses) {
                        const auto self = weak.lock();
                        if (self != nullptr)
                          (*self)->OnResolved(std::move(addresses));
                      });
  }

  std::string what() const override {
    return fmt::format("{} {}", Method(), probe_.url());
  }

 private:
  std::string Method() const {
    return probe_.method().empty() ? "GET" : probe_.method();
  }

  void OnResolved(absl::StatusOr<std::vector<Address>> addresses) {
    if (!addresses.ok()) {
      Fail(std::string(addresses.status().message()));
      return;
    }
    HttpRequest request{
        .url = probe_.url(),
        .method = Method(),
        .headers = {probe_.headers().begin(), probe_.headers().end()},
        .verify_tls = !probe_.skip_tls_verify(),
        .addresses = *std::move(addresses),
        .wants_body = [probe = probe_](int status) {
          return !Passes(probe, status);
        }};
    call_ = client_->Send(request, [this](absl::StatusOr<HttpAnswer> answer) {
      OnAnswer(std::move(answer));
    });
  }

  void OnAnswer(absl::StatusOr<HttpAnswer> answer) {
    if (!answer.ok()) {
      Fail(fmt::format("{}: {}", what(),
                       std::string(answer.status().message())));
      return;
    }
    if (Passes(probe_, answer->status)) {
      Done(absl::OkStatus());
      return;
    }
    const std::string words = FirstWords(answer->body);
    Fail(fmt::format("{}: status {}{}{}", what(), answer->status,
                     words.empty() ? "" : ": ", words));
  }

  void Fail(const std::string& message) {
    Done(absl::UnavailableError(message));
  }
  void Done(absl::Status status) {
    CheckDone done = std::move(done_);
    done(std::move(status));
  }

  const v1::HttpProbe probe_;
  HttpClient* const client_;
  CheckDone done_;
  std::unique_ptr<HttpCall> call_;
  // Gone with the check, so that a late answer finds nobody.
  const std::shared_ptr<HttpCheck*> self_ = std::make_shared<HttpCheck*>(this);
};

}  // namespace

std::unique_ptr<Check> MakeHttpCheck(HttpClient* client, Resolver* resolver,
                                     const v1::HttpProbe& probe,
                                     CheckDone done) {
  auto check = std::make_unique<HttpCheck>(probe, client, std::move(done));
  check->Start(resolver);
  return check;
}

}  // namespace w2t::worker
