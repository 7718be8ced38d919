// Watch, ReadLogs and ReadRunLogs over a connection that breaks.
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/client_cli/fake_daemon.h"
#include "w2t/client.h"

namespace w2t {
namespace {

using ::testing::ElementsAre;
using Writer = grpc::ServerWriter<v1::WatchRunResponse>;
using LogWriter = grpc::ServerWriter<v1::ReadLogsResponse>;
using RunLogWriter = grpc::ServerWriter<v1::ReadRunLogsResponse>;

const grpc::Status kCutOff(grpc::StatusCode::UNAVAILABLE, "shutting down");

v1::WatchRunResponse Snapshot(uint64_t seq) {
  v1::WatchRunResponse item;
  item.mutable_snapshot()->set_seq(seq);
  item.mutable_snapshot()->set_last(true);
  return item;
}
v1::WatchRunResponse Events(uint64_t first, int count) {
  v1::WatchRunResponse item;
  item.mutable_events()->set_first_seq(first);
  for (int i = 0; i < count; ++i) item.mutable_events()->add_task(0);
  return item;
}
v1::WatchRunResponse Ended() {
  v1::WatchRunResponse item;
  item.mutable_ended()->set_state(v1::RUN_STATE_SUCCEEDED);
  return item;
}

class StreamsTest : public ::testing::Test {
 protected:
  // What Watch told: "snapshot 3", "events 4", "ended".
  absl::Status Watch(std::stop_token stop = {}) {
    return client_->Watch(
        "shop-1", {},
        [this](const v1::WatchRunResponse& item) {
          if (item.has_snapshot()) {
            told_.push_back("snapshot " +
                            std::to_string(item.snapshot().seq()));
          } else if (item.has_events()) {
            told_.push_back("events " +
                            std::to_string(item.events().first_seq()));
          } else {
            told_.push_back("ended");
          }
        },
        stop);
  }

  // Counts how often the daemon is found away, and back.
  ClientOptions Counting() {
    ClientOptions options;
    options.on_away = [this](const absl::Status&) { ++away_; };
    options.on_back = [this](absl::Duration) { ++back_; };
    return options;
  }

  FakeDaemon daemon_;
  std::atomic<int> away_ = 0;
  std::atomic<int> back_ = 0;
  std::unique_ptr<Client> client_ = daemon_.Connect(Counting());
  std::vector<std::string> told_;
};

TEST_F(StreamsTest, WatchEndsWithTheRun) {
  daemon_.watches.push_back([](const v1::WatchRunRequest&, Writer* writer) {
    writer->Write(Snapshot(3));
    writer->Write(Events(4, 2));
    writer->Write(Ended());
    return grpc::Status::OK;
  });
  EXPECT_TRUE(Watch().ok());
  EXPECT_THAT(told_, ElementsAre("snapshot 3", "events 4", "ended"));
  EXPECT_EQ(away_, 0);
}

TEST_F(StreamsTest, WatchGoesOnAfterTheLastEvent) {
  daemon_.watches.push_back([](const v1::WatchRunRequest&, Writer* writer) {
    writer->Write(Snapshot(3));
    writer->Write(Events(4, 2));
    return kCutOff;
  });
  uint64_t resumed_after = 0;
  daemon_.watches.push_back(
      [&resumed_after](const v1::WatchRunRequest& request, Writer* writer) {
        resumed_after = request.after_seq();
        writer->Write(Events(6, 1));
        writer->Write(Ended());
        return grpc::Status::OK;
      });
  EXPECT_TRUE(Watch().ok());
  EXPECT_EQ(resumed_after, 5u);
  EXPECT_THAT(told_,
              ElementsAre("snapshot 3", "events 4", "events 6", "ended"));
  EXPECT_EQ(away_, 1);
  EXPECT_EQ(back_, 1);
}

TEST_F(StreamsTest, WatchStartsAnewWhenItsPlaceIsNoLongerKept) {
  daemon_.watches.push_back([](const v1::WatchRunRequest&, Writer* writer) {
    writer->Write(Snapshot(3));
    return kCutOff;
  });
  daemon_.watches.push_back([](const v1::WatchRunRequest&, Writer*) {
    return grpc::Status(grpc::StatusCode::OUT_OF_RANGE, "compacted");
  });
  daemon_.watches.push_back(
      [](const v1::WatchRunRequest& request, Writer* writer) {
        EXPECT_EQ(request.after_seq(), 0u);
        writer->Write(Snapshot(90));
        writer->Write(Ended());
        return grpc::Status::OK;
      });
  EXPECT_TRUE(Watch().ok());
  EXPECT_THAT(told_, ElementsAre("snapshot 3", "snapshot 90", "ended"));
}

TEST_F(StreamsTest, WatchThatEndsTooEarlyIsTakenUpAgain) {
  daemon_.watches.push_back([](const v1::WatchRunRequest&, Writer* writer) {
    writer->Write(Snapshot(1));
    return grpc::Status::OK;
  });
  daemon_.watches.push_back([](const v1::WatchRunRequest&, Writer* writer) {
    writer->Write(Ended());
    return grpc::Status::OK;
  });
  EXPECT_TRUE(Watch().ok());
  EXPECT_THAT(told_, ElementsAre("snapshot 1", "ended"));
}

TEST_F(StreamsTest, WatchRefusesAGap) {
  daemon_.watches.push_back([](const v1::WatchRunRequest&, Writer* writer) {
    writer->Write(Snapshot(3));
    writer->Write(Events(7, 1));
    return grpc::Status::OK;
  });
  EXPECT_EQ(Watch().code(), absl::StatusCode::kInternal);
  EXPECT_THAT(told_, ElementsAre("snapshot 3"));
}

TEST_F(StreamsTest, WatchOfNoRunIsAnError) {
  daemon_.watches.push_back([](const v1::WatchRunRequest&, Writer*) {
    return grpc::Status(grpc::StatusCode::NOT_FOUND, "no run shop-1");
  });
  EXPECT_EQ(Watch().code(), absl::StatusCode::kNotFound);
}

TEST_F(StreamsTest, WatchIsStoppedFromOutside) {
  const auto stop = std::make_unique<std::stop_source>();
  daemon_.watches.push_back(
      [&stop](const v1::WatchRunRequest&, Writer* writer) {
        writer->Write(Snapshot(1));
        stop->request_stop();
        return kCutOff;
      });
  EXPECT_EQ(Watch(stop->get_token()).code(), absl::StatusCode::kCancelled);
}

TEST_F(StreamsTest, WatchGivesUpInTheEnd) {
  ClientOptions options = Counting();
  options.wait_for_server = absl::Milliseconds(200);
  client_ = daemon_.Connect(options);
  daemon_.watches.push_back([](const v1::WatchRunRequest&, Writer* writer) {
    writer->Write(Snapshot(1));
    return kCutOff;
  });
  for (int i = 0; i < 20; ++i) {
    daemon_.watches.push_back(
        [](const v1::WatchRunRequest&, Writer*) { return kCutOff; });
  }
  EXPECT_EQ(Watch().code(), absl::StatusCode::kUnavailable);
  EXPECT_GE(away_, 1);
}

TEST_F(StreamsTest, WaitReturnsTheRunAsItEnded) {
  daemon_.watches.push_back(
      [](const v1::WatchRunRequest& request, Writer* writer) {
        EXPECT_TRUE(request.end_only());
        writer->Write(Ended());
        return grpc::Status::OK;
      });
  const auto run = client_->Wait("shop-1");
  ASSERT_TRUE(run.ok());
  EXPECT_EQ(run->state(), v1::RUN_STATE_SUCCEEDED);
}

TEST_F(StreamsTest, LogsGoOnAtTheSameByteOfTheSameAttempt) {
  daemon_.logs.push_back([](const v1::ReadLogsRequest&, LogWriter* writer) {
    v1::ReadLogsResponse item;
    item.add_chunks()->set_data("one");
    item.set_next_offset(3);
    item.set_attempt(2);
    writer->Write(item);
    return kCutOff;
  });
  v1::ReadLogsRequest resumed;
  daemon_.logs.push_back(
      [&resumed](const v1::ReadLogsRequest& request, LogWriter* writer) {
        resumed = request;
        v1::ReadLogsResponse item;
        item.add_chunks()->set_data("two");
        writer->Write(item);
        return grpc::Status::OK;
      });
  std::string text;
  const absl::Status status =
      client_->ReadLogs("shop-1", "api", {.follow = true},
                        [&text](const v1::ReadLogsResponse& item) {
                          text += item.chunks(0).data();
                        });
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(text, "onetwo");
  EXPECT_EQ(resumed.offset(), 3u);
  EXPECT_EQ(resumed.attempt(), 2u);
}

TEST_F(StreamsTest, AFollowerThatWasToldNothingYetGoesOnAsWell) {
  daemon_.logs.push_back(
      [](const v1::ReadLogsRequest&, LogWriter*) { return kCutOff; });
  daemon_.logs.push_back([](const v1::ReadLogsRequest&, LogWriter* writer) {
    v1::ReadLogsResponse item;
    item.add_chunks()->set_data("late");
    writer->Write(item);
    return grpc::Status::OK;
  });
  std::string text;
  const absl::Status status =
      client_->ReadLogs("shop-1", "api", {.follow = true},
                        [&text](const v1::ReadLogsResponse& item) {
                          text += item.chunks(0).data();
                        });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(text, "late");
}

v1::TaskOutput Part(uint32_t task, uint32_t attempt, const std::string& text,
                    uint64_t next_offset, bool last = false) {
  v1::TaskOutput part;
  part.set_task(task);
  part.set_last(last);
  part.mutable_output()->add_chunks()->set_data(text);
  part.mutable_output()->set_attempt(attempt);
  part.mutable_output()->set_next_offset(next_offset);
  return part;
}

TEST_F(StreamsTest, LogsOfARunGoOnWhereEachTaskStood) {
  daemon_.run_logs.push_back(
      [](const v1::ReadRunLogsRequest&, RunLogWriter* writer) {
        v1::ReadRunLogsResponse item;
        *item.add_outputs() = Part(5, 1, "a", 1);
        *item.add_outputs() = Part(7, 1, "b", 1);
        writer->Write(item);
        item.clear_outputs();
        *item.add_outputs() = Part(5, 1, "c", 2, /*last=*/true);
        writer->Write(item);
        return kCutOff;
      });
  std::vector<std::string> resumed;
  daemon_.run_logs.push_back(
      [&resumed](const v1::ReadRunLogsRequest& request, RunLogWriter* writer) {
        for (const v1::LogPosition& at : request.positions()) {
          resumed.push_back(std::to_string(at.task()) + "." +
                            std::to_string(at.attempt()) + " " +
                            std::to_string(at.offset()));
        }
        v1::ReadRunLogsResponse item;
        *item.add_outputs() = Part(7, 1, "d", 2, /*last=*/true);
        writer->Write(item);
        return grpc::Status::OK;
      });
  v1::LogPosition late;
  late.set_task(7);
  late.set_attempt(1);
  v1::LogPosition silent;
  silent.set_task(9);
  silent.set_attempt(4);
  std::string text;
  const absl::Status status = client_->ReadRunLogs(
      "shop-1", {late, silent}, [&text](const v1::TaskOutput& part) {
        text += part.output().chunks(0).data();
      });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(text, "abcd");
  EXPECT_THAT(resumed, ElementsAre("7.1 1", "9.4 0", "5.2 0"));
}

TEST_F(StreamsTest, ADaemonThatIsNotThereIsNotWaitedFor) {
  daemon_.Stop();
  EXPECT_EQ(Watch().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(away_, 0);
}

TEST_F(StreamsTest, ADaemonThatWasThereIsWaitedForAndThenGivenUp) {
  ClientOptions options = Counting();
  options.wait_for_server = absl::Milliseconds(300);
  client_ = daemon_.Connect(options);
  ASSERT_TRUE(client_->Submit(v1::Graph()).ok());
  daemon_.Stop();
  const absl::Time began = absl::Now();
  const absl::Status status = Watch();
  EXPECT_TRUE(IsUnreachable(status)) << status;
  EXPECT_EQ(away_, 1);
  EXPECT_EQ(back_, 0);
  EXPECT_GT(absl::Now() - began, absl::Milliseconds(50));
  // The time is that of the outage, not of each call in it.
  EXPECT_FALSE(client_->Submit(v1::Graph()).ok());
  EXPECT_EQ(away_, 1);
}

TEST_F(StreamsTest, ManyCallsNoticeOneRestart) {
  ASSERT_TRUE(client_->Submit(v1::Graph()).ok());
  daemon_.Stop();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back(
        [this] { EXPECT_TRUE(client_->Submit(v1::Graph()).ok()); });
  }
  while (away_ == 0) std::this_thread::yield();
  daemon_.Start();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(away_, 1);
  EXPECT_EQ(back_, 1);
}

TEST_F(StreamsTest, WaitingForTheDaemonIsStoppedFromOutside) {
  const auto stop = std::make_unique<std::stop_source>();
  ClientOptions options;
  options.stop = stop->get_token();
  options.on_away = [&stop](const absl::Status&) { stop->request_stop(); };
  client_ = daemon_.Connect(options);
  ASSERT_TRUE(client_->Submit(v1::Graph()).ok());
  daemon_.Stop();
  EXPECT_TRUE(IsUnreachable(client_->Submit(v1::Graph()).status()));
}

TEST_F(StreamsTest, AFirstContactIsWaitedForWhenToldTo) {
  ClientOptions options = Counting();
  options.wait_at_first = absl::Seconds(30);
  client_ = daemon_.Connect(options);
  daemon_.Stop();
  std::thread submit(
      [this] { EXPECT_TRUE(client_->Submit(v1::Graph()).ok()); });
  while (away_ == 0) std::this_thread::yield();
  daemon_.Start();
  submit.join();
  EXPECT_EQ(back_, 1);
}

TEST_F(StreamsTest, APlaceThatWasNeverKeptStartsAnewAsWell) {
  daemon_.watches.push_back([](const v1::WatchRunRequest& request, Writer*) {
    EXPECT_EQ(request.after_seq(), 7u);
    return grpc::Status(grpc::StatusCode::OUT_OF_RANGE, "event 8 is gone");
  });
  daemon_.watches.push_back(
      [](const v1::WatchRunRequest& request, Writer* writer) {
        EXPECT_EQ(request.after_seq(), 0u);
        writer->Write(Snapshot(90));
        writer->Write(Ended());
        return grpc::Status::OK;
      });
  std::vector<uint64_t> snapshots;
  const absl::Status status = client_->Watch(
      "shop-1", {.after_seq = 7}, [&](const v1::WatchRunResponse& item) {
        if (item.has_snapshot()) snapshots.push_back(item.snapshot().seq());
      });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(snapshots, std::vector<uint64_t>{90});
}

TEST_F(StreamsTest, TextThatIsNotUtf8IsRefusedBeforeItIsSent) {
  const absl::Status logs = client_->ReadLogs(
      "shop-1", "a\xff", {}, [](const v1::ReadLogsResponse&) {});
  EXPECT_EQ(logs.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(logs.message(), "task: 'a?' is not UTF-8");
  const absl::Status submitted =
      client_->Submit(v1::Graph(), {.request_id = "\xff"}).status();
  EXPECT_EQ(submitted.message(), "request_id: '?' is not UTF-8");
}

}  // namespace
}  // namespace w2t
