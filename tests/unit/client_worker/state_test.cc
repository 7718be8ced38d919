// What a worker keeps over its own end.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
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
#include "client/worker/state/kept_service.h"
#include "client/worker/state/output_spool.h"
#include "client/worker/state/pipe_search.h"
#include "client/worker/state/service_records.h"
#include "client/worker/state/state_folder.h"
#include "tests/support/deadline.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/client_worker/exec_env.h"

namespace w2t::worker {
namespace {

using test::Eventually;
using test::TempDir;
using ::testing::_;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

using Pieces = std::vector<std::pair<v1::LogStream, std::string>>;

constexpr uint64_t kFence = 7;

Pieces Replayed(const OutputSpool& spool, uint64_t fence = kFence) {
  Pieces pieces;
  spool.Replay(fence, [&](v1::LogStream stream, std::string_view data) {
    pieces.emplace_back(stream, data);
  });
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
  std::string ReadAfterWrite(v1::LogStream stream, std::string_view text,
                             uint64_t fence = kFence) {
    EXPECT_EQ(write(pipe_.write_end.get(), text.data(), text.size()),
              static_cast<ssize_t>(text.size()));
    std::string buffer(64 * 1024, '\0');
    const ssize_t got = spool_->Read(fence, stream, pipe_.read_end.get(),
                                     buffer.data(), buffer.size());
    buffer.resize(got > 0 ? static_cast<size_t>(got) : 0);
    return buffer;
  }
  ssize_t ReadByte() {
    char byte = 0;
    return spool_->Read(kFence, v1::LOG_STREAM_STDOUT, pipe_.read_end.get(),
                        &byte, 1);
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
  spool_->Append(kFence, v1::LOG_STREAM_WORKER, "note");
  EXPECT_EQ(ReadByte(), -1);
  EXPECT_EQ(errno, EAGAIN);
  pipe_.write_end.reset();
  EXPECT_EQ(ReadByte(), 0);
  EXPECT_THAT(Replayed(*Reopened()),
              ElementsAre(Pair(v1::LOG_STREAM_STDOUT, "one"),
                          Pair(v1::LOG_STREAM_STDERR, "two"),
                          Pair(v1::LOG_STREAM_WORKER, "note")));
}

TEST_F(OutputSpoolTest, EachServiceHasItsOwn) {
  ReadAfterWrite(v1::LOG_STREAM_STDOUT, "a1", 1);
  ReadAfterWrite(v1::LOG_STREAM_STDOUT, "b1", 2);
  ReadAfterWrite(v1::LOG_STREAM_STDOUT, "a2", 1);
  spool_ = Reopened();
  EXPECT_THAT(Replayed(*spool_, 1), ElementsAre(Pair(_, "a1"), Pair(_, "a2")));
  EXPECT_THAT(Replayed(*spool_, 2), ElementsAre(Pair(_, "b1")));
  EXPECT_THAT(Replayed(*spool_, 3), IsEmpty());
  // The next process goes on where this one was.
  ReadAfterWrite(v1::LOG_STREAM_STDOUT, "a3", 1);
  spool_ = Reopened();
  EXPECT_THAT(Replayed(*spool_, 1),
              ElementsAre(Pair(_, "a1"), Pair(_, "a2"), Pair(_, "a3")));
  EXPECT_EQ(spool_->begin(1), 0u);
  spool_->DropReplay();
  EXPECT_EQ(spool_->begin(1), 6u);
}

TEST_F(OutputSpoolTest, WhatTheDaemonHasTakesNoSpace) {
  const std::string chunk(32 * 1024, 'x');
  uint64_t printed = 0;
  for (int i = 0; i < 64; ++i) {
    printed += ReadAfterWrite(v1::LOG_STREAM_STDOUT, chunk).size();
    spool_->Release(kFence, printed);
    EXPECT_LE(Files(), 2u);
  }
  const std::unique_ptr<OutputSpool> next = Reopened();
  EXPECT_GT(next->begin(kFence), 0u);
  uint64_t kept = 0;
  for (const auto& [stream, data] : Replayed(*next)) kept += data.size();
  EXPECT_EQ(next->begin(kFence) + kept, printed);
  EXPECT_LE(kept, OutputSpool::kSegmentBytes + chunk.size());
}

TEST_F(OutputSpoolTest, OneThatTheDaemonLacksIsKeptWhateverOthersPrint) {
  const std::string chunk(32 * 1024, 'x');
  ReadAfterWrite(v1::LOG_STREAM_STDOUT, "quiet", 1);
  uint64_t printed = 0;
  for (int i = 0; i < 64; ++i) {
    printed += ReadAfterWrite(v1::LOG_STREAM_STDOUT, chunk).size();
    spool_->Release(kFence, printed);
  }
  EXPECT_GT(Files(), 2u);
  EXPECT_THAT(Replayed(*Reopened(), 1), ElementsAre(Pair(_, "quiet")));
  spool_->Release(1, 4);
  EXPECT_GT(Files(), 2u);
  spool_->Release(1, 5);
  EXPECT_LE(Files(), 2u);
}

// The daemon counts on: what is said to lie before that is not recorded again.
TEST_F(OutputSpoolTest, AQuietServiceStaysWhereItWas) {
  const std::string chunk(32 * 1024, 'x');
  ReadAfterWrite(v1::LOG_STREAM_STDOUT, "quiet", 1);
  spool_->Release(1, 5);
  for (int round = 0; round < 3; ++round) {
    uint64_t printed = spool_->begin(kFence);
    for (int i = 0; i < 20; ++i) {
      printed += ReadAfterWrite(v1::LOG_STREAM_STDOUT, chunk).size();
      spool_->Release(kFence, printed);
      EXPECT_EQ(Reopened()->begin(1), i < 8 && round == 0 ? 0u : 5u) << i;
    }
    EXPECT_LE(Files(), 2u);
    spool_ = Reopened();
    spool_->ForgetOthers([](uint64_t) { return true; });
    spool_->DropReplay();
  }
  ReadAfterWrite(v1::LOG_STREAM_STDOUT, " more", 1);
  spool_ = Reopened();
  EXPECT_EQ(spool_->begin(1), 5u);
  EXPECT_THAT(Replayed(*spool_, 1), ElementsAre(Pair(_, " more")));
}

TEST_F(OutputSpoolTest, AServiceThatNobodyAsksAboutTakesNoSpace) {
  const std::string chunk(32 * 1024, 'x');
  for (int i = 0; i < 32; ++i) ReadAfterWrite(v1::LOG_STREAM_STDOUT, chunk);
  ReadAfterWrite(v1::LOG_STREAM_STDOUT, "other", 1);
  spool_ = Reopened();
  const size_t before = Files();
  spool_->ForgetOthers([](uint64_t fence) { return fence == 1; });
  EXPECT_LT(Files(), before);
  EXPECT_THAT(Replayed(*Reopened(), 1), ElementsAre(Pair(_, "other")));
}

// As a kill between the system's move and the worker's next instruction leaves
// it: the last header does not say how much lies behind it.
TEST_F(OutputSpoolTest, APieceThatWasCutOffIsNotLost) {
  ReadAfterWrite(v1::LOG_STREAM_STDOUT, "whole");
  {
    std::ofstream file(dir_ / "output-0", std::ios::binary | std::ios::app);
    const uint64_t numbers[2] = {kFence, 5};
    const uint32_t header[2] = {v1::LOG_STREAM_STDERR, 0};
    file.write(reinterpret_cast<const char*>(numbers), sizeof(numbers));
    file.write(reinterpret_cast<const char*>(header), sizeof(header));
    file << "cut";
  }
  spool_ = Reopened();
  EXPECT_THAT(Replayed(*spool_),
              ElementsAre(Pair(v1::LOG_STREAM_STDOUT, "whole"),
                          Pair(v1::LOG_STREAM_STDERR, "cut")));
  ReadAfterWrite(v1::LOG_STREAM_STDOUT, "next");
  spool_ = Reopened();
  EXPECT_THAT(Replayed(*spool_),
              ElementsAre(Pair(_, "whole"), Pair(_, "cut"), Pair(_, "next")));
}

TEST_F(OutputSpoolTest, ADiskThatTakesNothingDoesNotHoldTheProgramUp) {
  std::filesystem::remove_all(dir_.path());
  EXPECT_EQ(ReadAfterWrite(v1::LOG_STREAM_STDOUT, "read"), "read");
  EXPECT_EQ(ReadAfterWrite(v1::LOG_STREAM_STDOUT, "on"), "on");
  std::filesystem::create_directory(dir_.path());
  EXPECT_EQ(ReadAfterWrite(v1::LOG_STREAM_STDOUT, "later"), "later");
  spool_ = Reopened();
  EXPECT_EQ(spool_->begin(kFence), 6u);
  EXPECT_THAT(Replayed(*spool_), ElementsAre(Pair(_, "later")));
}

TEST_F(OutputSpoolTest, WhatComesAfterAGapIsWhereItWasPrinted) {
  ReadAfterWrite(v1::LOG_STREAM_STDOUT, "kept");
  rlimit files{};
  getrlimit(RLIMIT_FSIZE, &files);
  const rlimit full{.rlim_cur = std::filesystem::file_size(dir_ / "output-0"),
                    .rlim_max = files.rlim_max};
  signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &full);
  EXPECT_EQ(ReadAfterWrite(v1::LOG_STREAM_STDOUT, "gap"), "gap");
  spool_->Append(kFence, v1::LOG_STREAM_WORKER, "note");
  EXPECT_EQ(ReadByte(), -1);
  EXPECT_EQ(errno, EAGAIN);
  setrlimit(RLIMIT_FSIZE, &files);
  signal(SIGXFSZ, SIG_DFL);
  ReadAfterWrite(v1::LOG_STREAM_STDOUT, "later");
  ReadAfterWrite(v1::LOG_STREAM_STDOUT, "on");
  spool_ = Reopened();
  EXPECT_EQ(spool_->begin(kFence), 11u);
  EXPECT_THAT(Replayed(*spool_), ElementsAre(Pair(_, "later"), Pair(_, "on")));
}

kept::v1::KeptAttempt RowOf(uint64_t fence, const std::string& name) {
  kept::v1::KeptAttempt row;
  row.set_fence(fence);
  row.set_name(name);
  row.mutable_action()->mutable_exec()->set_shell("true");
  return row;
}

kept::v1::KeptAttempt PidOf(uint64_t fence, int32_t pid) {
  kept::v1::KeptAttempt row;
  row.set_fence(fence);
  row.set_pid(pid);
  return row;
}

TEST(ServiceRecordsTest, ALaterRowAddsToThoseBefore) {
  const TempDir dir;
  {
    const auto records = ServiceRecords::Open(dir / "services");
    ASSERT_TRUE(records.ok()) << records.status();
    ASSERT_TRUE((*records)->Add(RowOf(1, "db")).ok());
    ASSERT_TRUE((*records)->Add(RowOf(2, "api")).ok());
    ASSERT_TRUE((*records)->Add(PidOf(2, 12)).ok());
    (*records)->Forget(1);
  }
  const auto next = ServiceRecords::Open(dir / "services");
  ASSERT_TRUE(next.ok()) << next.status();
  EXPECT_FALSE((*next)->damaged());
  ASSERT_EQ((*next)->all().size(), 1u);
  EXPECT_EQ((*next)->at(2).name(), "api");
  EXPECT_EQ((*next)->at(2).pid(), 12);
}

TEST(ServiceRecordsTest, TheFileStaysNearWhatItSays) {
  const TempDir dir;
  const auto records = ServiceRecords::Open(dir / "services");
  ASSERT_TRUE(records.ok()) << records.status();
  ASSERT_TRUE((*records)->Add(RowOf(1, "db")).ok());
  const std::string name(1'000, 'x');
  for (uint64_t fence = 2; fence < 5'000; ++fence) {
    ASSERT_TRUE((*records)->Add(RowOf(fence, name)).ok());
    (*records)->Forget(fence);
  }
  EXPECT_LE(std::filesystem::file_size(dir / "services"),
            ServiceRecords::kLeastRewriteBytes + 2'000);
  const auto next = ServiceRecords::Open(dir / "services");
  ASSERT_EQ((*next)->all().size(), 1u);
  EXPECT_EQ((*next)->at(1).name(), "db");
}

TEST(ServiceRecordsTest, WhatWasCutOffWasNeverSaid) {
  const TempDir dir;
  {
    const auto records = ServiceRecords::Open(dir / "services");
    ASSERT_TRUE((*records)->Add(RowOf(1, "db")).ok());
    ASSERT_TRUE((*records)->Add(PidOf(1, 12)).ok());
  }
  std::string text = test::ReadFile(dir / "services");
  text.pop_back();
  dir.Write("services", text);
  const auto next = ServiceRecords::Open(dir / "services");
  ASSERT_TRUE(next.ok()) << next.status();
  EXPECT_FALSE((*next)->damaged());
  EXPECT_EQ((*next)->at(1).name(), "db");
  EXPECT_EQ((*next)->at(1).pid(), 0);
  // The next row does not lie behind the rest of that one.
  ASSERT_TRUE((*next)->Add(PidOf(1, 13)).ok());
  EXPECT_EQ((*ServiceRecords::Open(dir / "services"))->at(1).pid(), 13);
}

TEST(PipeSearchTest, FindsAPipeThatOnlyAnotherProcessHas) {
  absl::StatusOr<Pipe> pipe = MakeLastingPipe();
  ASSERT_TRUE(pipe.ok()) << pipe.status();
  const uint64_t number = PipeOf(pipe->read_end.get());
  const absl::StatusOr<Child> child =
      Spawn({.argv = {"sh", "-c", "echo here; exec sleep 600"},
             .env = OwnEnvironment(),
             .stdout_fd = pipe->write_end.get()});
  ASSERT_TRUE(child.ok()) << child.status();
  *pipe = Pipe();
  auto found = OpenPipes({number, 1});
  ASSERT_EQ(found.size(), 1u);
  const int fd = found.at(number).get();
  std::string text;
  EXPECT_TRUE(Eventually([&] {
    char buffer[64];
    const ssize_t got = read(fd, buffer, sizeof(buffer));
    if (got > 0) text.append(buffer, static_cast<size_t>(got));
    return text == "here\n";
  })) << text;
  kill(child->pid, SIGKILL);
  Reap(*child);
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
    const auto service = (*state)->Create(OfferOf(7));
    ASSERT_TRUE(service.ok()) << service.status();
    ASSERT_TRUE((*service)->Add(PidOf(7, 12)).ok());
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

TEST(StateFolderTest, NothingIsLeftOfAServiceThatNobodyAsksAbout) {
  const TempDir dir;
  v1::Hello hello = HelloOf("w1");
  const auto state = StateFolder::Open(dir / "s", absl::ZeroDuration(), &hello);
  ASSERT_TRUE(state.ok()) << state.status();
  const auto service = (*state)->Create(OfferOf(7));
  ASSERT_TRUE(service.ok()) << service.status();
  // As the socket of a killed process is left.
  dir.Write("s/notify-7", "");
  EXPECT_EQ((*service)->notify_path(), (*state)->path() + "/notify-7");
  (*service)->Remove();
  EXPECT_FALSE(std::filesystem::exists(dir / "s/notify-7"));
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

// Nobody can go on with what is not known, so it must not go on by itself.
TEST(StateFolderTest, AServiceWhoseRecordIsDamagedIsKilled) {
  const TempDir dir;
  v1::Hello hello = HelloOf("w1");
  std::string mark;
  {
    const auto state =
        StateFolder::Open(dir / "s", absl::ZeroDuration(), &hello);
    ASSERT_TRUE((*state)->Create(OfferOf(7)).ok());
    ASSERT_TRUE((*state)->Create(OfferOf(8)).ok());
    mark = (*state)->mark();
  }
  std::string text = test::ReadFile(dir / "s/services");
  text[sizeof(uint32_t)] = '\xff';  // in the first row
  dir.Write("s/services", text);
  std::vector<Child> children;
  for (const uint64_t fence : {7, 8}) {
    std::vector<std::string> environment = OwnEnvironment();
    environment.push_back(
        fmt::format("{}={}", kMarkVariable, MarkOf(mark, fence)));
    children.push_back(
        *Spawn({.argv = {"sleep", "600"}, .env = std::move(environment)}));
  }
  const auto state = StateFolder::Open(dir / "s", absl::ZeroDuration(), &hello);
  ASSERT_TRUE(state.ok()) << state.status();
  const auto kept = (*state)->Take();
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_EQ(kept[0]->offer().lease.fence, 8u);
  EXPECT_FALSE(StatOf(children[0].pid)->alive());
  EXPECT_TRUE(StatOf(children[1].pid)->alive());
  for (const Child& child : children) {
    kill(child.pid, SIGKILL);
    Reap(child);
  }
}

// One of an earlier version had other files.
TEST(StateFolderTest, WhatHasAnotherLayoutIsNotGoneOnWith) {
  const TempDir dir;
  v1::Hello first = HelloOf("w1");
  ASSERT_TRUE(StateFolder::Open(dir / "s", absl::ZeroDuration(), &first).ok());
  kept::v1::Identity identity;
  ASSERT_TRUE(identity.ParseFromString(test::ReadFile(dir / "s/worker")));
  identity.clear_layout();
  dir.Write("s/worker", identity.SerializeAsString());
  std::filesystem::create_directory(dir / "s/7");
  dir.Write("s/7/attempt", "of an earlier version");
  v1::Hello second = HelloOf("w1");
  const auto state =
      StateFolder::Open(dir / "s", absl::ZeroDuration(), &second);
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_FALSE(second.restarted());
  EXPECT_NE(second.instance(), first.instance());
  EXPECT_FALSE(std::filesystem::exists(dir / "s/7"));
}

// Adopts what the folder says of process `pid`.
Record Adopted(const TempDir& dir, pid_t pid, uint64_t start_ticks) {
  v1::Hello hello = HelloOf("w1");
  const auto state = StateFolder::Open(dir / "s", absl::ZeroDuration(), &hello);
  kept::v1::KeptAttempt news;
  news.set_pid(pid);
  news.set_start_ticks(start_ticks);
  news.set_last_start_ticks(start_ticks);
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

TEST(AdoptTest, WhatNobodyAsksAboutTakesNoSpaceWhileItIsStopped) {
  const TempDir dir;
  v1::Hello hello = HelloOf("w1");
  const auto state = StateFolder::Open(dir / "s", absl::ZeroDuration(), &hello);
  ASSERT_TRUE(state.ok()) << state.status();
  RecordingSink sink;
  const std::unique_ptr<Loop> loop = *Loop::Create();
  ExecRunner runner(
      loop.get(), &sink,
      {.worker = "w1",
       .environment =
           std::make_shared<const std::vector<std::string>>(OwnEnvironment()),
       .state = state->get()});
  Offer offer = OfferOf(7);
  v1::Action action;
  action.mutable_exec()->set_shell("yes $(printf %01000d 0) | head -c 4000000");
  offer.action = std::make_shared<const v1::Action>(std::move(action));
  loop->Post([&] {
    runner.Start({offer});
    runner.Forget(std::vector<uint64_t>{7});
  });
  std::thread thread([&] { loop->Run(); });
  size_t most = 0;
  sink.Await(7, [&](const Record& r) {
    size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(dir / "s")) {
      files += entry.path().filename().string().starts_with("output-") ? 1 : 0;
    }
    most = std::max(most, files);
    return r.outcome.has_value();
  });
  loop->Stop();
  thread.join();
  EXPECT_GE(most, 1u);
  EXPECT_LE(most, 3u);
}

TEST(AdoptTest, AStartThatWasInterruptedIsUndone) {
  const TempDir dir;
  const Record record = Adopted(dir, 0, 0);
  EXPECT_EQ(record.outcome->state, v1::TASK_STATE_CANCELLED);
  EXPECT_EQ(record.outcome->message,
            "the worker was killed while it started it");
}

}  // namespace
}  // namespace w2t::worker
