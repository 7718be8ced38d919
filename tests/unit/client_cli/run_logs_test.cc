#include "client/cli/run_logs.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/client_cli/fake_daemon.h"

namespace w2t::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr absl::Duration kPatience = absl::Seconds(30);

class RunLogsTest : public ::testing::Test {
 protected:
  // The daemon tells a part of each of these attempts, in this order.
  void Start(std::vector<std::pair<uint32_t, uint32_t>> attempts) {
    daemon_.run_logs.push_back(
        [this, attempts](const v1::ReadRunLogsRequest&,
                         grpc::ServerWriter<v1::ReadRunLogsResponse>* writer) {
          v1::ReadRunLogsResponse item;
          for (const auto& [task, attempt] : attempts) {
            v1::TaskOutput& part = *item.add_outputs();
            part.set_task(task);
            part.mutable_output()->set_attempt(attempt);
          }
          writer->Write(item);
          absl::MutexLock lock(&mutex_);
          sent_ = true;
          return grpc::Status::OK;
        });
    client_ = daemon_.Connect();
    logs_.emplace(*client_, "shop-1", std::vector<v1::LogPosition>{},
                  RunLogs::Sink{.part =
                                    [this](const v1::TaskOutput& part) {
                                      absl::MutexLock lock(&mutex_);
                                      told_.push_back(part.task());
                                    },
                                .ended =
                                    [this](const absl::Status& status) {
                                      absl::MutexLock lock(&mutex_);
                                      ended_ = status;
                                    }});
    absl::MutexLock lock(&mutex_);
    ASSERT_TRUE(mutex_.AwaitWithTimeout(absl::Condition(&sent_), kPatience));
  }
  std::vector<uint32_t> AwaitTold(size_t count) {
    const auto enough = [this, count]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
      return told_.size() >= count;
    };
    absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(&enough), kPatience);
    return told_;
  }
  absl::Status AwaitEnd() {
    const auto ended = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
      return ended_.has_value();
    };
    absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(&ended), kPatience);
    return ended_.value_or(absl::DeadlineExceededError("no end"));
  }

  FakeDaemon daemon_;
  std::unique_ptr<Client> client_;
  absl::Mutex mutex_;
  bool sent_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<uint32_t> told_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> ended_ ABSL_GUARDED_BY(mutex_);
  std::optional<RunLogs> logs_;
};

TEST_F(RunLogsTest, OutputWaitsForTheStartOfItsAttempt) {
  Start({{3, 1}, {3, 2}, {4, 1}});
  logs_->Began(4, 1);
  logs_->Began(3, 1);
  EXPECT_THAT(AwaitTold(1), ElementsAre(3));
  logs_->Began(3, 2);
  EXPECT_THAT(AwaitTold(3), ElementsAre(3, 3, 4));
  EXPECT_TRUE(AwaitEnd().ok());
}

TEST_F(RunLogsTest, AtTheEndOfTheRunNothingWaits) {
  Start({{3, 1}, {0, 9}});
  EXPECT_THAT(AwaitTold(0), IsEmpty());
  logs_->AllBegan();
  EXPECT_THAT(AwaitTold(2), ElementsAre(3, 0));
  EXPECT_TRUE(AwaitEnd().ok());
}

TEST_F(RunLogsTest, StopsWhileItWaits) {
  Start({{3, 1}});
  logs_.reset();
  EXPECT_EQ(AwaitEnd().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace w2t::cli
