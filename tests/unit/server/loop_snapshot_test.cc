// Snapshots of the loop's state in a journal in memory. The test is the loop's
// thread and clock.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/loop/loop.h"
#include "tests/support/memory_journal.h"
#include "tests/unit/server/engine_fixture.h"

namespace w2t::server {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;
using Kind = PartName::Kind;

// Keeps what is offered.
class OfferEffects : public LoopEffects {
 public:
  void Committed(const View&, const FactBatch&) override {}
  void Perform(const View&, Action& action) override {
    auto* offer = std::get_if<OfferLeases>(&action);
    if (offer == nullptr) return;
    for (size_t i = 0; i < offer->leases.size(); ++i) {
      offers.Add(offer->leases.at(i));
    }
  }
  void Flush(const View&) override {}
  void Processed(SessionId) override {}

  LeaseColumns offers;
};

class LoopSnapshotTest : public ::testing::Test {
 protected:
  LoopSnapshotTest() { EXPECT_TRUE(Open().ok()); }

  // The loop of another daemon on the same journal.
  absl::Status Open() {
    Loop::Options options;
    options.on_snapshot = [this](const absl::Status& status) {
      snapshots_.push_back(status);
    };
    loop_ = std::make_unique<Loop>(std::move(options), &journal_, &inbox_,
                                   &effects_);
    return loop_->Replay(now_);
  }
  void Turn(absl::Duration later = absl::ZeroDuration()) {
    now_ += later;
    Inbox::Batch batch;
    inbox_.Pop(absl::InfinitePast(), &batch);
    loop_->Turn(batch, now_);
  }
  void Hello(const std::string& name) {
    HelloEvent hello;
    hello.session = SessionId{++last_session_};
    hello.spec.name = name;
    hello.spec.instance = "i";
    hello.spec.resources = {{kCpus, 9'000}};
    hello.spec.capabilities = {kExecCapability};
    hello.spec.max_leases = 100;
    inbox_.Post(std::move(hello));
    Turn();
  }
  void Submit(const std::string& name, int tasks) {
    wire::DecodedGraph decoded =
        wire::DecodeGraph(MakeGraph(name, tasks), Limits());
    SubmitEvent event;
    event.blueprint = std::move(decoded.blueprint);
    event.definition = std::move(decoded.definition);
    ASSERT_TRUE(inbox_
                    .TryCall(std::move(event),
                             [](const Answer& answer, const View*) {
                               EXPECT_TRUE(answer.status.ok());
                             })
                    .ok());
    Turn();
  }
  // All that was offered succeeds.
  void Succeed() {
    ReportsEvent event;
    event.session = SessionId{last_session_};
    event.seq = ++seq_;
    event.reports.leases = std::exchange(effects_.offers, LeaseColumns());
    event.reports.state.assign(event.reports.leases.size(),
                               TaskState::kSucceeded);
    event.reports.exit_code.assign(event.reports.leases.size(), 0);
    inbox_.Post(std::move(event));
    Turn();
  }
  void Revise(const std::string& run_id, const v1::Graph& graph,
              std::vector<TaskIndex> changed) {
    wire::DecodedGraph decoded = wire::DecodeGraph(graph, Limits());
    ReviseEvent event;
    event.run_id = run_id;
    event.base_revision = 1;
    event.blueprint = std::move(decoded.blueprint);
    event.definition = std::move(decoded.definition);
    event.changed = std::move(changed);
    ASSERT_TRUE(inbox_
                    .TryCall(std::move(event),
                             [](const Answer& answer, const View*) {
                               EXPECT_TRUE(answer.status.ok()) << answer.status;
                             })
                    .ok());
    Turn();
  }
  void SnapshotNow() {
    const uint64_t before = journal_.summed_up;
    journal_.due_at = 0;
    Turn();
    journal_.due_at = UINT32_MAX;
    ASSERT_GT(journal_.summed_up, before);
  }
  const Engine& engine() const { return loop_->view().engine; }
  std::string Part(Kind kind, uint64_t number) {
    return journal_.parts[{kind, number}];
  }

  absl::Time now_ = absl::FromUnixSeconds(1'000'000);
  test::MemoryJournal journal_;
  OfferEffects effects_;
  Inbox inbox_{100, 1 << 20};
  std::unique_ptr<Loop> loop_;
  std::vector<absl::Status> snapshots_;
  uint64_t last_session_ = 0;
  uint64_t seq_ = 0;
};

TEST_F(LoopSnapshotTest, TheNextDaemonGoesOnFromASnapshotAndItsTail) {
  Hello("w1");
  Submit("ended", 2);
  Succeed();
  Submit("live", 3);
  SnapshotNow();
  EXPECT_THAT(journal_.batches, SizeIs(0));
  EXPECT_EQ(engine().runs().size(), 1u);
  EXPECT_EQ(engine().archived().size(), 1u);
  Submit("later", 1);
  const uint64_t hash = engine().Hash();

  auto before = std::move(loop_);
  journal_.error = absl::UnavailableError("only to look at");
  EXPECT_FALSE(Open().ok());  // it cannot take over
  EXPECT_NE(engine().FindRun("live-2"), nullptr);
  EXPECT_NE(engine().FindRun("later-3"), nullptr);
  EXPECT_EQ(engine().archived().size(), 1u);
  EXPECT_EQ(loop_->view().workers.Find(WorkerNumber{1}), "w1");
  journal_.error = absl::OkStatus();
  before.reset();

  ASSERT_TRUE(Open().ok());
  EXPECT_NE(engine().Hash(), hash) << "the epoch is another";
  EXPECT_EQ(engine().epoch(), 2u);
}

TEST_F(LoopSnapshotTest, WritesOnlyWhatHasChanged) {
  Hello("w1");
  Submit("ended", 2);
  Succeed();
  Submit("live", 3);
  SnapshotNow();
  // What is not written again stays as it is, even if it is damaged.
  for (const auto& [kind, number] : {std::pair{Kind::kRun, 1},
                                     {Kind::kGraph, 1},
                                     {Kind::kEnded, 1},
                                     {Kind::kGraph, 2},
                                     {Kind::kWorkers, 0}}) {
    journal_.parts[{kind, number}] = "kept";
  }
  journal_.parts[{Kind::kRun, 2}] = "replaced";
  Succeed();
  SnapshotNow();
  EXPECT_EQ(Part(Kind::kRun, 1), "kept");
  EXPECT_EQ(Part(Kind::kGraph, 1), "kept");
  EXPECT_EQ(Part(Kind::kEnded, 1), "kept");
  EXPECT_EQ(Part(Kind::kGraph, 2), "kept");
  EXPECT_EQ(Part(Kind::kWorkers, 0), "kept");
  EXPECT_NE(Part(Kind::kRun, 2), "replaced");
  EXPECT_NE(Part(Kind::kEnded, 2), "");
  Hello("w2");
  SnapshotNow();
  EXPECT_NE(Part(Kind::kWorkers, 0), "kept");
}

TEST_F(LoopSnapshotTest, TheGraphOfARevisionTakesThePlaceOfTheFirst) {
  Submit("g", 2);
  SnapshotNow();
  const std::string first = Part(Kind::kGraph, 1);
  Revise("g-1", MakeGraph("g", 3), {});
  SnapshotNow();
  EXPECT_NE(Part(Kind::kGraph, 1), first);
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(engine().FindRun("g-1")->revision(), 2u);
  EXPECT_EQ(engine().FindRun("g-1")->blueprint().size(), 3u);
}

TEST_F(LoopSnapshotTest, ARevisionThatWaitsIsKept) {
  Hello("w1");
  Submit("g", 2);
  Revise("g-1", MakeGraph("g", 3), {1});  // which a worker has
  SnapshotNow();
  const uint64_t hash = engine().FindRun("g-1")->Hash();
  ASSERT_TRUE(Open().ok());
  const w2t::Run* run = engine().FindRun("g-1");
  EXPECT_EQ(run->Hash(), hash);
  EXPECT_TRUE(run->revising());
  EXPECT_EQ(run->spec().pending.blueprint->size(), 3u);
}

TEST_F(LoopSnapshotTest, ReadsNothingButSummariesOfEndedRuns) {
  Hello("w1");
  Submit("ended", 2);
  Succeed();
  SnapshotNow();
  journal_.parts[{Kind::kRun, 1}] = "\xff damaged";
  journal_.parts[{Kind::kGraph, 1}] = "\xff damaged";
  EXPECT_TRUE(Open().ok());
  EXPECT_TRUE(engine().FindId("ended-1"));
}

TEST_F(LoopSnapshotTest, ADamagedPartIsNamed) {
  Hello("w1");
  Submit("live", 2);
  SnapshotNow();
  const test::MemoryJournal::Parts whole = journal_.parts;
  const auto expect_loss = [&](Kind kind, uint64_t number,
                               const std::string& bytes,
                               const std::string& words) {
    journal_.parts[{kind, number}] = bytes;
    const absl::Status status = Open();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(words));
    journal_.parts = whole;
  };
  expect_loss(Kind::kEngine, 0, "\xff", "the engine's state in the snapshot");
  expect_loss(Kind::kWorkers, 0, "\xff",
              "the names of workers in the snapshot");
  expect_loss(Kind::kRun, 1, "\xff", "the state of run 1 in the snapshot");
  expect_loss(Kind::kRun, 1, "",
              "the state of run 1 in the snapshot: it is of");
  expect_loss(Kind::kGraph, 1, "\xff", "the graph of run 1 in the snapshot");
  journal_.parts.erase({Kind::kRun, 1});
  EXPECT_EQ(Open().code(), absl::StatusCode::kDataLoss);
}

TEST_F(LoopSnapshotTest, AMissingSummaryIsNamed) {
  Hello("w1");
  for (int i = 0; i < 3; ++i) {
    Submit("ended", 1);
    Succeed();
  }
  SnapshotNow();
  const test::MemoryJournal::Parts whole = journal_.parts;
  for (const uint64_t number : {1, 2, 3}) {
    journal_.parts.erase({Kind::kEnded, number});
    const absl::Status status = Open();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("the summary of run " + std::to_string(number)));
    journal_.parts = whole;
  }
  EXPECT_TRUE(Open().ok());
}

TEST_F(LoopSnapshotTest, PartsOfForgottenRunsGo) {
  Hello("w1");
  const uint64_t most = engine().options().limits.max_runs;
  Submit("first", 1);
  Succeed();
  SnapshotNow();
  EXPECT_NE(Part(Kind::kGraph, 1), "");
  for (uint64_t i = 0; i < most; ++i) {
    Submit("g", 1);
    Succeed();
  }
  ASSERT_FALSE(engine().FindId("first-1"));
  SnapshotNow();
  for (const Kind kind : {Kind::kRun, Kind::kGraph, Kind::kEnded}) {
    EXPECT_FALSE(journal_.parts.contains({kind, 1}));
    EXPECT_TRUE(journal_.parts.contains({kind, 2}));
  }
}

TEST_F(LoopSnapshotTest, OneThatFailsIsTriedAgainLaterAndNothingElseHappens) {
  Hello("w1");
  Submit("ended", 1);
  Succeed();
  journal_.due_at = 0;
  journal_.snapshot_error = absl::ResourceExhaustedError("the disk is full");
  Turn();
  Turn();
  EXPECT_EQ(journal_.snapshot_tries, 1);
  ASSERT_THAT(snapshots_, SizeIs(1));
  EXPECT_FALSE(snapshots_[0].ok());
  EXPECT_NE(engine().FindRun("ended-1"), nullptr) << "it is not in a snapshot";
  Submit("live", 1);
  EXPECT_EQ(effects_.offers.size(), 1u);
  journal_.snapshot_error = absl::OkStatus();
  Turn(Loop::kSnapshotRetry);
  EXPECT_EQ(journal_.snapshot_tries, 2);
  EXPECT_EQ(engine().FindRun("ended-1"), nullptr);
  EXPECT_TRUE(engine().FindId("ended-1"));
}

TEST_F(LoopSnapshotTest, NoneIsMadeOfWhatIsNotDurable) {
  Hello("w1");
  journal_.error = absl::ResourceExhaustedError("the disk is full");
  inbox_.Post(DrainServerEvent());
  HelloEvent hello;
  hello.session = SessionId{99};
  hello.spec.name = "w2";
  inbox_.Post(std::move(hello));
  journal_.due_at = 0;
  Turn();
  EXPECT_TRUE(loop_->stalled());
  EXPECT_EQ(journal_.snapshot_tries, 0);
  journal_.error = absl::OkStatus();
  Turn(Loop::kFirstRetry);
  EXPECT_EQ(journal_.snapshot_tries, 1);
}

TEST_F(LoopSnapshotTest, ALongTailIsSummedUpAtTheStart) {
  Hello("w1");
  Submit("live", 1);
  journal_.due_at = 2;
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(journal_.snapshot_batch(), journal_.last_batch());
  EXPECT_NE(engine().FindRun("live-1"), nullptr);
}

}  // namespace
}  // namespace w2t::server
