#include "client/cli/text.h"

#include "gtest/gtest.h"

namespace w2t::cli {
namespace {

TEST(ElapsedText, HasTwoDigitsAndThenUnits) {
  EXPECT_EQ(ElapsedText(absl::ZeroDuration()), "0.00s");
  EXPECT_EQ(ElapsedText(absl::Milliseconds(214)), "0.21s");
  EXPECT_EQ(ElapsedText(absl::Milliseconds(9994)), "9.99s");
  EXPECT_EQ(ElapsedText(absl::Milliseconds(9996)), "10.0s");
  EXPECT_EQ(ElapsedText(absl::Milliseconds(59960)), "1m00s");
  EXPECT_EQ(ElapsedText(absl::Seconds(185)), "3m05s");
  EXPECT_EQ(ElapsedText(absl::Minutes(123)), "2h03m");
  EXPECT_EQ(ElapsedText(absl::Hours(98)), "4d02h");
  EXPECT_EQ(ElapsedText(-absl::Seconds(1)), "-");
}

TEST(LengthText, IsExactForWhatPeopleWrite) {
  EXPECT_EQ(LengthText(absl::ZeroDuration()), "0ms");
  EXPECT_EQ(LengthText(absl::Milliseconds(500)), "500ms");
  EXPECT_EQ(LengthText(absl::Microseconds(1500)), "1.5ms");
  EXPECT_EQ(LengthText(absl::Seconds(1)), "1s");
  EXPECT_EQ(LengthText(absl::Milliseconds(2350)), "2.35s");
  EXPECT_EQ(LengthText(absl::Seconds(90)), "1m30s");
}

TEST(BytesText, UsesBinaryUnits) {
  EXPECT_EQ(BytesText(0), "0 B");
  EXPECT_EQ(BytesText(1023), "1023 B");
  EXPECT_EQ(BytesText(1536), "1.5 KiB");
  EXPECT_EQ(BytesText(64u << 20), "64 MiB");
}

TEST(Count, IsInThePluralWhereItMustBe) {
  EXPECT_EQ(Count(0, "task"), "0 tasks");
  EXPECT_EQ(Count(1, "task"), "1 task");
  EXPECT_EQ(Count(2, "task"), "2 tasks");
}

TEST(Word, IsTheStateInLowerCase) {
  EXPECT_EQ(Word(v1::RUN_STATE_SUCCEEDED), "succeeded");
  EXPECT_EQ(Word(v1::TASK_STATE_TIMED_OUT), "timed_out");
  EXPECT_EQ(Word(v1::WORKER_STATE_DETACHED), "detached");
}

TEST(FailureText, SaysExitCodeSignalOrTimeout) {
  EXPECT_EQ(FailureText(v1::TASK_STATE_FAILED, 3, 0, ""), "exit code 3");
  EXPECT_EQ(FailureText(v1::TASK_STATE_FAILED, 0, 9, ""), "killed by signal 9");
  EXPECT_EQ(FailureText(v1::TASK_STATE_TIMED_OUT, 0, 15, ""), "timed out");
  EXPECT_EQ(FailureText(v1::TASK_STATE_LOST, 0, 0, ""), "lost with its worker");
  EXPECT_EQ(FailureText(v1::TASK_STATE_FAILED, 0, 0, ""), "failed");
}

TEST(FailureText, IsWhatTheWorkerSaysWhereItSaysSomething) {
  // The code and the signal follow from the cause, and are no cause themselves.
  EXPECT_EQ(FailureText(v1::TASK_STATE_FAILED, 1, 0, "cannot start: x"),
            "cannot start: x");
  EXPECT_EQ(FailureText(v1::TASK_STATE_FAILED, 143, 15,
                        "not ready within 5s; stopped by TERM"),
            "not ready within 5s; stopped by TERM");
  EXPECT_EQ(FailureText(v1::TASK_STATE_TIMED_OUT, 0, 15, "timed out after 5s"),
            "timed out after 5s");
  EXPECT_EQ(FailureText(v1::TASK_STATE_LOST, 0, 0, "worker w1 is gone"),
            "worker w1 is gone");
}

TEST(CountsText, NamesOnlyWhatThereIs) {
  v1::TaskCounts counts;
  EXPECT_EQ(CountsText(counts), "no tasks");
  counts.set_succeeded(10);
  counts.set_timed_out(1);
  counts.set_waiting(2);
  EXPECT_EQ(CountsText(counts), "10 succeeded, 1 timed out, 2 waiting");
  EXPECT_EQ(Total(counts), 13u);
}

TEST(CountsText, TellsTheRemovedApartAndLeavesOutWhatUndoesNothing) {
  v1::TaskCounts counts;
  counts.set_cancelled(3);
  counts.set_removed(1);
  counts.set_waiting(2);
  counts.set_dormant(2);
  EXPECT_EQ(CountsText(counts), "2 cancelled, 1 removed");
}

TEST(CleanLine, DropsWhatWouldDisturbATerminal) {
  EXPECT_EQ(CleanLine("plain\r\n", true), "plain");
  EXPECT_EQ(CleanLine("10%\r50%\r100%", true), "100%");
  EXPECT_EQ(CleanLine("a\x1b[2Jb\x1b[1;1Hc\x07", true), "abc");
  EXPECT_EQ(CleanLine("a\tb", true), "a\tb");
  EXPECT_EQ(CleanLine("cut\x1b", true), "cut");
  EXPECT_EQ(CleanLine("cut\x1b[12", true), "cut");
}

TEST(CleanLine, KeepsColoursWhenAskedTo) {
  EXPECT_EQ(CleanLine("\x1b[31mred", true), "\x1b[31mred\x1b[0m");
  EXPECT_EQ(CleanLine("\x1b[31mred\x1b[0m", false), "red");
}

TEST(Width, CountsCodePointsAndNoColours) {
  EXPECT_EQ(Width("abc"), 3u);
  EXPECT_EQ(Width("gr\xc3\xbc\xc3\x9f"), 4u);
  EXPECT_EQ(Width("\x1b[31mred\x1b[0m"), 3u);
}

TEST(Truncate, CutsAtAColumnAndEndsColours) {
  EXPECT_EQ(Truncate("abcdef", 6), "abcdef");
  EXPECT_EQ(Truncate("abcdef", 3), "abc");
  EXPECT_EQ(Truncate("gr\xc3\xbc\xc3\x9f", 3), "gr\xc3\xbc");
  EXPECT_EQ(Truncate("\x1b[31mabcdef\x1b[0m", 2), "\x1b[31mab\x1b[0m");
}

TEST(Palette, IsSilentWhenOff) {
  EXPECT_EQ(Palette(false).Red("x"), "x");
  EXPECT_EQ(Palette(true).Red("x"), "\x1b[31mx\x1b[0m");
}

TEST(Table, AlignsColumnsWithoutTrailingSpace) {
  Table table({"RUN", "STATE"});
  table.Add({"shop-12", Palette(true).Green("ok")});
  table.Add({"a", ""});
  EXPECT_EQ(table.ToString(),
            "RUN      STATE\nshop-12  \x1b[32mok\x1b[0m\na\n");
}

}  // namespace
}  // namespace w2t::cli
