// What gRPC's own tools ask of a server: health and reflection.
#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "health.grpc.pb.h"
#include "reflection.grpc.pb.h"
#include "tests/support/fixture.h"

namespace w2t::test {
namespace {

using grpc::health::v1::HealthCheckResponse;
using grpc::reflection::v1alpha::ServerReflection;
using grpc::reflection::v1alpha::ServerReflectionRequest;
using grpc::reflection::v1alpha::ServerReflectionResponse;
using ::testing::Contains;

class StandardServicesTest : public FleetTest {
 protected:
  void SetUp() override {
    FleetTest::SetUp();
    StartDaemon();
  }
  ServerReflectionResponse Reflect(const ServerReflectionRequest& request) {
    grpc::ClientContext context;
    SetDeadline(context);
    const auto stub = ServerReflection::NewStub(client_->channel());
    const auto stream = stub->ServerReflectionInfo(&context);
    stream->Write(request);
    stream->WritesDone();
    ServerReflectionResponse response;
    EXPECT_TRUE(stream->Read(&response));
    ServerReflectionResponse more;
    while (stream->Read(&more)) {
    }
    EXPECT_TRUE(stream->Finish().ok());
    return response;
  }
};

TEST_F(StandardServicesTest, HealthSaysServing) {
  const auto stub = grpc::health::v1::Health::NewStub(client_->channel());
  for (const std::string service : {"", "w2t.v1.RunService"}) {
    grpc::ClientContext context;
    SetDeadline(context);
    grpc::health::v1::HealthCheckRequest request;
    request.set_service(service);
    HealthCheckResponse response;
    const grpc::Status status = stub->Check(&context, request, &response);
    EXPECT_TRUE(status.ok()) << service << ": " << status.error_message();
    EXPECT_EQ(response.status(), HealthCheckResponse::SERVING) << service;
  }
}

TEST_F(StandardServicesTest, ReflectionListsTheServicesAndDescribesThem) {
  ServerReflectionRequest list;
  list.set_list_services("*");
  std::set<std::string> names;
  const ServerReflectionResponse answer = Reflect(list);
  for (const auto& service : answer.list_services_response().service()) {
    names.insert(service.name());
  }
  EXPECT_THAT(names, Contains("w2t.v1.RunService"));
  EXPECT_THAT(names, Contains("w2t.v1.WorkerService"));
  EXPECT_THAT(names, Contains("w2t.v1.AdminService"));
  EXPECT_THAT(names, Contains("grpc.health.v1.Health"));

  ServerReflectionRequest describe;
  describe.set_file_containing_symbol("w2t.v1.RunService");
  EXPECT_GE(
      Reflect(describe).file_descriptor_response().file_descriptor_proto_size(),
      1);
}

TEST_F(StandardServicesTest, ServerInfoListsVersionAndLimits) {
  grpc::ClientContext context;
  SetDeadline(context);
  v1::GetServerInfoResponse info;
  ASSERT_TRUE(client_->admin().GetServerInfo(&context, {}, &info).ok());
  EXPECT_FALSE(info.version().empty());
  EXPECT_GE(info.protocol_max(), 1u);
  EXPECT_EQ(info.limits().at("max_tasks"), 1'000'000u);
  EXPECT_FALSE(info.draining());
}

}  // namespace
}  // namespace w2t::test
