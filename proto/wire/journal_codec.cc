#include "proto/wire/journal_codec.h"

#include <fmt/format.h>

#include <climits>
#include <utility>
#include <variant>

#include "absl/time/time.h"
#include "proto/wire/graph_codec.h"
#include "proto/wire/newer.h"
#include "proto/wire/session_codec.h"
#include "proto/wire/unlimited.h"
#include "w2t/journal/v1/journal.pb.h"

namespace w2t::wire {
namespace {

// Encoding: one Encode for each kind of fact.

void Encode(const EpochStarted& fact, journal::v1::Fact* out) {
  journal::v1::EpochStarted* const started = out->mutable_epoch_started();
  started->set_epoch(fact.epoch);
  started->set_max_lost_attempts(fact.max_lost_attempts);
  started->set_forgives_losses(fact.forgives_losses);
}

void Encode(const RunAccepted& fact, journal::v1::Fact* out) {
  journal::v1::RunAccepted* const accepted = out->mutable_run_accepted();
  accepted->set_run(fact.run.value);
  accepted->set_run_id(fact.run_id);
  accepted->set_request_id(fact.request_id);
  accepted->set_hold(fact.hold);
  accepted->set_keep(fact.keep);
  const std::string_view encoded = fact.definition->encoded();
  accepted->set_graph(encoded.data(), encoded.size());
}

void Encode(const RunCancelled& fact, journal::v1::Fact* out) {
  out->mutable_run_cancelled()->set_run(fact.run.value);
  out->mutable_run_cancelled()->set_reason(fact.reason);
}

void Encode(const RunEvicted& fact, journal::v1::Fact* out) {
  out->mutable_run_evicted()->set_run(fact.run.value);
}

void Encode(const WorkerJoined& fact, journal::v1::Fact* out) {
  out->mutable_worker_joined()->set_worker(fact.worker.value);
  *out->mutable_worker_joined()->mutable_hello() = ToProto(fact.spec);
}

void Encode(const WorkerDialled& fact, journal::v1::Fact* out) {
  out->mutable_worker_dialled()->set_worker(fact.worker.value);
  out->mutable_worker_dialled()->set_stream(fact.stream);
}

void Encode(const WorkerLeft& fact, journal::v1::Fact* out) {
  out->mutable_worker_left()->set_worker(fact.worker.value);
  out->mutable_worker_left()->set_reason(fact.reason);
}

void Encode(const WorkerDrained& fact, journal::v1::Fact* out) {
  out->mutable_worker_drained()->set_worker(fact.worker.value);
  out->mutable_worker_drained()->set_draining(fact.draining);
}

void Encode(const Leased& fact, journal::v1::Fact* out) {
  journal::v1::Leased* const leased = out->mutable_leased();
  leased->mutable_worker()->Add(fact.worker.begin(), fact.worker.end());
  ToProto(fact.leases, leased->mutable_leases());
}

void Encode(const Reported& fact, journal::v1::Fact* out) {
  out->mutable_reported()->set_worker(fact.worker.value);
  *out->mutable_reported()->mutable_reports() = ToProto(fact.reports);
}

void Encode(const LeasesLost& fact, journal::v1::Fact* out) {
  journal::v1::LeasesLost* const lost = out->mutable_leases_lost();
  lost->set_worker(fact.worker.value);
  ToProto(fact.leases, lost->mutable_leases());
  lost->set_reason(fact.reason);
  lost->set_not_started(fact.not_started);
}

void Encode(const RetriesDue& fact, journal::v1::Fact* out) {
  journal::v1::RetriesDue* const due = out->mutable_retries_due();
  due->mutable_run()->Add(fact.run.begin(), fact.run.end());
  due->mutable_task()->Add(fact.task.begin(), fact.task.end());
}

void Encode(const TasksRestarted& fact, journal::v1::Fact* out) {
  journal::v1::TasksRestarted* const restarted = out->mutable_tasks_restarted();
  restarted->set_run(fact.run.value);
  restarted->mutable_task()->Add(fact.tasks.begin(), fact.tasks.end());
  restarted->set_request_id(fact.request_id);
}

void Encode(const RunRevised& fact, journal::v1::Fact* out) {
  journal::v1::RunRevised* const revised = out->mutable_run_revised();
  revised->set_run(fact.run.value);
  revised->set_revision(fact.revision);
  const std::string_view encoded = fact.definition->encoded();
  revised->set_graph(encoded.data(), encoded.size());
  revised->mutable_changed()->Add(fact.changed.begin(), fact.changed.end());
}

// Decoding: one Decode for each kind of fact, with the error's words only.

absl::Status Loss(std::string_view words) {
  return absl::DataLossError(std::string(words));
}

absl::StatusOr<Fact> Decode(const journal::v1::RunAccepted& fact) {
  DecodedGraph graph = RestoreGraph(fact.graph());
  if (graph.blueprint == nullptr) {
    return Loss(fmt::format("the graph of run {} is damaged: {}", fact.run_id(),
                            graph.faults.Summary()));
  }
  return RunAccepted{.run = {fact.run()},
                     .run_id = fact.run_id(),
                     .request_id = fact.request_id(),
                     .hold = fact.hold(),
                     .keep = fact.keep(),
                     .blueprint = std::move(graph.blueprint),
                     .definition = std::move(graph.definition)};
}

absl::StatusOr<Fact> Decode(const journal::v1::WorkerJoined& fact) {
  absl::StatusOr<HelloEvent> hello = FromProto(fact.hello(), Unlimited());
  if (!hello.ok()) {
    return Loss(fmt::format("worker {}: {}", fact.worker(),
                            std::string(hello.status().message())));
  }
  return WorkerJoined{{fact.worker()}, std::move(hello->spec)};
}

absl::StatusOr<Fact> Decode(const journal::v1::Leased& fact) {
  absl::StatusOr<LeaseColumns> leases = FromProto(fact.leases());
  if (!leases.ok()) return Loss(std::string(leases.status().message()));
  if (leases->size() != static_cast<size_t>(fact.worker_size())) {
    return Loss(
        fmt::format("the columns differ in length: {} leases, {} "
                    "workers",
                    leases->size(), fact.worker_size()));
  }
  return Leased{{fact.worker().begin(), fact.worker().end()},
                *std::move(leases)};
}

absl::StatusOr<Fact> Decode(const journal::v1::Reported& fact) {
  absl::StatusOr<ReportsEvent> event = FromProto(fact.reports(), Unlimited());
  if (!event.ok()) return Loss(std::string(event.status().message()));
  return Reported{{fact.worker()}, std::move(event->reports)};
}

absl::StatusOr<Fact> Decode(const journal::v1::LeasesLost& fact) {
  absl::StatusOr<LeaseColumns> leases = FromProto(fact.leases());
  if (!leases.ok()) return Loss(std::string(leases.status().message()));
  return LeasesLost{
      {fact.worker()}, *std::move(leases), fact.reason(), fact.not_started()};
}

absl::StatusOr<Fact> Decode(const journal::v1::RetriesDue& fact) {
  if (fact.run_size() != fact.task_size()) {
    return Loss(fmt::format("the columns differ in length: {} runs, {} tasks",
                            fact.run_size(), fact.task_size()));
  }
  return RetriesDue{{fact.run().begin(), fact.run().end()},
                    {fact.task().begin(), fact.task().end()}};
}

absl::StatusOr<Fact> Decode(const journal::v1::EpochStarted& fact) {
  return EpochStarted{fact.epoch(), fact.max_lost_attempts(),
                      fact.forgives_losses()};
}

absl::StatusOr<Fact> Decode(const journal::v1::RunCancelled& fact) {
  return RunCancelled{{fact.run()}, fact.reason()};
}

absl::StatusOr<Fact> Decode(const journal::v1::RunEvicted& fact) {
  return RunEvicted{{fact.run()}};
}

absl::StatusOr<Fact> Decode(const journal::v1::WorkerDialled& fact) {
  return WorkerDialled{{fact.worker()}, fact.stream()};
}

absl::StatusOr<Fact> Decode(const journal::v1::WorkerLeft& fact) {
  return WorkerLeft{{fact.worker()}, fact.reason()};
}

absl::StatusOr<Fact> Decode(const journal::v1::WorkerDrained& fact) {
  return WorkerDrained{{fact.worker()}, fact.draining()};
}

absl::StatusOr<Fact> Decode(const journal::v1::TasksRestarted& fact) {
  return TasksRestarted{{fact.run()},
                        {fact.task().begin(), fact.task().end()},
                        fact.request_id()};
}

absl::StatusOr<Fact> Decode(const journal::v1::RunRevised& fact) {
  DecodedGraph graph = RestoreGraph(fact.graph());
  if (graph.blueprint == nullptr) {
    return Loss(fmt::format("the graph of revision {} of run {} is damaged: {}",
                            fact.revision(), fact.run(),
                            graph.faults.Summary()));
  }
  return RunRevised{.run = {fact.run()},
                    .revision = fact.revision(),
                    .blueprint = std::move(graph.blueprint),
                    .definition = std::move(graph.definition),
                    .changed = {fact.changed().begin(), fact.changed().end()}};
}

template <typename Message>
absl::StatusOr<Fact> DecodeKnown(const Message& fact) {
  if (IsNewer(fact)) return Loss("it is of a newer version");
  return Decode(fact);
}

absl::StatusOr<Fact> DecodeFact(const journal::v1::Fact& fact) {
  using F = journal::v1::Fact;
  switch (fact.fact_case()) {
    case F::kEpochStarted:
      return DecodeKnown(fact.epoch_started());
    case F::kRunAccepted:
      return DecodeKnown(fact.run_accepted());
    case F::kRunCancelled:
      return DecodeKnown(fact.run_cancelled());
    case F::kRunEvicted:
      return DecodeKnown(fact.run_evicted());
    case F::kWorkerJoined:
      return DecodeKnown(fact.worker_joined());
    case F::kWorkerDialled:
      return DecodeKnown(fact.worker_dialled());
    case F::kWorkerLeft:
      return DecodeKnown(fact.worker_left());
    case F::kWorkerDrained:
      return DecodeKnown(fact.worker_drained());
    case F::kLeased:
      return DecodeKnown(fact.leased());
    case F::kReported:
      return DecodeKnown(fact.reported());
    case F::kLeasesLost:
      return DecodeKnown(fact.leases_lost());
    case F::kRetriesDue:
      return DecodeKnown(fact.retries_due());
    case F::kTasksRestarted:
      return DecodeKnown(fact.tasks_restarted());
    case F::kRunRevised:
      return DecodeKnown(fact.run_revised());
    case F::FACT_NOT_SET:
      break;
  }
  return Loss("it is of a kind that this version does not know");
}

}  // namespace

std::string EncodeBatch(const FactBatch& batch) {
  journal::v1::Batch out;
  out.set_now_us(absl::ToUnixMicros(batch.now));
  for (const Fact& fact : batch.facts) {
    journal::v1::Fact* const added = out.add_facts();
    std::visit([added](const auto& kind) { Encode(kind, added); }, fact);
  }
  return out.SerializeAsString();
}

absl::StatusOr<FactBatch> DecodeBatch(std::string_view bytes) {
  journal::v1::Batch message;
  if (bytes.size() > INT_MAX ||
      !message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Loss(fmt::format("{} bytes are no batch", bytes.size()));
  }
  if (IsNewer(message)) return Loss("the batch is of a newer version");
  FactBatch batch;
  batch.now = absl::FromUnixMicros(message.now_us());
  batch.facts.reserve(message.facts_size());
  for (int i = 0; i < message.facts_size(); ++i) {
    absl::StatusOr<Fact> fact = DecodeFact(message.facts(i));
    if (!fact.ok()) {
      return Loss(
          fmt::format("fact {}: {}", i, std::string(fact.status().message())));
    }
    batch.facts.push_back(*std::move(fact));
  }
  return batch;
}

}  // namespace w2t::wire
