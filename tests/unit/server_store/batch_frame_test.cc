#include "server/journal/batch_frame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/journal/crc32c.h"

namespace w2t {
namespace {

std::string Frame(std::string_view payload) {
  std::string frame;
  EncodeFrame(7, 3, payload, &frame);
  return frame;
}

TEST(Crc32cTest, MatchesTheStandardsExamples) {
  EXPECT_EQ(Crc32c(""), 0u);
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43u);
}

TEST(Crc32cTest, ExtendsOverParts) {
  const std::string text = "one sum over any number of parts of any length";
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    EXPECT_EQ(ExtendCrc32c(Crc32c(text.substr(0, cut)), text.substr(cut)),
              Crc32c(text));
  }
}

TEST(BatchFrameTest, GoesThereAndBack) {
  for (const std::string& payload :
       {std::string(), std::string("x"), std::string(100'000, '\0')}) {
    const std::string frame = Frame(payload);
    const absl::StatusOr<std::string_view> back = DecodeFrame(7, 3, frame);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(*back, payload);
  }
}

TEST(BatchFrameTest, ReusesMemoryWithoutKeepingWhatWasThere) {
  std::string frame = Frame("a long payload that was there before");
  EncodeFrame(7, 3, "short", &frame);
  EXPECT_EQ(frame, Frame("short"));
}

TEST(BatchFrameTest, EveryFlippedBitIsFound) {
  const std::string whole = Frame("payload");
  for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string frame = whole;
    frame[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    EXPECT_EQ(DecodeFrame(7, 3, frame).status().code(),
              absl::StatusCode::kDataLoss)
        << bit;
  }
}

TEST(BatchFrameTest, EveryTruncationIsFound) {
  const std::string whole = Frame("payload");
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(DecodeFrame(7, 3, whole.substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(DecodeFrame(7, 3, whole + "x").ok());
}

TEST(BatchFrameTest, ABatchUnderAnotherNumberOrEpochIsFound) {
  EXPECT_FALSE(DecodeFrame(8, 3, Frame("payload")).ok());
  EXPECT_FALSE(DecodeFrame(7, 2, Frame("payload")).ok());
}

}  // namespace
}  // namespace w2t
