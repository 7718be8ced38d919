#include "proto/wire/utf8_fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "proto/wire/status_codec.h"
#include "text_proto.h"
#include "w2t/v1/run_service.pb.h"
#include "w2t/v1/worker_service.pb.h"

namespace w2t::wire {
namespace {

using ::testing::HasSubstr;

// The field that is at fault; empty when none is.
std::string WrongField(const google::protobuf::Message& message) {
  const absl::Status status = CheckUtf8(message);
  if (status.ok()) return "";
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  const auto detail = DetailOf(status);
  return detail && detail->diagnostics_size() == 1
             ? detail->diagnostics(0).field()
             : "no detail";
}

TEST(CheckUtf8Test, NamesTheFieldThatIsAtFault) {
  v1::CancelRunRequest request;
  request.set_run_id("gr\xc3\xbc\xc3\x9f-1");
  EXPECT_EQ(WrongField(request), "");
  request.set_reason("a\xff");
  EXPECT_EQ(WrongField(request), "reason");
  EXPECT_THAT(std::string(CheckUtf8(request).message()),
              HasSubstr("reason: 'a?' is not UTF-8"));
}

TEST(CheckUtf8Test, FindsItAtAnyDepthInListsAndMaps) {
  v1::SubmitRunRequest request;
  *request.mutable_graph() = SmallGraph();
  EXPECT_EQ(WrongField(request), "");
  v1::ExecAction& exec =
      *request.mutable_graph()->mutable_actions(0)->mutable_exec();
  exec.add_argv("\xfe");
  EXPECT_EQ(WrongField(request), "graph.actions[0].exec.argv[1]");
  exec.clear_argv();
  (*exec.mutable_env())["A"] = "\xc3";
  EXPECT_EQ(WrongField(request), "graph.actions[0].exec.env[\"A\"]");
}

TEST(CheckUtf8Test, BytesMayBeAnything) {
  v1::LogBatch batch;
  batch.add_chunks()->mutable_chunk()->set_data("\xff\xfe");
  EXPECT_EQ(WrongField(batch), "");
}

}  // namespace
}  // namespace w2t::wire
