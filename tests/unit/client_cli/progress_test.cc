#include "client/cli/progress.h"

#include <sstream>

#include "client/cli/screen.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/client_cli/watch_items.h"

namespace w2t::cli {
namespace {

using ::testing::HasSubstr;

constexpr absl::Time kNow = absl::FromUnixSeconds(100);

std::vector<std::string> Block(const RunView& view, size_t width = 200,
                               size_t height = 10,
                               const std::string& hint = "") {
  return ProgressBlock(view, kNow, width, height, hint, Palette(false));
}

TEST(ProgressBlock, CountsAndNamesWhatRuns) {
  RunView view;
  v1::WatchRunResponse snapshot =
      Snapshot({"a", "b", "c", "d"}, {v1::TASK_STATE_SUCCEEDED});
  snapshot.mutable_snapshot()
      ->mutable_run()
      ->mutable_create_time()
      ->set_seconds(88);
  view.Apply(snapshot);
  view.Apply(
      Events({{.task = 1, .state = v1::TASK_STATE_RUNNING, .at_ms = 99'000}}));
  const auto lines = Block(view);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_THAT(lines[0], HasSubstr("shop-7 running 12.0s [=====>"));
  EXPECT_THAT(lines[0], HasSubstr("1/4 done, 1 running, 2 waiting"));
  EXPECT_LE(Width(lines[0]), 80u);
  EXPECT_EQ(lines[1], "  running b  1.00s");
}

TEST(ProgressBlock, LeavesOutWhatIsGoneOrHasNothingToDo) {
  RunView view;
  v1::WatchRunResponse snapshot =
      Snapshot({"a", "a.undo", "gone", "d"},
               {v1::TASK_STATE_SUCCEEDED, v1::TASK_STATE_WAITING,
                v1::TASK_STATE_CANCELLED, v1::TASK_STATE_RUNNING});
  v1::TaskCounts& counts =
      *snapshot.mutable_snapshot()->mutable_run()->mutable_counts();
  counts.set_removed(1);
  counts.set_dormant(1);
  view.Apply(snapshot);
  EXPECT_THAT(Block(view)[0], HasSubstr("1/2 done, 1 running, 0 waiting"));
}

TEST(ProgressBlock, NeverExceedsItsBounds) {
  RunView view;
  std::vector<std::string> names;
  for (int i = 0; i < 50; ++i) names.push_back("task-" + std::to_string(i));
  view.Apply(
      Snapshot(names, std::vector<v1::TaskState>(50, v1::TASK_STATE_RUNNING)));
  const auto lines = Block(view, 20, 5, "stuck");
  ASSERT_EQ(lines.size(), 5u);
  EXPECT_EQ(lines[3], "  and 48 more");
  EXPECT_EQ(lines[4], "stuck");
  for (const std::string& line : lines) EXPECT_LE(Width(line), 20u);
  EXPECT_EQ(Block(view, 80, 1).size(), 1u);
}

TEST(ProgressBlock, AnEmptyRunHasABarToo) {
  EXPECT_THAT(Block(RunView())[0], HasSubstr("0/0 done"));
}

TEST(Screen, RedrawsTheBlockBelowWhatScrolls) {
  std::ostringstream out;
  {
    Screen screen(out, /*live=*/true);
    screen.Draw({"one", "two"});
    screen.Flush();
    EXPECT_EQ(out.str(), "one\ntwo\n");
    out.str("");
    screen.Print("line");
    screen.Draw({"three"});
    screen.Flush();
    EXPECT_EQ(out.str(), "\x1b[2F\x1b[Jline\nthree\n");
    out.str("");
    screen.Draw({"three"});
    screen.Flush();
    EXPECT_EQ(out.str(), "");
  }
  EXPECT_EQ(out.str(), "\x1b[1F\x1b[J");
}

TEST(Screen, WritesOnlyLinesWithoutATerminal) {
  std::ostringstream out;
  Screen screen(out, /*live=*/false);
  screen.Draw({"block"});
  screen.Print("line");
  EXPECT_TRUE(screen.Flush());
  EXPECT_EQ(out.str(), "line\n");
}

TEST(Screen, NoticesThatNobodyReads) {
  std::ostringstream out;
  out.setstate(std::ios::badbit);
  Screen screen(out, /*live=*/false);
  screen.Print("line");
  EXPECT_FALSE(screen.Flush());
}

}  // namespace
}  // namespace w2t::cli
