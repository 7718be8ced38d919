#include "proto/wire/journal_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "proto/wire/graph_codec.h"
#include "tests/unit/wire/text_proto.h"
#include "w2t/journal/v1/journal.pb.h"

namespace w2t::wire {
namespace {

using ::testing::HasSubstr;

LeaseColumns SomeLeases() {
  LeaseColumns leases;
  leases.Add({RunNumber{1}, 2, 3, Fence{4}});
  leases.Add(
      {RunNumber{UINT64_MAX}, UINT32_MAX - 1, UINT32_MAX, Fence{UINT64_MAX}});
  return leases;
}

ReportColumns SomeReports() {
  return {.leases = SomeLeases(),
          .state = {TaskState::kUp, TaskState::kTimedOut},
          .exit_code = {0, -1},
          .details = {{.position = 0, .message = "up"}}};
}

WorkerSpec SomeWorker() {
  return {.name = "w1",
          .instance = "i",
          .labels = {{"role", "db"}},
          .resources = {{"cpus", 4000}},
          .capabilities = {"exec", "handler:crop"},
          .max_leases = 9,
          .version = "0.1",
          .stream = 3};
}

// One fact, there and back.
template <typename Kind>
Kind RoundTrip(Kind fact) {
  FactBatch batch;
  batch.now = absl::FromUnixMicros(-5);
  batch.facts.push_back(std::move(fact));
  absl::StatusOr<FactBatch> back = DecodeBatch(EncodeBatch(batch));
  EXPECT_TRUE(back.ok()) << back.status();
  if (!back.ok() || back->facts.size() != 1) return Kind();
  EXPECT_EQ(back->now, batch.now);
  Kind* const kind = std::get_if<Kind>(&back->facts[0]);
  EXPECT_NE(kind, nullptr);
  return kind == nullptr ? Kind() : std::move(*kind);
}

TEST(JournalCodecTest, KeepsWhatHappenedToRuns) {
  EXPECT_EQ(RoundTrip(EpochStarted{12}).epoch, 12u);
  EXPECT_EQ(RoundTrip(EpochStarted{12, 7}).max_lost_attempts, 7u);
  EXPECT_FALSE(RoundTrip(EpochStarted{12, 7}).forgives_losses);
  EXPECT_TRUE(RoundTrip(EpochStarted{12, 7, true}).forgives_losses);
  const auto cancelled = RoundTrip(RunCancelled{{3}, "no longer needed"});
  EXPECT_EQ(cancelled.run, RunNumber{3});
  EXPECT_EQ(cancelled.reason, "no longer needed");
  EXPECT_EQ(RoundTrip(RunEvicted{{4}}).run, RunNumber{4});
  const auto due = RoundTrip(RetriesDue{{5, 6}, {7, 8}});
  EXPECT_EQ(due.run, (std::vector<uint64_t>{5, 6}));
  EXPECT_EQ(due.task, (std::vector<uint32_t>{7, 8}));
}

TEST(JournalCodecTest, KeepsRunsWithTheirGraphs) {
  const DecodedGraph graph = DecodeGraph(SmallGraph(), Limits());
  ASSERT_NE(graph.blueprint, nullptr);
  const auto accepted = RoundTrip(RunAccepted{.run = {1},
                                              .run_id = "shop-1",
                                              .request_id = "r",
                                              .hold = true,
                                              .keep = true,
                                              .blueprint = graph.blueprint,
                                              .definition = graph.definition});
  EXPECT_EQ(accepted.run, RunNumber{1});
  EXPECT_EQ(accepted.run_id, "shop-1");
  EXPECT_EQ(accepted.request_id, "r");
  EXPECT_TRUE(accepted.hold);
  EXPECT_TRUE(accepted.keep);
  ASSERT_NE(accepted.blueprint, nullptr);
  EXPECT_EQ(accepted.blueprint->task_name(0), "a");
  ASSERT_NE(accepted.definition, nullptr);
  EXPECT_EQ(accepted.definition->encoded(), graph.definition->encoded());
}

TEST(JournalCodecTest, KeepsRestartsAndRevisions) {
  const auto restarted = RoundTrip(TasksRestarted{{3}, {0, 7}, "id"});
  EXPECT_EQ(restarted.request_id, "id");
  EXPECT_EQ(restarted.run, RunNumber{3});
  EXPECT_EQ(restarted.tasks, (std::vector<TaskIndex>{0, 7}));
  v1::Graph next = SmallGraph();
  next.mutable_tasks(0)->set_removed(true);
  const DecodedGraph graph = DecodeGraph(next, Limits(), GraphUse::kRevision);
  ASSERT_NE(graph.blueprint, nullptr) << graph.faults.Summary();
  const auto revised = RoundTrip(RunRevised{.run = {3},
                                            .revision = 2,
                                            .blueprint = graph.blueprint,
                                            .definition = graph.definition,
                                            .changed = {1}});
  EXPECT_EQ(revised.run, RunNumber{3});
  EXPECT_EQ(revised.revision, 2u);
  EXPECT_TRUE(revised.blueprint->removed(0));
  EXPECT_EQ(revised.definition->encoded(), graph.definition->encoded());
  EXPECT_EQ(revised.changed, (std::vector<TaskIndex>{1}));
}

TEST(JournalCodecTest, AWorkerWithoutCpusIsReadAsItWasAccepted) {
  // As from a hello that names its cpus and has none of them.
  WorkerSpec spec = SomeWorker();
  spec.resources.clear();
  EXPECT_EQ(RoundTrip(WorkerJoined{{2}, spec}).spec, spec);
}

TEST(JournalCodecTest, KeepsWhatHappenedToWorkers) {
  const auto joined = RoundTrip(WorkerJoined{{2}, SomeWorker()});
  EXPECT_EQ(joined.worker, WorkerNumber{2});
  EXPECT_EQ(joined.spec, SomeWorker());
  const auto dialled = RoundTrip(WorkerDialled{{2}, 4});
  EXPECT_EQ(dialled.worker, WorkerNumber{2});
  EXPECT_EQ(dialled.stream, 4u);
  const auto left = RoundTrip(WorkerLeft{{2}, "silent for 10 s"});
  EXPECT_EQ(left.worker, WorkerNumber{2});
  EXPECT_EQ(left.reason, "silent for 10 s");
  const auto drained = RoundTrip(WorkerDrained{{2}, true});
  EXPECT_EQ(drained.worker, WorkerNumber{2});
  EXPECT_TRUE(drained.draining);
}

TEST(JournalCodecTest, KeepsWhatHappenedToAttempts) {
  const auto leased = RoundTrip(Leased{{1, 2}, SomeLeases()});
  EXPECT_EQ(leased.worker, (std::vector<uint32_t>{1, 2}));
  EXPECT_EQ(leased.leases, SomeLeases());
  const auto reported = RoundTrip(Reported{{2}, SomeReports()});
  EXPECT_EQ(reported.worker, WorkerNumber{2});
  EXPECT_EQ(reported.reports, SomeReports());
  const auto lost = RoundTrip(LeasesLost{{2}, SomeLeases(), "never arrived"});
  EXPECT_EQ(lost.worker, WorkerNumber{2});
  EXPECT_EQ(lost.leases, SomeLeases());
  EXPECT_EQ(lost.reason, "never arrived");
  EXPECT_FALSE(lost.not_started);
  EXPECT_TRUE(RoundTrip(LeasesLost{{2}, {}, "", true}).not_started);
}

TEST(JournalCodecTest, KeepsTheOrderOfFacts) {
  FactBatch batch;
  for (uint64_t i = 1; i <= 100; ++i) {
    batch.facts.push_back(RunEvicted{{i}});
    batch.facts.push_back(EpochStarted{i});
  }
  const absl::StatusOr<FactBatch> back = DecodeBatch(EncodeBatch(batch));
  ASSERT_TRUE(back.ok());
  ASSERT_EQ(back->facts.size(), 200u);
  for (uint64_t i = 0; i < 100; ++i) {
    EXPECT_EQ(std::get<RunEvicted>(back->facts[2 * i]).run.value, i + 1);
    EXPECT_EQ(std::get<EpochStarted>(back->facts[2 * i + 1]).epoch, i + 1);
  }
}

absl::Status DecodeError(const journal::v1::Batch& batch) {
  return DecodeBatch(batch.SerializeAsString()).status();
}

absl::Status DecodeError(const std::string& text) {
  return DecodeError(FromText<journal::v1::Batch>(text));
}

void ExpectLoss(const absl::Status& status, const std::string& words) {
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(words));
}

TEST(JournalCodecTest, BytesThatAreNoBatchAreALoss) {
  ExpectLoss(DecodeBatch("\xff\xff").status(), "2 bytes are no batch");
  EXPECT_TRUE(DecodeBatch("").ok());  // a batch without facts
}

TEST(JournalCodecTest, FactsOfANewerVersionAreALoss) {
  ExpectLoss(DecodeError("facts { run_evicted { run: 1 } } facts { }"),
             "fact 1: it is of a kind that this version does not know");

  journal::v1::Batch batch;
  journal::v1::Fact* const fact = batch.add_facts();
  fact->mutable_run_evicted()->set_run(1);
  fact->GetReflection()
      ->MutableUnknownFields(fact->mutable_run_evicted())
      ->AddVarint(77, 1);
  ExpectLoss(DecodeError(batch), "fact 0: it is of a newer version");

  batch.Clear();
  batch.GetReflection()->MutableUnknownFields(&batch)->AddVarint(77, 1);
  ExpectLoss(DecodeError(batch), "the batch is of a newer version");
}

TEST(JournalCodecTest, ColumnsOfDifferentLengthsAreALoss) {
  ExpectLoss(DecodeError("facts { leased { worker: 1 } }"), "length");
  ExpectLoss(DecodeError("facts { leased { leases { run: 1 } } }"), "length");
  ExpectLoss(DecodeError("facts { leases_lost { leases { run: 1 } } }"),
             "length");
  ExpectLoss(DecodeError("facts { retries_due { run: 1 } }"), "length");
  ExpectLoss(DecodeError("facts { reported { reports { exit_code: 1 } } }"),
             "length");
}

TEST(JournalCodecTest, GraphsAndWorkersThatMakeNoSenseAreALoss) {
  ExpectLoss(DecodeError("facts { run_accepted { run_id: 'x-1' } }"),
             "the graph of run x-1 is damaged");
  ExpectLoss(DecodeError("facts { worker_joined { worker: 5 } }"), "worker 5");
}

TEST(JournalCodecTest, AnyTruncationIsFoundOrIsAShorterBatch) {
  FactBatch batch;
  batch.facts.push_back(Leased{{1, 2}, SomeLeases()});
  batch.facts.push_back(WorkerJoined{{2}, SomeWorker()});
  const std::string bytes = EncodeBatch(batch);
  for (size_t size = 0; size < bytes.size(); ++size) {
    const absl::StatusOr<FactBatch> cut =
        DecodeBatch(std::string_view(bytes).substr(0, size));
    if (cut.ok()) {
      EXPECT_LT(cut->facts.size(), 2u);
    }
  }
}

}  // namespace
}  // namespace w2t::wire
