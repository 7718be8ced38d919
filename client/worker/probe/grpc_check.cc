#include <fmt/format.h>

#include <utility>

#include "client/worker/probe/check.h"

namespace w2t::worker {

namespace {

class GrpcCheck final : public Check {
 public:
  GrpcCheck(GrpcClient* client, const GrpcTarget& target, CheckDone done)
      : target_(target),
        done_(std::move(done)),
        call_(client->Ask(
            target.address(), target.service,
            [this](const absl::Status& status) { OnAnswer(status); })) {}

  std::string what() const override {
    return target_.service.empty()
               ? fmt::format("gRPC health of {}", target_.address())
               : fmt::format("gRPC health of {} at {}", target_.service,
                             target_.address());
  }

 private:
  void OnAnswer(const absl::Status& status) {
    CheckDone done = std::move(done_);
    done(status.ok() ? status
                     : absl::UnavailableError(fmt::format(
                           "{}: {}", what(), std::string(status.message()))));
  }

  const GrpcTarget target_;
  CheckDone done_;
  const std::unique_ptr<GrpcCall> call_;
};

}  // namespace

std::string GrpcTarget::address() const {
  const std::string host =
      server.host.empty() ? std::string("localhost") : server.host;
  return host.find(':') == std::string::npos
             ? fmt::format("{}:{}", host, server.port)
             : fmt::format("[{}]:{}", host, server.port);
}

absl::StatusOr<GrpcTarget> ParseGrpcTarget(std::string_view text) {
  const size_t slash = text.find('/');
  absl::StatusOr<HostPort> server = ParseHostPort(text.substr(0, slash));
  if (!server.ok()) return server.status();
  return GrpcTarget{.server = *std::move(server),
                    .service = slash == std::string_view::npos
                                   ? ""
                                   : std::string(text.substr(slash + 1))};
}

std::unique_ptr<Check> MakeGrpcCheck(GrpcClient* client,
                                     const GrpcTarget& target, CheckDone done) {
  return std::make_unique<GrpcCheck>(client, target, std::move(done));
}

}  // namespace w2t::worker
