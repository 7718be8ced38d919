#include "server/logs/log_format.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace w2t {
namespace {

TEST(LogFormatTest, HeadersGoThereAndBack) {
  constexpr auto kBeginning = LogFileKind::kBeginning;
  constexpr auto kSlot = LogFileKind::kSlot;
  const std::string header = EncodeLogHeader(kBeginning, 7);
  EXPECT_EQ(header.size(), kLogHeaderBytes);
  EXPECT_EQ(DecodeLogHeader(kBeginning, header), 7u);
  EXPECT_EQ(DecodeLogHeader(kSlot, EncodeLogHeader(kSlot, 8)), 8u);
  EXPECT_FALSE(DecodeLogHeader(kSlot, header).has_value());
  EXPECT_FALSE(DecodeLogHeader(kBeginning, "").has_value());
  EXPECT_FALSE(DecodeLogHeader(kBeginning, header.substr(0, 15)).has_value());
  EXPECT_FALSE(DecodeLogHeader(kBeginning, std::string(16, 'x')).has_value());
}

TEST(LogFormatTest, FramesGoThereAndBack) {
  v1::LogChunk chunk;
  chunk.set_stream(v1::LOG_STREAM_STDERR);
  chunk.set_time_us(-5);
  chunk.set_data("data");
  std::string bytes;
  AppendLogFrame(chunk, chunk.data(), 9, &bytes);
  ASSERT_EQ(bytes.size(), kLogFrameBytes + 4);
  const std::optional<LogFrame> frame = DecodeLogFrame(bytes);
  ASSERT_TRUE(frame.has_value());
  EXPECT_EQ(frame->length, 4u);
  EXPECT_EQ(frame->stream, v1::LOG_STREAM_STDERR);
  EXPECT_EQ(frame->time_us, -5);
  EXPECT_EQ(frame->dropped, 9u);
}

TEST(LogFormatTest, WhatMakesNoSenseIsNoFrame) {
  EXPECT_FALSE(DecodeLogFrame(std::string(kLogFrameBytes, '\0')).has_value());
  EXPECT_FALSE(DecodeLogFrame(std::string(kLogFrameBytes, 'x')).has_value());
  EXPECT_FALSE(DecodeLogFrame("short").has_value());
}

TEST(LogFormatTest, FolderNamesStayInTheirFolder) {
  EXPECT_EQ(LogFolderName("shop-7"), "shop-7");
  EXPECT_EQ(LogFolderName("a.b_C-1"), "a.b_C-1");
  EXPECT_EQ(LogFolderName(".."), "%2E.");
  EXPECT_EQ(LogFolderName("."), "%2E");
  EXPECT_EQ(LogFolderName("a/../../etc"), "a%2F..%2F..%2Fetc");
  EXPECT_EQ(LogFolderName(std::string("a\0b", 3)), "a%00b");
  EXPECT_EQ(LogFolderName("%2E"), "%252E");
}

TEST(LogFormatTest, FolderNamesAreShortAndDiffer) {
  std::set<std::string> names;
  for (char c = 'a'; c <= 'z'; ++c) {
    names.insert(LogFolderName(std::string(256, 'x') + c));
    names.insert(LogFolderName(std::string(1, c)));
  }
  names.insert(LogFolderName(""));
  names.insert(LogFolderName(std::string(200, 'x')));
  EXPECT_EQ(names.size(), 54u);
  for (const std::string& name : names) EXPECT_LE(name.size(), 255u);
}

}  // namespace
}  // namespace w2t
