#include "proto/wire/snapshot_codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <climits>

#include "google/protobuf/arena.h"
#include "proto/wire/graph_codec.h"
#include "proto/wire/newer.h"
#include "proto/wire/session_codec.h"
#include "proto/wire/snapshot_columns.h"
#include "proto/wire/unlimited.h"
#include "w2t/journal/v1/snapshot.pb.h"

namespace w2t::wire {
namespace {

// Blocks of memory for one run.
constexpr size_t kFirstArenaBytes = 4 * 1024;
constexpr size_t kMostArenaBytes = 1024 * 1024;

absl::Status Newer() { return absl::DataLossError("it is of a newer version"); }

template <typename Message>
absl::StatusOr<Message> ParsePart(std::string_view bytes) {
  Message message;
  if (bytes.size() > INT_MAX ||
      !message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::DataLossError(fmt::format("{} bytes are no {}", bytes.size(),
                                           message.GetDescriptor()->name()));
  }
  if (IsNewer(message)) return Newer();
  return message;
}

absl::Status Unfit(std::string_view what) {
  return absl::DataLossError(std::string(what));
}

template <typename Column>
std::vector<RunNumber> NumbersOf(const Column& column) {
  std::vector<RunNumber> numbers;
  numbers.reserve(column.size());
  for (const uint64_t number : column) numbers.push_back({number});
  return numbers;
}

void EncodeDetails(const Run& run, journal::v1::RunState* out) {
  if (run.data().details.empty()) return;
  for (TaskIndex task = 0; task < run.blueprint().size(); ++task) {
    const TaskDetail* detail = run.detail(task);
    if (detail == nullptr) continue;
    journal::v1::TaskDetail* const added = out->add_details();
    added->set_task(task);
    added->set_message(detail->message);
    added->set_signal(detail->signal);
    added->set_cpu_us(detail->cpu_us);
    added->set_max_rss_bytes(detail->max_rss_bytes);
    added->set_output(detail->output);
  }
}

absl::StatusOr<RunData> DecodeData(const journal::v1::RunState& in) {
  RunData data;
  data.state = static_cast<RunState>(in.state());
  data.stopping = in.stopping();
  data.failed = in.failed();
  data.cancelled = in.cancelled();
  data.fail_fast = in.fail_fast();
  data.exit_code = in.exit_code();
  data.cancel_reason = in.cancel_reason();
  data.revision = std::max<uint64_t>(in.revision(), 1);
  data.revised_seq = in.revised_seq();
  data.content = in.content();
  data.failures.assign(in.failures().begin(), in.failures().end());
  data.create_us = in.create_us();
  data.end_us = in.end_us();
  data.last_seq = in.last_seq();
  if (!DecodeTasks(in.tasks(), &data)) {
    return Unfit("the columns of its tasks differ in length");
  }
  if (!DecodeEvents(in.events(), &data)) {
    return Unfit("the columns of its events differ in length");
  }
  for (const journal::v1::TaskDetail& detail : in.details()) {
    if (detail.task() >= data.tasks.size()) return Unfit("a detail of no task");
    data.details[detail.task()] = {detail.message(), detail.signal(),
                                   detail.cpu_us(), detail.max_rss_bytes(),
                                   detail.output()};
  }
  for (const journal::v1::RestartRequest& restart : in.restarts()) {
    data.restarts.push_back({restart.request_id(), restart.content()});
  }
  for (const journal::v1::RecentAttempts& recent : in.recent()) {
    if (recent.task() >= data.tasks.size()) return Unfit("attempts of no task");
    data.recent[recent.task()] = {recent.end_us().begin(),
                                  recent.end_us().end()};
  }
  return data;
}

}  // namespace

std::string EncodeEngine(const EngineData& data) {
  journal::v1::EngineState out;
  out.set_now_us(data.now_us);
  out.set_epoch(data.epoch);
  out.set_next_run(data.next_run.value);
  out.set_next_worker(data.next_worker.value);
  out.set_next_fence(data.next_fence.value);
  out.set_max_lost_attempts(data.max_lost_attempts);
  out.set_forgives_losses(data.forgives_losses);
  for (const WorkerData& worker : data.workers) {
    journal::v1::KnownWorker* const added = out.add_workers();
    added->set_worker(worker.number.value);
    *added->mutable_hello() = ToProto(worker.spec);
    added->set_draining(worker.draining);
  }
  for (const RunNumber run : data.runs) out.add_runs(run.value);
  for (const RunNumber run : data.ended) out.add_ended(run.value);
  return out.SerializeAsString();
}

absl::StatusOr<EngineData> DecodeEngine(std::string_view bytes) {
  const auto in = ParsePart<journal::v1::EngineState>(bytes);
  if (!in.ok()) return in.status();
  EngineData data;
  data.now_us = in->now_us();
  data.epoch = in->epoch();
  data.next_run = {in->next_run()};
  data.next_worker = {in->next_worker()};
  data.next_fence = {in->next_fence()};
  data.max_lost_attempts = in->max_lost_attempts();
  data.forgives_losses = in->forgives_losses();
  for (const journal::v1::KnownWorker& worker : in->workers()) {
    absl::StatusOr<HelloEvent> hello = FromProto(worker.hello(), Unlimited());
    if (!hello.ok()) {
      return Unfit(fmt::format("worker {}: {}", worker.worker(),
                               std::string(hello.status().message())));
    }
    data.workers.push_back(
        {{worker.worker()}, std::move(hello->spec), worker.draining()});
  }
  data.runs = NumbersOf(in->runs());
  data.ended = NumbersOf(in->ended());
  return data;
}

std::string EncodeWorkers(const NamedWorkers& workers) {
  journal::v1::WorkerNames out;
  for (const auto& [number, name] : workers) {
    out.add_worker(number.value);
    out.add_name(name);
  }
  return out.SerializeAsString();
}

absl::StatusOr<NamedWorkers> DecodeWorkers(std::string_view bytes) {
  const auto in = ParsePart<journal::v1::WorkerNames>(bytes);
  if (!in.ok()) return in.status();
  if (in->worker_size() != in->name_size()) {
    return Unfit("its columns differ in length");
  }
  NamedWorkers workers;
  workers.reserve(in->name_size());
  for (int i = 0; i < in->name_size(); ++i) {
    workers.emplace_back(WorkerNumber{in->worker(i)}, in->name(i));
  }
  return workers;
}

std::string EncodeEnded(const RunSummary& summary) {
  journal::v1::EndedRun out;
  out.set_run(summary.number.value);
  out.set_run_id(summary.run_id);
  out.set_request_id(summary.request_id);
  out.set_name(summary.name);
  out.set_hold(summary.hold);
  out.set_keep(summary.keep);
  out.set_state(static_cast<v1::RunState>(summary.state));
  out.set_exit_code(summary.exit_code);
  out.set_cancel_reason(summary.cancel_reason);
  out.set_create_us(summary.create_us);
  out.set_end_us(summary.end_us);
  out.set_last_seq(summary.last_seq);
  out.mutable_counts()->Add(summary.counts.begin(), summary.counts.end());
  out.set_steps(summary.steps);
  out.set_critical_path_us(summary.critical_path_us);
  out.set_content(summary.content);
  out.set_hash(summary.hash);
  out.set_revision(summary.revision);
  out.set_removed(summary.removed);
  return out.SerializeAsString();
}

absl::StatusOr<RunSummary> DecodeEnded(std::string_view bytes) {
  const auto in = ParsePart<journal::v1::EndedRun>(bytes);
  if (!in.ok()) return in.status();
  RunSummary summary;
  summary.number = {in->run()};
  summary.run_id = in->run_id();
  summary.request_id = in->request_id();
  summary.name = in->name();
  summary.hold = in->hold();
  summary.keep = in->keep();
  summary.state = static_cast<RunState>(in->state());
  summary.exit_code = in->exit_code();
  summary.cancel_reason = in->cancel_reason();
  summary.create_us = in->create_us();
  summary.end_us = in->end_us();
  summary.last_seq = in->last_seq();
  if (static_cast<size_t>(in->counts_size()) > summary.counts.size()) {
    return Unfit("it counts tasks in states that are not known");
  }
  std::copy(in->counts().begin(), in->counts().end(), summary.counts.begin());
  summary.steps = in->steps();
  summary.critical_path_us = in->critical_path_us();
  summary.content = in->content();
  summary.hash = in->hash();
  summary.revision = std::max<uint64_t>(in->revision(), 1);
  summary.removed = in->removed();
  return summary;
}

std::string EncodeRun(const Run& run) {
  const RunData& data = run.data();
  // There may be a million details, and the daemon's loop waits.
  google::protobuf::ArenaOptions options;
  options.start_block_size = kFirstArenaBytes;
  options.max_block_size = kMostArenaBytes;
  google::protobuf::Arena arena(options);
  auto& out =
      *google::protobuf::Arena::CreateMessage<journal::v1::RunState>(&arena);
  out.set_run(run.spec().number.value);
  out.set_run_id(run.spec().run_id);
  out.set_request_id(run.spec().request_id);
  out.set_hold(run.spec().hold);
  out.set_keep(run.spec().keep);
  out.set_state(static_cast<v1::RunState>(data.state));
  out.set_stopping(data.stopping);
  out.set_failed(data.failed);
  out.set_cancelled(data.cancelled);
  out.set_fail_fast(data.fail_fast);
  out.set_revision(data.revision);
  out.set_revised_seq(data.revised_seq);
  out.set_content(data.content);
  if (run.revising()) {
    const std::string_view next = run.spec().pending.definition->encoded();
    out.set_pending_graph(next.data(), next.size());
  }
  for (const auto& [task, ends] : data.recent) {
    journal::v1::RecentAttempts* const recent = out.add_recent();
    recent->set_task(task);
    recent->mutable_end_us()->Add(ends.begin(), ends.end());
  }
  for (const RestartRequest& request : data.restarts) {
    journal::v1::RestartRequest* const restart = out.add_restarts();
    restart->set_request_id(request.request_id);
    restart->set_content(request.content);
  }
  out.set_exit_code(data.exit_code);
  out.set_cancel_reason(data.cancel_reason);
  out.mutable_failures()->Add(data.failures.begin(), data.failures.end());
  out.set_create_us(data.create_us);
  out.set_end_us(data.end_us);
  out.set_last_seq(data.last_seq);
  EncodeTasks(data, out.mutable_tasks());
  EncodeDetails(run, &out);
  EncodeEvents(data, out.mutable_events());
  return out.SerializeAsString();
}

absl::StatusOr<RunParts> DecodeRun(std::string_view bytes) {
  const auto in = ParsePart<journal::v1::RunState>(bytes);
  if (!in.ok()) return in.status();
  if (IsNewer(in->tasks()) || IsNewer(in->events())) return Newer();
  absl::StatusOr<RunData> data = DecodeData(*in);
  if (!data.ok()) return data.status();
  Run::Revision pending;
  if (!in->pending_graph().empty()) {
    DecodedGraph graph = RestoreGraph(in->pending_graph());
    if (graph.blueprint == nullptr) return Unfit(graph.faults.Summary());
    pending = {std::move(graph.blueprint), std::move(graph.definition)};
  }
  return RunParts{.spec = {.number = {in->run()},
                           .run_id = in->run_id(),
                           .request_id = in->request_id(),
                           .hold = in->hold(),
                           .keep = in->keep(),
                           .blueprint = nullptr,
                           .definition = nullptr,
                           .pending = std::move(pending)},
                  .data = *std::move(data)};
}

}  // namespace w2t::wire
