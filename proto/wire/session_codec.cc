#include "proto/wire/session_codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "proto/wire/field.h"
#include "proto/wire/graph_fields.h"
#include "proto/wire/status_codec.h"

namespace w2t::wire {
namespace {

constexpr uint32_t kProtocol = 1;
constexpr size_t kMaxInstanceBytes = 64;
constexpr uint64_t kMaxWorkerLabels = 64;
constexpr char kHandlerPrefix[] = "handler:";

// Which states a worker may report.
bool IsReported(v1::TaskState state) {
  switch (state) {
    case v1::TASK_STATE_RUNNING:
    case v1::TASK_STATE_UP:
    case v1::TASK_STATE_SUCCEEDED:
    case v1::TASK_STATE_FAILED:
    case v1::TASK_STATE_TIMED_OUT:
    case v1::TASK_STATE_CANCELLED:
      return true;
    default:
      return false;
  }
}

// False when the columns differ in length.
bool Decode(const v1::LeaseColumns& leases, const FieldPath& path,
            FieldChecker* check, LeaseColumns* out) {
  const int size = leases.run_size();
  if (leases.task_size() != size || leases.attempt_size() != size ||
      leases.fence_size() != size) {
    check->Invalid(
        path, fmt::format("the columns differ in length: {} runs, {} tasks, {} "
                          "attempts, {} fences",
                          size, leases.task_size(), leases.attempt_size(),
                          leases.fence_size()));
    return false;
  }
  out->run.assign(leases.run().begin(), leases.run().end());
  out->task.assign(leases.task().begin(), leases.task().end());
  out->attempt.assign(leases.attempt().begin(), leases.attempt().end());
  out->fence.assign(leases.fence().begin(), leases.fence().end());
  return true;
}

std::vector<std::string> Capabilities(const v1::Hello& hello,
                                      const FieldPath& path,
                                      FieldChecker* check) {
  std::vector<std::string> capabilities;
  if (hello.exec()) capabilities.push_back(kExecCapability);
  if (check->AtMost(path.Field("handlers"), "max_handlers",
                    check->limits().max_handlers,
                    static_cast<uint64_t>(hello.handlers_size()))) {
    for (int i = 0; i < hello.handlers_size(); ++i) {
      check->Name(path.Entry("handlers", i), hello.handlers(i));
      capabilities.push_back(kHandlerPrefix + hello.handlers(i));
    }
  }
  std::sort(capabilities.begin(), capabilities.end());
  capabilities.erase(std::unique(capabilities.begin(), capabilities.end()),
                     capabilities.end());
  return capabilities;
}

void CheckInstance(const std::string& instance, const FieldPath& path,
                   FieldChecker* check) {
  if (instance.empty()) {
    check->Missing(path, "is required");
  } else if (instance.size() > kMaxInstanceBytes) {
    check->Invalid(path, fmt::format("{} bytes are more than {}",
                                     instance.size(), kMaxInstanceBytes));
  }
}

void DecodeDetail(const v1::ReportDetail& detail, const FieldPath& path,
                  size_t reports, FieldChecker* check, ReportColumns* out) {
  const Limits& limits = check->limits();
  if (detail.position() >= reports) {
    check->Invalid(path.Field("position"),
                   fmt::format("{} is no position in {} reports",
                               detail.position(), reports));
    return;
  }
  if (!check->AtMost(path.Field("message"), "max_message_bytes",
                     limits.max_message_bytes, detail.message().size()) ||
      !check->AtMost(path.Field("output"), "max_output_bytes",
                     limits.max_output_bytes, detail.output().size())) {
    return;
  }
  out->details.push_back({.position = detail.position(),
                          .message = detail.message(),
                          .signal = detail.signal(),
                          .cpu_us = detail.cpu_us(),
                          .max_rss_bytes = detail.max_rss_bytes(),
                          .output = detail.output()});
}

void DecodeDetails(const v1::ReportBatch& batch, const FieldPath& path,
                   FieldChecker* check, ReportColumns* out) {
  out->details.reserve(batch.details_size());
  for (int i = 0; i < batch.details_size(); ++i) {
    DecodeDetail(batch.details(i), path.Entry("details", i), out->leases.size(),
                 check, out);
  }
  const auto before = [](const ReportDetail& a, const ReportDetail& b) {
    return a.position < b.position;
  };
  if (!std::is_sorted(out->details.begin(), out->details.end(), before)) {
    std::sort(out->details.begin(), out->details.end(), before);
  }
  const auto same =
      std::adjacent_find(out->details.begin(), out->details.end(),
                         [](const ReportDetail& a, const ReportDetail& b) {
                           return a.position == b.position;
                         });
  if (same != out->details.end()) {
    check->Invalid(path.Field("details"),
                   fmt::format("position {} has two entries", same->position));
  }
}

void DecodeStates(const v1::ReportBatch& batch, const FieldPath& path,
                  FieldChecker* check, ReportColumns* out) {
  out->state.reserve(batch.state_size());
  for (int i = 0; i < batch.state_size(); ++i) {
    const v1::TaskState state = batch.state(i);
    if (!IsReported(state)) {
      check->Invalid(path.Entry("state", i),
                     fmt::format("{} is no state that a worker reports",
                                 static_cast<int>(state)));
      return;
    }
    out->state.push_back(static_cast<TaskState>(state));
  }
  out->exit_code.assign(batch.exit_code().begin(), batch.exit_code().end());
}

}  // namespace

void ToProto(const LeaseColumns& leases, v1::LeaseColumns* out) {
  out->Clear();
  out->mutable_run()->Add(leases.run.begin(), leases.run.end());
  out->mutable_task()->Add(leases.task.begin(), leases.task.end());
  out->mutable_attempt()->Add(leases.attempt.begin(), leases.attempt.end());
  out->mutable_fence()->Add(leases.fence.begin(), leases.fence.end());
}

absl::StatusOr<LeaseColumns> FromProto(const v1::LeaseColumns& leases) {
  const Limits limits;
  Diagnostics faults;
  FieldChecker check(limits, &faults);
  LeaseColumns columns;
  if (!Decode(leases, FieldPath("leases"), &check, &columns)) {
    return ToStatus(faults);
  }
  return columns;
}

v1::Hello ToProto(const WorkerSpec& spec) {
  v1::Hello hello;
  hello.set_name(spec.name);
  hello.set_instance(spec.instance);
  for (const auto& [key, value] : spec.labels) {
    (*hello.mutable_labels())[key] = value;
  }
  // A worker must name its cpus, and the spec leaves out what there is none of.
  const auto is_cpus = [](const Resource& r) { return r.name == kCpus; };
  if (std::none_of(spec.resources.begin(), spec.resources.end(), is_cpus)) {
    hello.add_resources()->set_name(kCpus);
  }
  for (const Resource& resource : spec.resources) {
    v1::Resource* const out = hello.add_resources();
    out->set_name(resource.name);
    out->set_milli(resource.milli);
  }
  hello.set_max_leases(spec.max_leases);
  hello.set_version(spec.version);
  hello.set_stream(spec.stream);
  hello.set_protocol(kProtocol);
  const std::string_view prefix = kHandlerPrefix;
  for (const std::string& capability : spec.capabilities) {
    if (capability == kExecCapability) {
      hello.set_exec(true);
    } else if (capability.starts_with(prefix)) {
      hello.add_handlers(capability.substr(prefix.size()));
    }
  }
  return hello;
}

absl::StatusOr<HelloEvent> FromProto(const v1::Hello& hello,
                                     const Limits& limits) {
  Diagnostics faults;
  FieldChecker check(limits, &faults);
  const FieldPath path("hello");
  if (hello.protocol() != kProtocol) {
    check.Invalid(path.Field("protocol"),
                  fmt::format("version {} is not spoken here; {} is",
                              hello.protocol(), kProtocol));
  }
  check.Name(path.Field("name"), hello.name());
  CheckInstance(hello.instance(), path.Field("instance"), &check);
  check.Label(path.Field("version"), hello.version());
  HelloEvent event;
  WorkerSpec& spec = event.spec;
  spec.name = hello.name();
  spec.instance = hello.instance();
  spec.version = hello.version();
  spec.stream = hello.stream();
  if (hello.labels().size() > kMaxWorkerLabels) {
    check.Invalid(path.Field("labels"),
                  fmt::format("{} entries are more than {}",
                              hello.labels().size(), kMaxWorkerLabels));
  } else {
    spec.labels = DecodeLabels(hello.labels(), path, &check);
  }
  spec.resources = DecodeResources(hello.resources(), path, &check);
  const auto is_cpus = [](const v1::Resource& r) { return r.name() == kCpus; };
  if (std::none_of(hello.resources().begin(), hello.resources().end(),
                   is_cpus)) {
    check.Missing(path.Field("resources"), "needs \"cpus\"");
  }
  spec.max_leases = hello.max_leases();
  if (spec.max_leases == 0) {
    check.Missing(path.Field("max_leases"), "is required");
  }
  check.AtMost(path.Field("max_leases"), "max_leases", limits.max_leases,
               spec.max_leases);
  spec.capabilities = Capabilities(hello, path, &check);
  Decode(hello.held(), path.Field("held"), &check, &event.held);
  event.restarted = hello.restarted();
  event.waits = hello.waits();
  if (!faults.empty()) return ToStatus(faults);
  return event;
}

v1::ReportBatch ToProto(const ReportColumns& reports) {
  v1::ReportBatch batch;
  ToProto(reports.leases, batch.mutable_leases());
  batch.mutable_state()->Reserve(static_cast<int>(reports.state.size()));
  for (const TaskState state : reports.state) {
    batch.add_state(static_cast<v1::TaskState>(state));
  }
  batch.mutable_exit_code()->Add(reports.exit_code.begin(),
                                 reports.exit_code.end());
  for (const ReportDetail& detail : reports.details) {
    v1::ReportDetail* const out = batch.add_details();
    out->set_position(detail.position);
    out->set_message(ToUtf8(detail.message));
    out->set_signal(detail.signal);
    out->set_cpu_us(detail.cpu_us);
    out->set_max_rss_bytes(detail.max_rss_bytes);
    out->set_output(detail.output);
  }
  return batch;
}

absl::StatusOr<ReportsEvent> FromProto(const v1::ReportBatch& batch,
                                       const Limits& limits) {
  Diagnostics faults;
  FieldChecker check(limits, &faults);
  const FieldPath path("reports");
  ReportsEvent event;
  event.seq = batch.seq();
  ReportColumns& reports = event.reports;
  const int size = batch.leases().run_size();
  if (batch.state_size() != size || batch.exit_code_size() != size) {
    check.Invalid(
        path, fmt::format("the columns differ in length: {} attempts, {} "
                          "states, {} exit codes",
                          size, batch.state_size(), batch.exit_code_size()));
  } else if (Decode(batch.leases(), path.Field("leases"), &check,
                    &reports.leases)) {
    DecodeStates(batch, path, &check, &reports);
    DecodeDetails(batch, path, &check, &reports);
  }
  if (!faults.empty()) return ToStatus(faults);
  return event;
}

}  // namespace w2t::wire
