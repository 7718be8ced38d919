#include "client/cli/log_lines.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace w2t::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

v1::LogChunk Chunk(const std::string& data,
                   v1::LogStream stream = v1::LOG_STREAM_STDOUT) {
  v1::LogChunk chunk;
  chunk.set_data(data);
  chunk.set_stream(stream);
  return chunk;
}

TEST(LogLines, PutsPiecesTogether) {
  LogLines lines;
  EXPECT_THAT(lines.Add(Chunk("one\ntw"), 0, 1), ElementsAre("one"));
  EXPECT_THAT(lines.Add(Chunk("o\n\nthree"), 0, 1), ElementsAre("two", ""));
  EXPECT_THAT(lines.Finish(0, 1), ElementsAre("three"));
  EXPECT_THAT(lines.Finish(0, 1), IsEmpty());
}

TEST(LogLines, KeepsStreamsTasksAndAttemptsApart) {
  LogLines lines;
  lines.Add(Chunk("out"), 0, 1);
  lines.Add(Chunk("err", v1::LOG_STREAM_STDERR), 0, 1);
  lines.Add(Chunk("other"), 1, 1);
  lines.Add(Chunk("again"), 0, 2);
  EXPECT_THAT(lines.Finish(0, 1), ElementsAre("out", "err"));
  EXPECT_THAT(lines.Finish(1, 1), ElementsAre("other"));
  EXPECT_THAT(lines.Finish(0, 2), ElementsAre("again"));
}

TEST(LogLines, CutsALineThatDoesNotEnd) {
  LogLines lines;
  const auto cut = lines.Add(Chunk(std::string(LogLines::kMaxLine, 'x')), 0, 1);
  ASSERT_EQ(cut.size(), 1u);
  EXPECT_EQ(cut[0].size(), LogLines::kMaxLine);
}

TEST(LogLines, SaysWhatWasLeftOut) {
  LogLines lines;
  v1::LogChunk chunk = Chunk("end\n");
  chunk.set_dropped_bytes(7);
  EXPECT_THAT(lines.Add(chunk, 0, 1),
              ElementsAre("... 7 bytes left out ...", "end"));
}

TEST(LogLines, LastPartTellsTheRest) {
  LogLines lines;
  v1::TaskOutput part;
  part.set_task(3);
  part.mutable_output()->set_attempt(1);
  *part.mutable_output()->add_chunks() = Chunk("no line end");
  EXPECT_THAT(lines.Add(part), IsEmpty());
  part.mutable_output()->clear_chunks();
  part.set_last(true);
  EXPECT_THAT(lines.Add(part), ElementsAre("no line end"));
}

}  // namespace
}  // namespace w2t::cli
