#include "client/cli/json.h"

#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "w2t/v1/run.pb.h"

namespace w2t::cli {
namespace {

using ::testing::HasSubstr;

TEST(ToJson, HasTheNamesOfTheProtocolAndEveryPlainField) {
  v1::Run run;
  run.set_run_id("shop-7");
  run.set_state(v1::RUN_STATE_UP);
  const std::string json = ToJson(run);
  EXPECT_THAT(json, HasSubstr(R"("run_id":"shop-7")"));
  EXPECT_THAT(json, HasSubstr(R"("state":"RUN_STATE_UP")"));
  EXPECT_THAT(json, HasSubstr(R"("exit_code":0)"));
  EXPECT_THAT(json, HasSubstr(R"("failures":[])"));
  EXPECT_EQ(json.find('\n'), std::string::npos);
}

TEST(Quoted, EscapesWhatJsonDoesNotAllow) {
  EXPECT_EQ(Quoted("a\"b\\c\n\t\r"), R"("a\"b\\c\n\t\r")");
  EXPECT_EQ(Quoted(std::string_view("\x01\0", 2)), R"("\u0001\u0000")");
  EXPECT_EQ(Quoted("gr\xc3\xbc"), "\"gr\xc3\xbc\"");
}

TEST(JsonDuration, LooksLikeProtobufs) {
  EXPECT_EQ(JsonDuration(absl::Milliseconds(500)), "\"0.500s\"");
  EXPECT_EQ(JsonDuration(absl::Seconds(3)), "\"3s\"");
}

TEST(JsonObject, KeepsTheOrderAndTheTypes) {
  const std::string json =
      JsonObject()
          .Add("text", "x")
          .Add("number", uint64_t{7})
          .Add("flag", true)
          .Add("length", absl::Seconds(1))
          .AddRaw("list", JsonArray().Add("a").Add("b").ToString())
          .ToString();
  EXPECT_EQ(
      json,
      R"({"text":"x","number":7,"flag":true,"length":"1s","list":["a","b"]})");
  EXPECT_EQ(JsonObject().ToString(), "{}");
  EXPECT_EQ(JsonArray().ToString(), "[]");
}

}  // namespace
}  // namespace w2t::cli
