#include "client/lib/errors.h"

#include <grpcpp/support/status.h>

#include "gtest/gtest.h"
#include "proto/wire/status_codec.h"
#include "w2t/client.h"

namespace w2t {
namespace {

using grpc::StatusCode;

std::string Message(const grpc::Status& status) {
  return std::string(
      Describe(status, "db-1:7420", absl::Seconds(30)).message());
}

TEST(Describe, NamesTheAddressAndTheCause) {
  EXPECT_EQ(Message(grpc::Status(
                StatusCode::UNAVAILABLE,
                "failed to connect to all addresses; last error: UNKNOWN: "
                "ipv4:10.0.0.1:7420: Failed to connect to remote host: "
                "Connection refused")),
            "cannot reach w2td at db-1:7420: connection refused");
  EXPECT_EQ(
      Message(grpc::Status(StatusCode::UNAVAILABLE,
                           "DNS resolution failed for db-1:7420: C-ares status "
                           "is not ARES_SUCCESS: Domain name not found")),
      "cannot reach w2td at db-1:7420: domain name not found");
  EXPECT_EQ(Message(grpc::Status(StatusCode::UNAVAILABLE, "Socket closed")),
            "lost the connection to w2td at db-1:7420");
  EXPECT_EQ(Message(grpc::Status(StatusCode::DEADLINE_EXCEEDED, "x")),
            "w2td at db-1:7420 gave no answer within 30s");
}

TEST(Describe, KeepsWhatTheDaemonSays) {
  const absl::Status draining =
      Describe(grpc::Status(StatusCode::UNAVAILABLE, "the daemon is draining"),
               "x:1", absl::Seconds(1));
  EXPECT_EQ(std::string(draining.message()), "the daemon is draining");
  EXPECT_FALSE(IsUnreachable(draining));
}

TEST(Describe, KeepsTypedDetails) {
  Diagnostic fault{.code = DiagnosticCode::kNotFound,
                   .message = "there is no run x-1",
                   .field = "run_id"};
  const absl::Status sent = wire::ToStatus(fault, absl::StatusCode::kNotFound);
  const absl::Status got =
      Describe(wire::ToGrpc(sent), "x:1", absl::Seconds(1));
  EXPECT_EQ(got.code(), absl::StatusCode::kNotFound);
  const auto detail = wire::DetailOf(got);
  ASSERT_TRUE(detail.has_value());
  EXPECT_EQ(detail->diagnostics(0).field(), "run_id");
}

TEST(IsUnreachable, IsTrueForTheConnectionOnly) {
  EXPECT_TRUE(IsUnreachable(
      Describe(grpc::Status(StatusCode::UNAVAILABLE, "Socket closed"), "x:1",
               absl::Seconds(1))));
  EXPECT_FALSE(IsUnreachable(Describe(grpc::Status(StatusCode::NOT_FOUND, ""),
                                      "x:1", absl::Seconds(1))));
  EXPECT_FALSE(IsUnreachable(absl::OkStatus()));
}

TEST(IsResumable, IsFalseForAnswersThatWillNotChange) {
  EXPECT_TRUE(IsResumable(grpc::Status(StatusCode::UNAVAILABLE, "draining")));
  EXPECT_TRUE(IsResumable(grpc::Status(StatusCode::CANCELLED, "")));
  EXPECT_TRUE(IsResumable(grpc::Status(StatusCode::RESOURCE_EXHAUSTED, "")));
  EXPECT_FALSE(IsResumable(grpc::Status(StatusCode::NOT_FOUND, "")));
  EXPECT_FALSE(IsResumable(grpc::Status(StatusCode::OUT_OF_RANGE, "")));
  EXPECT_FALSE(IsResumable(grpc::Status(StatusCode::INTERNAL, "a bug")));
}

}  // namespace
}  // namespace w2t
