#include "server/loop/snapshots.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "proto/wire/graph_codec.h"
#include "proto/wire/snapshot_codec.h"
#include "server/loop/ahead.h"

namespace w2t::server {
namespace {

using Kind = PartName::Kind;

absl::Status AtPart(const absl::Status& status, PartName name) {
  return absl::Status(status.code(),
                      fmt::format("{} in the snapshot: {}", name.ToString(),
                                  std::string(status.message())));
}

absl::Status Mixed(PartName name) {
  return AtPart(absl::DataLossError("it is of another run"), name);
}

// The parts of a run.
struct RunBytes {
  RunNumber number;
  std::string state;
  std::string graph;
};

absl::StatusOr<RunBytes> ReadRun(PartReader& reader, RunNumber number) {
  absl::StatusOr<std::string> state = reader.Read({Kind::kRun, number.value});
  if (!state.ok()) return state.status();
  absl::StatusOr<std::string> graph = reader.Read({Kind::kGraph, number.value});
  if (!graph.ok()) return graph.status();
  return RunBytes{number, *std::move(state), *std::move(graph)};
}

absl::StatusOr<wire::RunParts> DecodeRun(const RunBytes& bytes) {
  const PartName state{Kind::kRun, bytes.number.value};
  absl::StatusOr<wire::RunParts> parts = wire::DecodeRun(bytes.state);
  if (!parts.ok()) return AtPart(parts.status(), state);
  if (parts->spec.number != bytes.number) return Mixed(state);
  wire::DecodedGraph decoded = wire::RestoreGraph(bytes.graph);
  if (decoded.blueprint == nullptr) {
    return AtPart(absl::DataLossError(decoded.faults.Summary()),
                  {Kind::kGraph, bytes.number.value});
  }
  parts->spec.blueprint = std::move(decoded.blueprint);
  parts->spec.definition = std::move(decoded.definition);
  return parts;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Run>> RestoreRun(PartReader& reader,
                                                RunNumber number,
                                                const Limits& limits) {
  const absl::StatusOr<RunBytes> bytes = ReadRun(reader, number);
  if (!bytes.ok()) return bytes.status();
  absl::StatusOr<wire::RunParts> parts = DecodeRun(*bytes);
  if (!parts.ok()) return parts.status();
  absl::StatusOr<std::unique_ptr<Run>> run =
      Run::Restore(std::move(parts->spec), std::move(parts->data), limits);
  if (!run.ok()) return AtPart(run.status(), {Kind::kRun, number.value});
  return run;
}

absl::Status Snapshots::Restore(Engine* engine, WorkerNames* workers) {
  if (journal_->snapshot_batch() == 0) return absl::OkStatus();
  const absl::StatusOr<std::unique_ptr<PartReader>> reader =
      journal_->OpenReader();
  if (!reader.ok()) return reader.status();
  const PartName state{Kind::kEngine};
  const absl::StatusOr<std::string> bytes = (*reader)->Read(state);
  if (!bytes.ok()) return bytes.status();
  const absl::StatusOr<EngineData> data = wire::DecodeEngine(*bytes);
  if (!data.ok()) return AtPart(data.status(), state);
  absl::Status status = engine->Restore(*data);
  if (!status.ok()) return AtPart(status, state);
  status = RestoreRuns(*data, **reader, engine);
  if (status.ok()) status = RestoreEnded(*data, **reader, engine);
  if (!status.ok()) return status;

  const PartName names{Kind::kWorkers};
  const absl::StatusOr<std::string> name_bytes = (*reader)->Read(names);
  if (!name_bytes.ok()) return name_bytes.status();
  absl::StatusOr<wire::NamedWorkers> named = wire::DecodeWorkers(*name_bytes);
  if (!named.ok()) return AtPart(named.status(), names);
  for (auto& [number, name] : *named) workers->Add(number, std::move(name));
  named_ = workers->last();
  return absl::OkStatus();
}

absl::Status Snapshots::RestoreRuns(const EngineData& data, PartReader& reader,
                                    Engine* engine) {
  Ahead<absl::StatusOr<wire::RunParts>> ahead;
  const auto restore_next = [&]() -> absl::Status {
    absl::StatusOr<wire::RunParts> parts = ahead.Take();
    if (!parts.ok()) return parts.status();
    const RunNumber number = parts->spec.number;
    saved_[number] = {parts->data.last_seq, parts->data.revision};
    const absl::Status status =
        engine->Restore(std::move(parts->spec), std::move(parts->data));
    return status.ok() ? status : AtPart(status, {Kind::kRun, number.value});
  };
  absl::Status status;
  for (const RunNumber number : data.runs) {
    absl::StatusOr<RunBytes> bytes = ReadRun(reader, number);
    if (!bytes.ok()) return bytes.status();
    while (status.ok() && ahead.full()) status = restore_next();
    if (!status.ok()) return status;
    const size_t size = bytes->state.size() + bytes->graph.size();
    ahead.Add(size, [bytes = *std::move(bytes)] { return DecodeRun(bytes); });
  }
  while (status.ok() && !ahead.empty()) status = restore_next();
  return status;
}

absl::Status Snapshots::RestoreEnded(const EngineData& data, PartReader& reader,
                                     Engine* engine) {
  const auto missing = [](RunNumber number) {
    return AtPart(absl::DataLossError("it is missing"),
                  {Kind::kEnded, number.value});
  };
  auto next = data.ended.begin();
  const auto restore = [&](uint64_t number, std::string_view bytes) {
    const PartName name{Kind::kEnded, number};
    if (next == data.ended.end()) return Mixed(name);
    if (next->value != number) return missing(*next);
    ++next;
    absl::StatusOr<RunSummary> summary = wire::DecodeEnded(bytes);
    if (!summary.ok()) return AtPart(summary.status(), name);
    if (summary->number.value != number) return Mixed(name);
    saved_[summary->number] = {summary->last_seq, summary->revision};
    const absl::Status status = engine->Restore(*std::move(summary));
    return status.ok() ? status : AtPart(status, name);
  };
  absl::Status status = reader.ReadAll(Kind::kEnded, restore);
  if (status.ok() && next != data.ended.end()) return missing(*next);
  return status;
}

absl::Status Snapshots::Write(Engine* engine, const WorkerNames& workers) {
  SavedRuns saved = saved_;
  const bool first = journal_->snapshot_batch() == 0;
  const absl::Status status = journal_->WriteSnapshot(
      engine->epoch(), [&](PartWriter& writer) -> absl::Status {
        absl::Status put =
            writer.Put({Kind::kEngine}, wire::EncodeEngine(engine->Data()));
        if (put.ok() && (first || workers.last() != named_)) {
          put = writer.Put({Kind::kWorkers},
                           wire::EncodeWorkers(
                               {workers.all().begin(), workers.all().end()}));
        }
        if (put.ok()) put = PutRuns(*engine, writer, &saved);
        if (put.ok()) put = EraseForgotten(*engine, writer, &saved);
        return put;
      });
  if (!status.ok()) return status;
  saved_ = std::move(saved);
  named_ = workers.last();
  engine->Archive();
  return absl::OkStatus();
}

absl::Status Snapshots::PutRuns(const Engine& engine, PartWriter& writer,
                                SavedRuns* saved) const {
  for (const auto& [number, run] : engine.runs()) {
    const auto it = saved_.find(number);
    absl::Status put;
    if (it == saved_.end() || it->second.revision != run->revision()) {
      put = writer.Put({Kind::kGraph, number.value},
                       run->spec().definition->encoded());
    } else if (it->second.last_seq == run->last_seq()) {
      continue;
    }
    if (put.ok())
      put = writer.Put({Kind::kRun, number.value}, wire::EncodeRun(*run));
    if (put.ok() && IsEnded(run->state())) {
      put = writer.Put({Kind::kEnded, number.value},
                       wire::EncodeEnded(Engine::SummaryOf(*run)));
    }
    if (!put.ok()) return put;
    (*saved)[number] = {run->last_seq(), run->revision()};
  }
  return absl::OkStatus();
}

absl::Status Snapshots::EraseForgotten(const Engine& engine, PartWriter& writer,
                                       SavedRuns* saved) const {
  for (const auto& [number, state] : saved_) {
    if (engine.FindRun(number) != nullptr ||
        engine.archived().contains(number)) {
      continue;
    }
    for (const Kind kind : {Kind::kEnded, Kind::kRun, Kind::kGraph}) {
      const absl::Status erased = writer.Erase({kind, number.value});
      if (!erased.ok()) return erased;
    }
    saved->erase(number);
  }
  return absl::OkStatus();
}

}  // namespace w2t::server
