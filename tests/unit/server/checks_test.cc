#include "server/rpc/checks.h"

#include <string>

#include "gtest/gtest.h"
#include "proto/wire/status_codec.h"

namespace w2t::server {
namespace {

v1::Diagnostic FaultOf(const absl::Status& status) {
  const auto detail = wire::DetailOf(status);
  if (!detail.has_value() || detail->diagnostics_size() == 0) return {};
  return detail->diagnostics(0);
}

TEST(ChecksTest, APageHasTheStandardSizeUnlessOneIsNamed) {
  EXPECT_EQ(PageSize(0, 100, 1'000).value(), 100u);
  EXPECT_EQ(PageSize(1, 100, 1'000).value(), 1u);
  EXPECT_EQ(PageSize(1'000, 100, 1'000).value(), 1'000u);
}

TEST(ChecksTest, ATooLargePageNamesTheLimit) {
  const absl::Status status = PageSize(1'001, 100, 1'000).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(FaultOf(status).code(), v1::DIAGNOSTIC_CODE_LIMIT_EXCEEDED);
  EXPECT_EQ(FaultOf(status).field(), "page_size");
  EXPECT_EQ(FaultOf(status).limit(), 1'000u);
  EXPECT_EQ(FaultOf(status).value(), 1'001u);
}

TEST(ChecksTest, APageTokenIsANumberInRange) {
  EXPECT_EQ(PageStart("", 5, 100).value(), 5u);
  EXPECT_EQ(PageStart("100", 5, 100).value(), 100u);
  for (const char* token : {"101", "x", "-1", " 1", "1 ", "0x10"}) {
    const absl::Status status = PageStart(token, 5, 100).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << token;
    EXPECT_EQ(FaultOf(status).field(), "page_token") << token;
  }
}

TEST(ChecksTest, ANameIsRequiredAndBounded) {
  EXPECT_TRUE(CheckName("name", "abc", "max_name_bytes", 3).ok());
  EXPECT_EQ(FaultOf(CheckName("name", "", "max_name_bytes", 3)).code(),
            v1::DIAGNOSTIC_CODE_MISSING_FIELD);
  EXPECT_EQ(
      FaultOf(CheckName("name", "abcd", "max_name_bytes", 3)).limit_name(),
      "max_name_bytes");
}

}  // namespace
}  // namespace w2t::server
