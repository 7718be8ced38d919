// What a worker keeps over its own end.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/worker/exec/command.h"
#include "client/worker/exec/proc.h"
#include "client/worker/state/attempt_folder.h"
#include "client/worker/state/keeper.h"
#include "client/worker/state/output_spool.h"
#include "client/worker/state/state_folder.h"
#include "tests/support/deadline.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/client_worker/exec_env.h"

namespace w2t::worker {
namespace {

using test::Eventually;
using test::TempDir;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

using Pieces = std::vector<std::pair<v1::LogStream, std::string>>;

Pieces Replayed(const OutputSpool& spool) {
  Pieces pieces;
  const absl::Status status =
      spool.Replay([&](v1::LogStream stream, std::string_view data) {
        pieces.emplace_back(stream, data);
      });
  EXPECT_TRUE(status.ok()) << status;
  return pieces;
}

Offer OfferOf(uint64_t fence) {
  v1::Action action;
  action.mutable_exec()->set_shell("exec sleep 600");
  return {.lease = {1, 2, 3, fence},
          .name = "db",
          .action = std::make_shared<const v1::Action>(std::move(action)),
          .run_id = std::make_shared<const std::string>("shop-7"),
          .service = true};
}

v1::Hello HelloOf(const std::string& name) {
  v1::Hello hello;
  hello.set_name(name);
  hello.set_instance("random");
  return hello;
}

class OutputSpoolTest : public ::testing::Test {
 protected:
  OutputSpoolTest() : pipe_(*MakePipe()), spool_(Reopened()) {}

  std::unique_ptr<OutputSpool> Reopened() {
    return *OutputSpool::Open(dir_.path());
  }
  // Lets it read what a program writes.
  std::string ReadAfterWrite(v1::LogStream stream, std::string_view text) {
    EXPECT_EQ(write(pipe_.write_end.get(), text.data(), text.size()),
              static_cast<ssize_t>(text.size()));
    std::string buffer(64 * 1024, '\0');
    const ssize_t got = spool_->Read(stream, pipe_.read_end.get(),
                                     buffer.data(), buffer.size());
    buffer.resize(got > 0 ? static_cast<size_t>(got) : 0);
    return buffer;
  }
  size_t Files() {
    return static_cast<size_t>(
        std::distance(std::filesystem::directory_iterator(dir_.path()), {}));
  }

  TempDir dir_;
  Pipe pipe_;
  std::unique_ptr<OutputSpool> spool_;
};

TEST_F(OutputSpoolTest, ReadsLikeReadAndKeepsTheOrder) {
  EXPECT_EQ(ReadAfterWrite(v1::LOG_STREAM_STDOUT, "one"), "one");
  EXPECT_EQ(ReadAfterWrite(v1::LOG_STREAM_STDERR, "two"), "two");
  spool_->Append(v1::LOG_STREAM_WORKER, "note");
  char byte = 0;
  EXPECT_EQ(spool_->Read(v1::LOG_STREAM_STDOUT, pipe_.read_end.get(), &byte, 1),
            -1);
  EXPECT_EQ(errno, EAGAIN);
  pipe_.write_end.reset();
  EXPECT_EQ(spool_->Read(v1::LOG_STREAM_STDOUT, pipe_.read_end.get(), &byte, 1),
            0);
  EXPECT_THAT(Replayed(*Reopened()),
              ElementsAre(Pair(v1::LOG_STREAM_STDOUT, "one"),
                          Pair(v1::LOG_STREAM_STDERR, "two"),
                          Pair(v1::LOG_STREAM_WORKER, "note")));
}

TEST_F(OutputSpoolTest, WhatTheDaemonHasTakesNoSpace) {
  const std::string chunk(32 * 1024, 'x');
  uint64_t printed = 0;
  for (int i = 0; i < 64; ++i) {
    printed += ReadAfterWrite(v1::LOG_STREAM_STDOUT, chunk).size();
    spool_->Release(printed);
    EXPECT_LE(Files(), 2u);
  }
  const std::unique_ptr<OutputSpool> next = Reopened();
  EXPECT_GT(next->begin(), 0u);
  uint64_t kept = 0;
  for (const auto& [stream, data] : Replayed(*next)) kept += data.size();
  EXPECT_EQ(next->begin() + kept, printed);
  EXPECT_LE(kept, OutputSpool::kSegmentBytes + chunk.size());
}

// As a kill between the system's move and the worker's next instruction leaves
// it: the last header does not say how much lies behind it.
TEST_F(OutputSpoolTest, APieceThatWasCutOffIsNotLost) {
  ReadAfterWrite(v1::LOG_STREAM_STDOUT, "whole");
  {
    std::ofstream file(dir_ / "log-0", std::ios::binary | std::ios::app);
    const uint32_t header[2] = {v1::LOG_STREAM_STDERR, 0};
    file.write(reinterpret_cast<const char*>(header), sizeof(header));
    file << "cut";
  }
  spool_ = Reopened();
  EXPECT_THAT(Replayed(*spool_),
              ElementsAre(Pair(v1::LOG_STREAM_STDOUT, "whole"),
                          Pair(v1::LOG_STREAM_STDERR, "cut")));
  ReadAfterWrite(v1::LOG_STREAM_STDOUT, "next");
  EXPECT_TRUE(std::filesystem::exists(dir_ / "log-8"));
}

TEST_F(OutputSpoolTest, ADiskThatTakesNothingDoesNotHoldTheProgramUp) {
  std::filesystem::remove_all(dir_.path());
  EXPECT_EQ(ReadAfterWrite(v1::LOG_STREAM_STDOUT, "read"), "read");
  EXPECT_EQ(ReadAfterWrite(v1::LOG_STREAM_STDOUT, "on"), "on");
}

TEST(StateFolderTest, TheNextProcessIsTheSameWorker) {
  const TempDir dir;
  v1::Hello first = HelloOf("w1");
  {
    const auto state =
        StateFolder::Open(dir / "s", absl::ZeroDuration(), &first);
    ASSERT_TRUE(state.ok()) << state.status();
    EXPECT_FALSE(first.restarted());
    EXPECT_NE(first.instance(), "random");
    const auto folder = (*state)->Create(OfferOf(7));
    ASSERT_TRUE(folder.ok()) << folder.status();
    kept::v1::KeptAttempt news;
    news.set_pid(12);
    ASSERT_TRUE((*folder)->Add(news).ok());
  }
  v1::Hello second = HelloOf("w1");
  const auto state =
      StateFolder::Open(dir / "s", absl::ZeroDuration(), &second);
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_TRUE(second.restarted());
  EXPECT_EQ(second.instance(), first.instance());
  EXPECT_GT(second.stream(), first.stream() + 1'000'000);
  const auto kept = (*state)->Take();
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_EQ(kept[0]->kept().pid(), 12);
  EXPECT_EQ(kept[0]->offer().lease, OfferOf(7).lease);
  EXPECT_EQ(kept[0]->offer().name, "db");
  EXPECT_EQ(kept[0]->offer().action->exec().shell(), "exec sleep 600");
  kept[0]->Remove();
  EXPECT_THAT((*state)->Take(), IsEmpty());
}

TEST(StateFolderTest, AFolderThatIsInUseIsRefused) {
  const TempDir dir;
  v1::Hello hello = HelloOf("w1");
  const auto state = StateFolder::Open(dir / "s", absl::ZeroDuration(), &hello);
  ASSERT_TRUE(state.ok()) << state.status();
  const auto second =
      StateFolder::Open(dir / "s", absl::ZeroDuration(), &hello);
  EXPECT_TRUE(absl::IsFailedPrecondition(second.status()));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(dir / "s"));
}

TEST(StateFolderTest, AnotherWorkerBeginsAnew) {
  const TempDir dir;
  v1::Hello first = HelloOf("w1");
  ASSERT_TRUE((*StateFolder::Open(dir / "s", absl::ZeroDuration(), &first))
                  ->Create(OfferOf(7))
                  .ok());
  v1::Hello other = HelloOf("w2");
  const auto state = StateFolder::Open(dir / "s", absl::ZeroDuration(), &other);
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_FALSE(other.restarted());
  EXPECT_NE(other.instance(), first.instance());
  EXPECT_THAT((*state)->Take(), IsEmpty());
}

TEST(StateFolderTest, AfterAStartOfTheMachineItBeginsAnew) {
  const TempDir dir;
  v1::Hello first = HelloOf("w1");
  ASSERT_TRUE((*StateFolder::Open(dir / "s", absl::ZeroDuration(), &first))
                  ->Create(OfferOf(7))
                  .ok());
  kept::v1::Identity identity;
  ASSERT_TRUE(identity.ParseFromString(test::ReadFile(dir / "s/worker")));
  EXPECT_EQ(identity.boot_id(), BootId());
  identity.set_boot_id("another");
  dir.Write("s/worker", identity.SerializeAsString());
  v1::Hello second = HelloOf("w1");
  const auto state =
      StateFolder::Open(dir / "s", absl::ZeroDuration(), &second);
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_FALSE(second.restarted());
  EXPECT_THAT((*state)->Take(), IsEmpty());
}

TEST(StateFolderTest, WhatIsDamagedIsThrownAway) {
  const TempDir dir;
  v1::Hello hello = HelloOf("w1");
  const auto state = StateFolder::Open(dir / "s", absl::ZeroDuration(), &hello);
  ASSERT_TRUE((*state)->Create(OfferOf(7)).ok());
  dir.Write("s/7/attempt", "nonsense that is long enough");
  EXPECT_THAT((*state)->Take(), IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(dir / "s/7"));
}

// Adopts what the folder says of process `pid`.
Record Adopted(const TempDir& dir, pid_t pid, uint64_t start_ticks) {
  v1::Hello hello = HelloOf("w1");
  const auto state = StateFolder::Open(dir / "s", absl::ZeroDuration(), &hello);
  kept::v1::KeptAttempt news;
  news.set_pid(pid);
  news.set_start_ticks(start_ticks);
  EXPECT_TRUE((*(*state)->Create(OfferOf(7)))->Add(news).ok());
  RecordingSink sink;
  const std::unique_ptr<Loop> loop = *Loop::Create();
  ExecRunner runner(loop.get(), &sink, {.worker = "w1", .state = state->get()});
  runner.Adopt((*state)->Take());
  std::thread thread([&] { loop->Run(); });
  const Record record = sink.Await(7, [](const Record& r) {
    return r.outcome.has_value() || !r.notes.empty();
  });
  loop->Stop();
  thread.join();
  return record;
}

TEST(AdoptTest, AProcessThatHasGotTheNumberLaterIsLeftAlone) {
  const TempDir dir;
  const absl::StatusOr<Child> other =
      Spawn({.argv = {"sleep", "600"}, .env = OwnEnvironment()});
  ASSERT_TRUE(other.ok()) << other.status();
  const uint64_t start_ticks = StatOf(other->pid)->start_ticks;
  const Record record = Adopted(dir, other->pid, start_ticks - 1);
  EXPECT_EQ(record.outcome->state, v1::TASK_STATE_FAILED);
  EXPECT_EQ(record.outcome->message,
            "it ended while no worker was there; its exit code is unknown");
  ASSERT_TRUE(StatOf(other->pid));
  EXPECT_TRUE(StatOf(other->pid)->alive());
  kill(other->pid, SIGKILL);
  Reap(*other);
}

TEST(AdoptTest, AStartThatWasInterruptedIsUndone) {
  const TempDir dir;
  const Record record = Adopted(dir, 0, 0);
  EXPECT_EQ(record.outcome->state, v1::TASK_STATE_CANCELLED);
  EXPECT_EQ(record.outcome->message,
            "the worker was killed while it started it");
}

// A thread of a killed process may close its files when the process is already
// nobody's parent.
TEST(KeeperTest, WaitsForTheLockOfAProcessThatIsAboutToEnd) {
  const TempDir dir;
  v1::Hello hello = HelloOf("w1");
  auto state = StateFolder::Open(dir / "s", absl::ZeroDuration(), &hello);
  ASSERT_TRUE(state.ok()) << state.status();
  const auto folder = (*state)->Create(OfferOf(7));
  ASSERT_TRUE(folder.ok()) << folder.status();
  const auto out = (*folder)->MakeOutput("out");
  ASSERT_TRUE(out.ok()) << out.status();
  const KeeperPlan plan{.folder = dir / "s", .mark = (*state)->mark()};
  std::vector<std::string> environment = OwnEnvironment();
  environment.push_back(
      fmt::format("{}={}", kMarkVariable, MarkOf(plan.mark, 7)));
  const absl::StatusOr<Child> service =
      Spawn({.argv = {"sleep", "600"}, .env = environment});
  ASSERT_TRUE(service.ok()) << service.status();
  const pid_t keeper = fork();
  if (keeper == 0) {
    syscall(SYS_close_range, 3U, ~0U, 0U);  // the lock among them
    Hold(plan, 0, 7);
    Keep(plan, 50);
    _exit(0);
  }
  ASSERT_GT(keeper, 0);
  // It waits for the lock, or has given up.
  ASSERT_TRUE(Eventually([&] {
    const std::optional<ProcessStat> stat = StatOf(keeper);
    return !stat || stat->state == 'S' || !stat->alive();
  }));
  state->reset();
  EXPECT_TRUE(Eventually([&] { return !StatOf(service->pid)->alive(); }));
  kill(service->pid, SIGKILL);
  Reap(*service);
  waitpid(keeper, nullptr, 0);
}

}  // namespace
}  // namespace w2t::worker
