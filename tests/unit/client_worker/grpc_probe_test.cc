// Probes by gRPC's standard health service.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/unit/client_worker/probe_env.h"

namespace w2t::worker {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class HealthServer {
 public:
  explicit HealthServer(const std::string& address = "127.0.0.1:0") {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address, grpc::InsecureServerCredentials(),
                             &port_);
    // gRPC wants some service beside that of health.
    builder.RegisterCallbackGenericService(&nothing_);
    server_ = builder.BuildAndStart();
    EXPECT_NE(server_, nullptr);
  }
  void Serve(const std::string& service, bool well) {
    server_->GetHealthCheckService()->SetServingStatus(service, well);
  }
  int port() const { return port_; }

 private:
  int port_ = 0;
  grpc::CallbackGenericService nothing_;
  std::unique_ptr<grpc::Server> server_;
};

class GrpcProbeTest : public ProbeTest {
 protected:
  static v1::Action Once(const std::string& target) {
    v1::Action action = Service();
    action.mutable_ready()->set_grpc(target);
    action.mutable_ready()->set_failures(1);
    *action.mutable_ready()->mutable_timeout() = Millis(20'000);
    return action;
  }
  std::string MessageOf(const v1::Action& action) {
    const Record record = env_.Run(action);
    EXPECT_FALSE(record.up);
    return record.outcome->message;
  }
};

TEST_F(GrpcProbeTest, PassesWhenTheServerIsServing) {
  HealthServer server;
  EndsWellWhenUp(Once(fmt::format("{}", server.port())));
  EndsWellWhenUp(Once(fmt::format("127.0.0.1:{}", server.port())));
}

TEST_F(GrpcProbeTest, AsksForTheServiceThatTheProbeNames) {
  HealthServer server;
  server.Serve("shop.Cart", true);
  server.Serve("shop.Search", false);
  EndsWellWhenUp(Once(fmt::format("{}/shop.Cart", server.port())));
  EXPECT_EQ(MessageOf(Once(fmt::format("{}/shop.Search", server.port()))),
            fmt::format("not ready: a probe failed; last probe: gRPC "
                        "health of shop.Search at localhost:{}: NOT_SERVING; "
                        "stopped by TERM",
                        server.port()));
  EXPECT_THAT(MessageOf(Once(fmt::format("{}/shop.None", server.port()))),
              HasSubstr("gRPC health of shop.None"));
}

TEST_F(GrpcProbeTest, PassesOnceTheServiceIsServing) {
  HealthServer server;
  server.Serve("s", false);
  v1::Action action = Service();
  action.mutable_ready()->set_grpc(fmt::format("{}/s", server.port()));
  *action.mutable_ready()->mutable_every() = Millis(10);
  const uint64_t fence = env_.Start(action);
  EXPECT_FALSE(
      env_.sink().Await(fence, [](const Record& r) { return r.started; }).up);
  server.Serve("s", true);
  env_.AwaitUp(fence);
  env_.Cancel(fence);
  env_.Await(fence);
}

// A server that comes up is seen at the next probe, and not when gRPC would
// dial again by itself.
TEST_F(GrpcProbeTest, AServerThatComesLateIsSeenAtTheNextProbe) {
  const Port port;
  const std::string target = fmt::format("127.0.0.1:{}", port.number());
  v1::Action action = Service();
  action.mutable_ready()->set_grpc(target);
  *action.mutable_ready()->mutable_every() = Millis(20);
  const uint64_t fence = env_.Start(action);
  env_.sink().Await(fence, [](const Record& r) { return r.started; });
  const HealthServer server(target);
  env_.AwaitUp(fence);
  env_.Cancel(fence);
  env_.Await(fence);
}

TEST_F(GrpcProbeTest, NobodyListensIsTold) {
  const Port port;
  EXPECT_THAT(
      MessageOf(Once(fmt::format("127.0.0.1:{}", port.number()))),
      HasSubstr(fmt::format("gRPC health of 127.0.0.1:{}: ", port.number())));
}

TEST_F(GrpcProbeTest, AServerThatNeverAnswersTakesTheTimeout) {
  ScriptServer server([](int fd) {
    char c = 0;
    while (recv(fd, &c, 1, 0) == 1) {
    }
  });
  v1::Action action = Once(fmt::format("127.0.0.1:{}", server.port()));
  *action.mutable_ready()->mutable_timeout() = Millis(100);
  EXPECT_THAT(MessageOf(action), AllOf(HasSubstr("gRPC health of"),
                                       HasSubstr("no answer within 100ms")));
}

TEST_F(GrpcProbeTest, WhatIsNoGrpcIsRefused) {
  ScriptServer server([](int fd) { SendText(fd, "HTTP/1.1 400 No\r\n\r\n"); });
  EXPECT_THAT(MessageOf(Once(fmt::format("127.0.0.1:{}", server.port()))),
              HasSubstr("gRPC health of"));
}

TEST_F(GrpcProbeTest, ATargetThatMakesNoSenseIsAFailureBeforeTheStart) {
  for (const char* target : {"", "x", "x:0", "/service", "x:y/service"}) {
    const Record record = env_.Run(Once(target));
    EXPECT_FALSE(record.started) << target;
    EXPECT_THAT(record.outcome->message, HasSubstr("cannot start: ready: "));
  }
}

}  // namespace
}  // namespace w2t::worker
