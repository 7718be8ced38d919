// Unary calls over a connection that breaks, and what they say when there is
// none.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_codec.h"
#include "tests/unit/client_cli/fake_daemon.h"
#include "w2t/client.h"

namespace w2t {
namespace {

using ::testing::HasSubstr;

TEST(Submit, GetsARequestIdAndKeepsItWhenItIsRepeated) {
  FakeDaemon daemon;
  std::vector<std::string> ids;
  daemon.submits.push_back([&ids](const v1::SubmitRunRequest& request) {
    ids.push_back(request.request_id());
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "Socket closed");
  });
  daemon.submits.push_back([&ids](const v1::SubmitRunRequest& request) {
    ids.push_back(request.request_id());
    return grpc::Status::OK;
  });
  const auto submitted = daemon.Connect()->Submit(v1::Graph());
  ASSERT_TRUE(submitted.ok()) << submitted.status();
  EXPECT_EQ(submitted->run_id(), "shop-1");
  ASSERT_EQ(ids.size(), 2u);
  EXPECT_EQ(ids[0], ids[1]);
  EXPECT_EQ(ids[0].size(), 32u);
}

TEST(Submit, DiffersFromTheOneBefore) {
  FakeDaemon daemon;
  std::vector<std::string> ids;
  for (int i = 0; i < 2; ++i) {
    daemon.submits.push_back([&ids](const v1::SubmitRunRequest& request) {
      ids.push_back(request.request_id());
      return grpc::Status::OK;
    });
  }
  const auto client = daemon.Connect();
  EXPECT_TRUE(client->Submit(v1::Graph()).ok());
  EXPECT_TRUE(client->Submit(v1::Graph()).ok());
  EXPECT_NE(ids[0], ids[1]);
}

TEST(Unary, AnswersOfTheDaemonAreNotRepeated) {
  FakeDaemon daemon;
  int calls = 0;
  for (int i = 0; i < 2; ++i) {
    daemon.submits.push_back([&calls](const v1::SubmitRunRequest&) {
      ++calls;
      return grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "full");
    });
  }
  const auto submitted = daemon.Connect()->Submit(v1::Graph());
  EXPECT_EQ(submitted.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_FALSE(IsUnreachable(submitted.status()));
  EXPECT_EQ(calls, 1);
}

grpc::Status BusyFor(absl::Duration wait) {
  return wire::ToGrpc(
      wire::WithRetryAfter(absl::ResourceExhaustedError("max_inbox"), wait));
}

TEST(Unary, ABusyDaemonIsAskedAgainOnceItHasSaidSo) {
  FakeDaemon daemon;
  for (int i = 0; i < 2; ++i) {
    daemon.submits.push_back([](const v1::SubmitRunRequest&) {
      return BusyFor(absl::Milliseconds(120));
    });
  }
  const absl::Time began = absl::Now();
  EXPECT_TRUE(daemon.Connect()->Submit(v1::Graph()).ok());
  EXPECT_GE(absl::Now() - began, absl::Milliseconds(240));
}

TEST(Unary, ADaemonThatStaysBusyIsGivenUpWithWhatItSaid) {
  FakeDaemon daemon;
  daemon.submits.push_back(
      [](const v1::SubmitRunRequest&) { return BusyFor(absl::Minutes(5)); });
  const auto submitted = daemon.Connect()->Submit(v1::Graph());
  EXPECT_EQ(submitted.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(submitted.status().message()),
              HasSubstr("max_inbox"));
}

TEST(Unary, ADaemonThatStopsIsWaitedFor) {
  FakeDaemon daemon;
  daemon.submits.push_back([](const v1::SubmitRunRequest&) {
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "it is stopping");
  });
  std::string said;
  ClientOptions options;
  options.on_away = [&said](const absl::Status& error) {
    said = std::string(error.message());
  };
  EXPECT_TRUE(daemon.Connect(options)->Submit(v1::Graph()).ok());
  EXPECT_EQ(said, "it is stopping");
}

TEST(Unary, NoDaemonIsToldAtOnceByItsAddress) {
  const auto client = *Client::Connect("unix:/nonexistent/w2td.sock");
  const auto run = client->GetRun("shop-1");
  EXPECT_EQ(run.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(std::string(run.status().message()),
            "cannot reach w2td at unix:/nonexistent/w2td.sock: no such file or "
            "directory");
  EXPECT_TRUE(IsUnreachable(run.status()));
}

TEST(Unary, ProgramThatIsNoDaemonIsSaidToBeNone) {
  FakeDaemon daemon;
  const auto info = daemon.Connect()->GetServerInfo();
  EXPECT_EQ(info.status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(info.status().message()), HasSubstr("is no w2td"));
}

TEST(WaitUntilServing, SeesTheHealthService) {
  FakeDaemon daemon;
  EXPECT_TRUE(
      daemon.Connect()->WaitUntilServing(absl::Now() + absl::Seconds(20)).ok());
}

TEST(WaitUntilServing, EndsWithItsDeadline) {
  const auto client = *Client::Connect("unix:/nonexistent/w2td.sock");
  const absl::Status status =
      client->WaitUntilServing(absl::Now() + absl::Milliseconds(200));
  EXPECT_TRUE(IsUnreachable(status)) << status;
}

TEST(WaitUntilServing, IsStoppedFromOutside) {
  const auto stop = std::make_unique<std::stop_source>();
  stop->request_stop();
  const auto client = *Client::Connect("unix:/nonexistent/w2td.sock");
  EXPECT_EQ(
      client
          ->WaitUntilServing(absl::Now() + absl::Seconds(60), stop->get_token())
          .code(),
      absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace w2t
