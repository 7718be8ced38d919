#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/observe/watch_feed.h"
#include "server/observe/watch_hub.h"
#include "tests/unit/server/engine_fixture.h"

namespace w2t::server {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kRoomyFeed = 100 << 20;

SharedBytes Bytes(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

// A feed and what came out of it.
struct Watcher {
  explicit Watcher(uint64_t max_bytes = kRoomyFeed,
                   const Budget* budget = nullptr)
      : feed(std::make_shared<WatchFeed>(
            max_bytes, [this] { ++wakes; }, budget)) {}

  // Takes all that waits.
  void Drain() {
    while (std::optional<WatchFeed::Item> item = feed->Take()) {
      if (item->message == nullptr) {
        end = item->status;
        return;
      }
      v1::WatchRunResponse response;
      ASSERT_TRUE(response.ParseFromString(*item->message));
      got.push_back(std::move(response));
    }
  }

  int wakes = 0;
  std::shared_ptr<WatchFeed> feed;
  std::vector<v1::WatchRunResponse> got;
  std::optional<absl::Status> end;
};

TEST(WatchFeedTest, GivesMessagesInOrderThenTheEnd) {
  Watcher watcher;
  v1::WatchRunResponse message;
  message.mutable_events()->set_first_seq(1);
  watcher.feed->Put(Bytes(message.SerializeAsString()));
  message.mutable_events()->set_first_seq(2);
  watcher.feed->Put(Bytes(message.SerializeAsString()));
  watcher.feed->End(absl::OkStatus());
  watcher.Drain();
  ASSERT_EQ(watcher.got.size(), 2u);
  EXPECT_EQ(watcher.got[1].events().first_seq(), 2u);
  ASSERT_TRUE(watcher.end.has_value());
  EXPECT_TRUE(watcher.end->ok());
  EXPECT_FALSE(watcher.feed->Take().has_value());
}

TEST(WatchFeedTest, ASlowReaderLosesItsFeedByName) {
  v1::WatchRunResponse message;
  message.mutable_events()->set_first_seq(1);
  const std::string bytes = message.SerializeAsString();
  Watcher watcher(bytes.size() + 1);
  for (int i = 0; i < 3; ++i) watcher.feed->Put(Bytes(bytes));
  watcher.Drain();
  EXPECT_EQ(watcher.got.size(), 1u) << "so that it can resume behind it";
  ASSERT_TRUE(watcher.end.has_value());
  EXPECT_EQ(watcher.end->code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(watcher.end->message()),
              HasSubstr("max_outbox_bytes"));
  EXPECT_TRUE(watcher.feed->over());
}

TEST(WatchFeedTest, OneMessageIsTakenHoweverLargeItIs) {
  v1::WatchRunResponse message;
  message.mutable_events()->set_first_seq(1);
  Watcher watcher(1);
  for (size_t i = 1; i <= 3; ++i) {
    watcher.feed->Put(Bytes(message.SerializeAsString()));
    watcher.Drain();
    EXPECT_EQ(watcher.got.size(), i);
  }
  EXPECT_FALSE(watcher.feed->over());
}

TEST(WatchFeedTest, WhenTheBudgetIsSpentThoseWhoDoNotKeepUpGiveWay) {
  const Budget budget(20);
  Watcher slow(kRoomyFeed, &budget);
  Watcher fast(kRoomyFeed, &budget);
  for (int i = 0; i < 2; ++i) {
    const SharedBytes shared = Share("12345678", &budget);
    slow.feed->Put(shared);
    fast.feed->Put(shared);
    fast.feed->Take();
  }
  EXPECT_EQ(budget.used(), 16u) << "what is shared counts once";
  const SharedBytes third = Share("12345678", &budget);
  slow.feed->Put(third);
  fast.feed->Put(third);
  slow.Drain();
  ASSERT_TRUE(slow.end.has_value());
  EXPECT_EQ(slow.end->code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(slow.end->message()), HasSubstr("max_waiting_bytes"));
  EXPECT_FALSE(fast.feed->over());
  EXPECT_EQ(budget.used(), 8u) << "the slow one has let go";
}

TEST(WatchFeedTest, AbandonedItKeepsNothing) {
  Watcher watcher;
  watcher.feed->Abandon();
  watcher.feed->Put(Bytes("x"));
  watcher.feed->End(absl::OkStatus());
  EXPECT_FALSE(watcher.feed->Take().has_value());
  EXPECT_EQ(watcher.wakes, 0);
  EXPECT_TRUE(watcher.feed->over());
}

class WatchHubTest : public ::testing::Test {
 protected:
  absl::Status Watch(RunNumber run, Watcher* watcher,
                     WatchHub::Wish wish = {}) {
    return hub_.Watch(env_.view(), *env_.engine().FindRun(run), wish,
                      watcher->feed);
  }
  void Flush(RunNumber run) {
    hub_.Changed(run);
    hub_.Flush(env_.view());
  }

  EngineFixture env_;
  WatchHub hub_;
};

TEST_F(WatchHubTest, StartsWithASnapshotAndGoesOnWithoutGaps) {
  const RunNumber run = env_.Submit(MakeGraph("g", 2, 2));
  Watcher watcher;
  ASSERT_TRUE(Watch(run, &watcher).ok());
  env_.AddWorker(2);
  Flush(run);
  env_.ReportAll(TaskState::kSucceeded);
  Flush(run);
  env_.ReportAll(TaskState::kSucceeded);
  Flush(run);
  watcher.Drain();

  ASSERT_GE(watcher.got.size(), 3u);
  const v1::RunSnapshot& snapshot = watcher.got[0].snapshot();
  EXPECT_TRUE(snapshot.last());
  EXPECT_EQ(snapshot.run().run_id(), "g-1");
  ASSERT_EQ(snapshot.names_size(), 2);
  EXPECT_EQ(snapshot.steps(1), 2u);
  uint64_t next = snapshot.seq() + 1;
  for (size_t i = 1; i + 1 < watcher.got.size(); ++i) {
    const v1::EventBatch& events = watcher.got[i].events();
    EXPECT_EQ(events.first_seq(), next);
    next += events.time_us_size();
  }
  const v1::Run& ended = watcher.got.back().ended();
  EXPECT_EQ(ended.state(), v1::RUN_STATE_SUCCEEDED);
  EXPECT_EQ(ended.last_seq() + 1, next);
  ASSERT_TRUE(watcher.end.has_value());
  EXPECT_TRUE(watcher.end->ok());
}

TEST_F(WatchHubTest, ResumesAfterAnEvent) {
  const RunNumber run = env_.Submit(MakeGraph("g", 1));
  env_.AddWorker(1);
  const uint64_t last = env_.engine().FindRun(run)->last_seq();
  ASSERT_GE(last, 2u);
  Watcher watcher;
  ASSERT_TRUE(Watch(run, &watcher, {.after_seq = 1}).ok());
  watcher.Drain();
  ASSERT_EQ(watcher.got.size(), 1u);
  EXPECT_EQ(watcher.got[0].events().first_seq(), 2u);
  EXPECT_EQ(watcher.got[0].events().time_us_size(), static_cast<int>(last) - 1);
}

TEST_F(WatchHubTest, ARevisionIsASnapshotOfTheNewTasks) {
  const RunNumber number = env_.Submit(MakeGraph("g", 2));
  const uint64_t before = env_.engine().FindRun(number)->last_seq();
  Watcher watcher;
  ASSERT_TRUE(Watch(number, &watcher, {.after_seq = before}).ok());
  wire::DecodedGraph next = wire::DecodeGraph(MakeGraph("g", 3), Limits());
  ReviseEvent event;
  event.run_id = "g-1";
  event.base_revision = 1;
  event.blueprint = next.blueprint;
  event.definition = next.definition;
  env_.Step(std::move(event));
  ASSERT_EQ(env_.engine().FindRun(number)->revision(), 2u);
  Flush(number);
  watcher.Drain();
  ASSERT_EQ(watcher.got.size(), 1u);
  EXPECT_EQ(watcher.got[0].snapshot().names_size(), 3);
  // Nobody else can go on from what was before either.
  Watcher late;
  EXPECT_EQ(Watch(number, &late, {.after_seq = before}).code(),
            absl::StatusCode::kOutOfRange);
}

TEST_F(WatchHubTest, RefusesToResumeAfterWhatHasNotHappened) {
  const RunNumber run = env_.Submit(MakeGraph("g", 1));
  Watcher watcher;
  EXPECT_EQ(Watch(run, &watcher, {.after_seq = 999}).code(),
            absl::StatusCode::kOutOfRange);
}

TEST_F(WatchHubTest, OnlyTheEndIsAHeadAndTheRun) {
  const RunNumber run = env_.Submit(MakeGraph("g", 1));
  Watcher watcher;
  ASSERT_TRUE(Watch(run, &watcher, {.end_only = true}).ok());
  env_.AddWorker(1);
  Flush(run);
  env_.ReportAll(TaskState::kSucceeded);
  Flush(run);
  watcher.Drain();
  ASSERT_EQ(watcher.got.size(), 2u);
  EXPECT_EQ(watcher.got[0].snapshot().names_size(), 0);
  EXPECT_TRUE(watcher.got[0].snapshot().last());
  EXPECT_EQ(watcher.got[1].ended().state(), v1::RUN_STATE_SUCCEEDED);
}

TEST_F(WatchHubTest, AnEndedRunIsASnapshotAndTheEnd) {
  const RunNumber run = env_.Submit(MakeGraph("g", 1));
  env_.AddWorker(1);
  env_.ReportAll(TaskState::kSucceeded);
  Watcher watcher;
  ASSERT_TRUE(Watch(run, &watcher).ok());
  watcher.Drain();
  ASSERT_EQ(watcher.got.size(), 2u);
  EXPECT_TRUE(watcher.got[0].has_snapshot());
  EXPECT_TRUE(watcher.got[1].has_ended());
  EXPECT_TRUE(watcher.end.has_value());
}

TEST_F(WatchHubTest, ASnapshotTellsHowAttemptsEndedAndWhere) {
  const RunNumber run = env_.Submit(MakeGraph("g", 3, 3));
  env_.AddWorker(1);
  env_.ReportAll(TaskState::kSucceeded);
  env_.ReportAll(TaskState::kFailed, 7);
  Watcher watcher;
  ASSERT_TRUE(Watch(run, &watcher).ok());
  watcher.Drain();
  const v1::RunSnapshot& snapshot = watcher.got.at(0).snapshot();
  ASSERT_EQ(snapshot.details_size(), 2);  // t2 never ran
  EXPECT_EQ(snapshot.details(0).position(), 0u);
  EXPECT_EQ(snapshot.details(0).worker(), "w1");
  EXPECT_EQ(snapshot.details(1).position(), 1u);
  EXPECT_EQ(snapshot.details(1).exit_code(), 7);
  EXPECT_EQ(snapshot.details(1).worker(), "w1");
}

TEST_F(WatchHubTest, ALargeSnapshotComesInParts) {
  const uint32_t tasks = WatchFeed::kPartTasks * 2 + 3;
  const RunNumber run = env_.Submit(MakeGraph("g", static_cast<int>(tasks)));
  Watcher watcher;
  ASSERT_TRUE(Watch(run, &watcher).ok());
  watcher.Drain();
  ASSERT_EQ(watcher.got.size(), 3u);
  EXPECT_TRUE(watcher.got[0].snapshot().has_run());
  EXPECT_FALSE(watcher.got[1].snapshot().has_run());
  EXPECT_EQ(watcher.got[1].snapshot().first_task(), WatchFeed::kPartTasks);
  EXPECT_FALSE(watcher.got[1].snapshot().last());
  EXPECT_EQ(watcher.got[2].snapshot().names_size(), 3);
  EXPECT_TRUE(watcher.got[2].snapshot().last());
}

TEST_F(WatchHubTest, WatchersOfARunShareOneEncoding) {
  const RunNumber run = env_.Submit(MakeGraph("g", 1));
  Watcher a;
  Watcher b;
  ASSERT_TRUE(Watch(run, &a).ok());
  ASSERT_TRUE(Watch(run, &b).ok());
  a.Drain();
  b.Drain();
  env_.AddWorker(1);
  Flush(run);
  EXPECT_EQ(a.feed->Take()->message, b.feed->Take()->message);
}

TEST_F(WatchHubTest, EndAllTellsEveryWatcher) {
  const RunNumber run = env_.Submit(MakeGraph("g", 1));
  Watcher watcher;
  ASSERT_TRUE(Watch(run, &watcher).ok());
  hub_.EndAll(StoppingStatus());
  watcher.Drain();
  EXPECT_EQ(watcher.end->code(), absl::StatusCode::kUnavailable);
}

TEST_F(WatchHubTest, AForgottenRunEndsItsWatches) {
  const RunNumber run = env_.Submit(MakeGraph("g", 1));
  Watcher watcher;
  ASSERT_TRUE(Watch(run, &watcher).ok());
  hub_.Forget(run, "g-1");
  hub_.Forget(run, "g-1");
  watcher.Drain();
  EXPECT_EQ(watcher.end->code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(watcher.end->message()), HasSubstr("max_runs"));
}

class Listener : public RunEndListener {
 public:
  void RunEnded() override { ++told; }
  int told = 0;
};

TEST_F(WatchHubTest, TellsListenersOnceTheRunHasEnded) {
  const RunNumber run = env_.Submit(MakeGraph("g", 1));
  auto listener = std::make_shared<Listener>();
  hub_.WhenEnded(*env_.engine().FindRun(run), listener);
  env_.AddWorker(1);
  Flush(run);
  EXPECT_EQ(listener->told, 0);
  env_.ReportAll(TaskState::kSucceeded);
  Flush(run);
  EXPECT_EQ(listener->told, 1);
}

TEST(WatchHubLimitTest, MoreEventsThanAreKeptBecomeASnapshot) {
  Limits limits;
  limits.max_run_events = 4;
  EngineFixture env(limits);
  WatchHub hub;
  const RunNumber run = env.Submit(MakeGraph("g", 10));
  const w2t::Run* watched = env.engine().FindRun(run);
  Watcher watcher;
  ASSERT_TRUE(hub.Watch(env.view(), *watched, {}, watcher.feed).ok());
  env.AddWorker(10);
  hub.Changed(run);
  hub.Flush(env.view());
  watcher.Drain();
  ASSERT_EQ(watcher.got.size(), 2u);
  const v1::RunSnapshot& snapshot = watcher.got[1].snapshot();
  EXPECT_EQ(snapshot.seq(), watched->last_seq());
  EXPECT_EQ(snapshot.states(9), v1::TASK_STATE_LEASED);

  Watcher late;
  const absl::Status status =
      hub.Watch(env.view(), *watched, {.after_seq = 1}, late.feed);
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr(std::to_string(watched->first_seq())));
}

}  // namespace
}  // namespace w2t::server
