#include "core/run/critical_chain.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/engine_env.h"
#include "tests/support/graph_builder.h"

namespace w2t::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class CriticalChainTest : public ::testing::Test {
 protected:
  // "name waited+took" of each link, in seconds.
  std::vector<std::string> Chain() const {
    std::vector<std::string> out;
    for (const ChainLink& link : CriticalChain(env_.run())) {
      const int64_t done =
          link.done_us == 0 ? absl::ToUnixMicros(env_.now()) : link.done_us;
      out.push_back(std::string(env_.run().blueprint().task_name(link.task)) +
                    " " + Seconds(link.start_us - link.released_us) + "+" +
                    Seconds(done - link.start_us));
    }
    return out;
  }
  static std::string Seconds(int64_t us) {
    return std::to_string(us / 1'000'000);
  }
  void Run(std::string_view task, int seconds) {
    env_.Start(task);
    env_.Advance(absl::Seconds(seconds));
    env_.Succeed(task);
  }

  EngineEnv env_;
};

TEST_F(CriticalChainTest, FollowsWhatWasDoneLast) {
  env_.Hello("w1", {.slots = 4});
  env_.Submit(GraphBuilder().Task("a").Task("b").Task("c", {"a", "b"}));
  env_.Start("a");
  env_.Start("b");
  env_.Advance(absl::Seconds(1));
  env_.Succeed("a");
  env_.Advance(absl::Seconds(2));
  env_.Succeed("b");
  Run("c", 5);
  EXPECT_THAT(Chain(), ElementsAre("b 0+3", "c 0+5"));
}

TEST_F(CriticalChainTest, TellsWaitingForAWorkerApart) {
  env_.Submit(GraphBuilder().Task("a").Task("b", {"a"}));
  env_.Advance(absl::Seconds(7));
  env_.Hello("w1");
  Run("a", 1);
  env_.Start("b");
  env_.Advance(absl::Seconds(2));
  EXPECT_THAT(Chain(), ElementsAre("a 7+1", "b 0+2")) << "b goes on";
}

TEST_F(CriticalChainTest, AServiceCountsUntilItIsReady) {
  env_.Hello("w1", {.slots = 2});
  env_.Submit(GraphBuilder().Service("db").Probe().Task("migrate", {"db"}));
  env_.Start("db");
  env_.Advance(absl::Seconds(4));
  env_.Ready("db");
  Run("migrate", 1);
  env_.Advance(absl::Seconds(9));
  env_.Finish();
  EXPECT_THAT(Chain(), ElementsAre("db 0+4", "migrate 0+1"));
}

TEST_F(CriticalChainTest, OfAnyOfSeveralTheFirstOneReleases) {
  env_.Hello("w1", {.slots = 3});
  env_.Submit(GraphBuilder()
                  .Task("slow")
                  .Task("fast")
                  .Task("after", {"slow", "fast"})
                  .Trigger(1));
  env_.Start("slow");
  Run("fast", 1);
  env_.Start("after");
  env_.Advance(absl::Seconds(1));
  env_.Succeed("slow");
  env_.Advance(absl::Seconds(1));
  env_.Succeed("after");
  EXPECT_THAT(Chain(), ElementsAre("fast 0+1", "after 0+2"));
}

TEST_F(CriticalChainTest, ASkippedTaskIsALinkThatTakesNoTime) {
  env_.Hello("w1", {.slots = 2});
  env_.Submit(GraphBuilder()
                  .Task("fails")
                  .Task("skipped", {"fails"})
                  .Task("report", {{"skipped", Condition::kFinished}}));
  env_.Start("fails");
  env_.Advance(absl::Seconds(3));
  env_.Fail("fails");
  Run("report", 1);
  EXPECT_THAT(Chain(), ElementsAre("fails 0+3", "skipped 0+0", "report 0+1"));
}

TEST_F(CriticalChainTest, NothingHasStarted) {
  env_.Submit(GraphBuilder().Task("a"));
  EXPECT_THAT(Chain(), IsEmpty());
}

}  // namespace
}  // namespace w2t::testing
