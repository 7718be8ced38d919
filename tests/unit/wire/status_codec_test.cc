#include "proto/wire/status_codec.h"

#include <gmock/gmock.h>
#include <grpcpp/support/status.h>
#include <gtest/gtest.h>

#include <string>

namespace w2t::wire {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Diagnostic Cycle() {
  return {.code = DiagnosticCode::kCycle,
          .message = "dependency cycle: a -> b -> a",
          .field = "graph.tasks[0].depends_on[1].task",
          .task = 0,
          .dependency = 1,
          .task_name = "a",
          .path = {"a", "b", "a"}};
}

TEST(StatusCodecTest, CarriesADiagnosticWhole) {
  const v1::Diagnostic cycle = ToProto(Cycle());
  EXPECT_EQ(cycle.code(), v1::DIAGNOSTIC_CODE_CYCLE);
  EXPECT_EQ(cycle.message(), "dependency cycle: a -> b -> a");
  EXPECT_EQ(cycle.field(), "graph.tasks[0].depends_on[1].task");
  EXPECT_EQ(cycle.task(), "a");
  EXPECT_EQ(cycle.dependency_index(), 1u);
  EXPECT_THAT(cycle.path(), ElementsAre("a", "b", "a"));

  Diagnostics limits;
  limits.AddLimit("the number of tasks", "graph.tasks", "max_tasks", 5, 9);
  const v1::ErrorDetail detail = ToProto(limits);
  ASSERT_EQ(detail.diagnostics_size(), 1);
  EXPECT_EQ(detail.diagnostics(0).code(), v1::DIAGNOSTIC_CODE_LIMIT_EXCEEDED);
  EXPECT_EQ(detail.diagnostics(0).limit_name(), "max_tasks");
  EXPECT_EQ(detail.diagnostics(0).limit(), 5u);
  EXPECT_EQ(detail.diagnostics(0).value(), 9u);
}

TEST(StatusCodecTest, CodesHaveTheSameNumbers) {
  for (int code = 1; code <= static_cast<int>(DiagnosticCode::kConflict);
       ++code) {
    EXPECT_TRUE(v1::DiagnosticCode_IsValid(code)) << code;
  }
  EXPECT_EQ(v1::DIAGNOSTIC_CODE_CONFLICT,
            static_cast<int>(DiagnosticCode::kConflict));
  EXPECT_EQ(v1::DiagnosticCode_MAX, v1::DIAGNOSTIC_CODE_CONFLICT);
}

TEST(StatusCodecTest, TheDetailSurvivesTheWayThroughGrpc) {
  const absl::Status status = ToStatus(Cycle(), absl::StatusCode::kNotFound);
  const grpc::Status sent = ToGrpc(status);
  EXPECT_EQ(sent.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(sent.error_message(), HasSubstr("a -> b -> a"));

  v1::RpcStatus envelope;
  ASSERT_TRUE(envelope.ParseFromString(sent.error_details()));
  EXPECT_EQ(envelope.code(), 5);
  EXPECT_EQ(envelope.message(), sent.error_message());
  ASSERT_EQ(envelope.details_size(), 1);
  EXPECT_EQ(envelope.details(0).type_url(),
            "type.googleapis.com/w2t.v1.ErrorDetail");

  const absl::Status received = FromGrpc(sent);
  EXPECT_EQ(received.code(), absl::StatusCode::kNotFound);
  const std::optional<v1::ErrorDetail> detail = DetailOf(received);
  ASSERT_TRUE(detail.has_value());
  EXPECT_EQ(detail->total(), 1u);
  EXPECT_THAT(detail->diagnostics(0).path(), ElementsAre("a", "b", "a"));
}

TEST(StatusCodecTest, StatusesWithoutADetailKeepCodeAndMessage) {
  EXPECT_TRUE(ToGrpc(absl::OkStatus()).ok());
  EXPECT_TRUE(FromGrpc(grpc::Status::OK).ok());
  const absl::Status status = FromGrpc(ToGrpc(absl::AbortedError("gone")));
  EXPECT_EQ(status, absl::AbortedError("gone"));
  EXPECT_FALSE(DetailOf(status).has_value());
}

TEST(StatusCodecTest, DetailsThatAreGarbageAreLeftOut) {
  const absl::Status status = FromGrpc(
      grpc::Status(grpc::StatusCode::INTERNAL, "broken", "\xff\xff\xff"));
  EXPECT_EQ(status, absl::InternalError("broken"));
}

TEST(StatusCodecTest, ManyFaultsFitIntoATrailerAndKeepTheirNumber) {
  Diagnostics faults;
  for (int i = 0; i < 1000; ++i) {
    faults.Add({.message = std::string(500, 'x'), .field = "graph.tasks"});
  }
  const grpc::Status sent = ToGrpc(ToStatus(faults));
  EXPECT_LE(sent.error_message().size(), 1100u);
  EXPECT_LE(sent.error_message().size() + sent.error_details().size() * 4 / 3,
            7800u);
  const std::optional<v1::ErrorDetail> detail = DetailOf(FromGrpc(sent));
  ASSERT_TRUE(detail.has_value());
  EXPECT_EQ(detail->total(), 1000u);
  EXPECT_GE(detail->diagnostics_size(), 3);
}

TEST(StatusCodecTest, ACycleTooLongForATrailerIsCutThere) {
  Diagnostic cycle = Cycle();
  cycle.path.assign(5000, "some-task");
  const absl::Status status =
      ToStatus(cycle, absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(DetailOf(status)->diagnostics(0).path_size(), 5000);
  const grpc::Status sent = ToGrpc(status);
  EXPECT_LE(sent.error_details().size(), 5500u);
  EXPECT_GT(DetailOf(FromGrpc(sent))->diagnostics(0).path_size(), 100);
}

TEST(StatusCodecTest, TextFromOutsideIsMadeFitForTheWire) {
  const absl::Status status = ToStatus(
      {.message = "task \"\xff\x01\"", .field = "graph", .suggestion = "\xfe"},
      absl::StatusCode::kInvalidArgument);
  const std::optional<v1::ErrorDetail> detail = DetailOf(status);
  ASSERT_TRUE(detail.has_value());  // protobuf takes no other text
  EXPECT_EQ(detail->diagnostics(0).message(), "task \"??\"");
  EXPECT_EQ(detail->diagnostics(0).suggestion(), "?");
  EXPECT_EQ(ToGrpc(status).error_message(), "task \"??\"");
}

}  // namespace
}  // namespace w2t::wire
