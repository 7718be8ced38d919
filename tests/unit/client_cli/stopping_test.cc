// What is said of a run that takes its time to stop.
#include "client/cli/stopping.h"

#include <gtest/gtest.h>

namespace w2t::cli {
namespace {

v1::TaskStatus Stopping(const std::string& name) {
  v1::TaskStatus task;
  task.set_name(name);
  task.set_worker("w1");
  task.set_stopping(true);
  return task;
}

v1::TaskStatus WaitingFor(const std::string& name, const std::string& other) {
  v1::TaskStatus task;
  task.set_name(name);
  task.set_wait_kind(v1::WAIT_KIND_TO_BE_STOPPED);
  task.add_waiting_for(other);
  return task;
}

class StoppingTest : public testing::Test {
 protected:
  std::string At(int seconds, const std::vector<v1::TaskStatus>& held,
                 bool live = false) {
    return tasks_.Tell(held, absl::FromUnixSeconds(1'000 + seconds), live);
  }
  StoppingTasks tasks_;
};

TEST_F(StoppingTest, NamesWhatStopsAndWhatWaitsForIt) {
  const std::vector<v1::TaskStatus> held = {
      WaitingFor("db", "api-0"), WaitingFor("api-0", "web"),
      WaitingFor("api-1", "web"), Stopping("web")};
  EXPECT_EQ(At(0, held), "");
  EXPECT_EQ(At(3, held),
            "stopping web on w1 (3.00s so far); api-0, api-1 wait for web; db "
            "waits for api-0");
  EXPECT_EQ(At(4, {Stopping("db")}), "");
  EXPECT_EQ(At(5, {Stopping("db")}), "stopping db on w1 (1.00s so far)");
}

TEST_F(StoppingTest, IsRepeatedMoreAndMoreSeldomUnlessItIsLive) {
  std::vector<int> told;
  for (int second = 0; second < 20; ++second) {
    if (!At(second, {Stopping("api")}).empty()) told.push_back(second);
  }
  EXPECT_EQ(told, (std::vector<int>{1, 2, 4, 8, 16}));
  EXPECT_NE(At(20, {Stopping("api")}, /*live=*/true), "");
  EXPECT_NE(At(21, {Stopping("api")}, /*live=*/true), "");
}

TEST_F(StoppingTest, SaysNothingWhenNothingStops) {
  EXPECT_EQ(At(0, {}), "");
  EXPECT_EQ(At(0, {WaitingFor("db", "api")}), "");
}

}  // namespace
}  // namespace w2t::cli
