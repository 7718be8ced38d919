#include "server/rpc/change_run.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "fmt/format.h"
#include "grpcpp/alarm.h"
#include "proto/wire/graph_codec.h"
#include "proto/wire/graph_merge.h"
#include "server/rpc/checks.h"
#include "server/rpc/run_query.h"
#include "server/rpc/unary.h"

namespace w2t::server {
namespace {

// Runs `work` soon, on one of gRPC's threads.
void Elsewhere(std::function<void()> work) {
  struct Job {
    grpc::Alarm alarm;
    std::function<void()> work;
  };
  auto* job = new Job{.work = std::move(work)};
  job->alarm.Set(gpr_now(GPR_CLOCK_MONOTONIC), [job](bool /*ok*/) {
    job->work();
    delete job;
  });
}

// What a revision starts from.
struct Base {
  std::shared_ptr<const Definition> definition;
  uint64_t revision = 0;
};

// A name that neither graph has is a slip of the one who gave it.
absl::Status CheckOnly(const v1::ReviseRunRequest& request,
                       const v1::Graph& running) {
  absl::flat_hash_set<std::string> known;
  for (const v1::Graph* graph : {&running, &request.graph()}) {
    for (const v1::Task& task : graph->tasks()) known.insert(task.name());
  }
  for (int i = 0; i < request.only_size(); ++i) {
    if (known.contains(request.only(i))) continue;
    return InvalidField(
        fmt::format("only[{}]", i),
        fmt::format("neither the run nor the graph has a task '{}'",
                    request.only(i)));
  }
  return absl::OkStatus();
}

// What stays as it is may depend on what is taken out.
absl::Status CheckRemoved(const v1::Graph& merged) {
  absl::flat_hash_set<std::string> removed;
  for (const v1::Task& task : merged.tasks()) {
    if (task.removed()) removed.insert(task.name());
  }
  if (removed.empty()) return absl::OkStatus();
  for (const v1::Task& task : merged.tasks()) {
    if (removed.contains(task.undo_of())) {
      return InvalidField(
          "only", fmt::format("task '{}' is left as it is and undoes '{}', "
                              "which is taken out",
                              task.name(), task.undo_of()));
    }
    for (const v1::Dependency& dependency : task.depends_on()) {
      if (!removed.contains(dependency.task())) continue;
      return InvalidField(
          "only",
          fmt::format("task '{}' is left as it is and depends on '{}', which "
                      "is taken out",
                      task.name(), dependency.task()));
    }
  }
  return absl::OkStatus();
}

// A revision that has been worked out.
struct Plan {
  uint64_t base_revision = 0;
  wire::GraphMerge merge;
  Run::Revision next;
};

// On the loop: what follows the changes is known to the run.
absl::Status AddFollowers(const Run& run, Plan* plan) {
  if (run.revising() || run.revision() != plan->base_revision) {
    return absl::AbortedError(fmt::format(
        "another revision of run {} came first", run.spec().run_id));
  }
  absl::Status status = run.CheckRevision(plan->next, plan->merge.changed);
  if (!status.ok()) return status;
  std::vector<TaskIndex> roots = plan->merge.changed;
  roots.insert(roots.end(), plan->merge.removed.begin(),
               plan->merge.removed.end());
  std::vector<wire::Follower> followers;
  for (const Restarting& member : run.RestartSet(roots)) {
    if (member.follows == kNoTask) continue;
    followers.push_back({member.task, member.follows});
  }
  std::sort(followers.begin(), followers.end(),
            [](const wire::Follower& x, const wire::Follower& y) {
              return x.task < y.task;
            });
  wire::AddFollowers(followers, &plan->merge);
  return absl::OkStatus();
}

// On the loop.
void Conclude(const CallContext* context, grpc::ServerUnaryReactor* reactor,
              const v1::ReviseRunRequest* request,
              v1::ReviseRunResponse* response, const Run& run, Plan& plan) {
  const absl::Status status = AddFollowers(run, &plan);
  if (plan.merge.on_failure) {
    v1::TaskChange& change = *response->add_changes();
    change.set_kind(v1::TASK_CHANGE_KIND_UPDATED);
    change.add_fields("on_failure");
  }
  response->mutable_changes()->Add(plan.merge.changes.begin(),
                                   plan.merge.changes.end());
  if (!status.ok() || request->dry_run()) {
    Answered(reactor, status);
    return;
  }
  ReviseEvent event;
  event.run_id = request->run_id();
  event.base_revision = plan.base_revision;
  event.blueprint = std::move(plan.next.blueprint);
  event.definition = std::move(plan.next.definition);
  event.changed = std::move(plan.merge.changed);
  const absl::Status called = context->inbox->TryCall(
      std::move(event), [reactor](const Answer& answer, const View*) {
        Answered(reactor, answer.status);
      });
  if (!called.ok()) Answered(reactor, called);
}

// What is to become of the run; without a change, a plan without a blueprint.
absl::StatusOr<Plan> MakePlan(const CallContext* context,
                              const v1::ReviseRunRequest& request,
                              const Base& base) {
  v1::Graph running;
  const std::string_view encoded = base.definition->encoded();
  if (!running.ParseFromArray(encoded.data(),
                              static_cast<int>(encoded.size()))) {
    return absl::InternalError("the run's graph cannot be read");
  }
  if (absl::Status status = CheckOnly(request, running); !status.ok()) {
    return status;
  }
  const absl::flat_hash_set<std::string> only(request.only().begin(),
                                              request.only().end());
  Plan plan{.base_revision = base.revision};
  plan.merge = wire::MergeGraphs(running, request.graph(),
                                 only.empty() ? nullptr : &only);
  if (plan.merge.changes.empty() && !plan.merge.on_failure) return plan;
  if (absl::Status status = CheckRemoved(plan.merge.graph); !status.ok()) {
    return status;
  }
  wire::DecodedGraph decoded = wire::DecodeGraph(
      plan.merge.graph, *context->limits, wire::GraphUse::kRevision);
  if (!decoded.faults.empty()) return wire::ToStatus(decoded.faults);
  plan.next = {std::move(decoded.blueprint), std::move(decoded.definition)};
  return plan;
}

void Revise(const CallContext* context, grpc::ServerUnaryReactor* reactor,
            const v1::ReviseRunRequest* request,
            v1::ReviseRunResponse* response, const Base& base) {
  absl::StatusOr<Plan> plan = MakePlan(context, *request, base);
  if (!plan.ok() || plan->next.blueprint == nullptr) {
    response->set_revision(base.revision);
    Answered(reactor, plan.status());
    return;
  }
  response->set_revision(base.revision + 1);
  const absl::Status asked = context->inbox->TryAsk(
      [=, plan = *std::move(plan)](const View* view) mutable {
        LookAtRun(context, view, request->run_id(),
                  [=, plan = std::move(plan)](
                      const absl::StatusOr<RunInView>& found) mutable {
                    absl::Status status = found.status();
                    if (status.ok()) status = CheckChangeable(*found->run);
                    if (status.ok()) {
                      Conclude(context, reactor, request, response, *found->run,
                               plan);
                    } else {
                      Answered(reactor, status);
                    }
                  });
      });
  if (!asked.ok()) Answered(reactor, asked);
}

absl::Status CheckIsOf(const Run& run, std::string_view name) {
  if (run.blueprint().name() == name) return absl::OkStatus();
  return InvalidField(
      "graph.name",
      fmt::format("run {} is of graph '{}', not '{}'", run.spec().run_id,
                  run.blueprint().name(), name));
}

// Asks on the loop what the run is now, of which `name` is to be the name.
void LookUpBase(const CallContext* context, grpc::ServerUnaryReactor* reactor,
                const v1::ReviseRunRequest* request,
                v1::ReviseRunResponse* response, const std::string& name) {
  const absl::Status asked = context->inbox->TryAsk([=](const View* view) {
    LookAtRun(
        context, view, request->run_id(),
        [=](const absl::StatusOr<RunInView>& found) {
          absl::Status status = found.status();
          if (status.ok()) status = CheckChangeable(*found->run);
          if (status.ok()) status = CheckIsOf(*found->run, name);
          if (!status.ok()) {
            Answered(reactor, status);
            return;
          }
          const Run& run = *found->run;
          const Base base{run.spec().definition, run.revision()};
          Elsewhere([=] { Revise(context, reactor, request, response, base); });
        });
  });
  if (!asked.ok()) Answered(reactor, asked);
}

}  // namespace

absl::Status CheckChangeable(const Run& run) {
  if (!run.stopping() && !IsEnded(run.state())) return absl::OkStatus();
  return InvalidField(
      "run_id",
      fmt::format("run {} {}", run.spec().run_id,
                  IsEnded(run.state()) ? "has ended" : "is stopping"),
      absl::StatusCode::kFailedPrecondition);
}

void ReviseRun(const CallContext* context, grpc::ServerUnaryReactor* reactor,
               const v1::ReviseRunRequest* request,
               v1::ReviseRunResponse* response) {
  if (!request->has_graph()) {
    Answered(reactor, MissingField("graph", "graph is required"));
    return;
  }
  const wire::DecodedGraph decoded =
      wire::DecodeGraph(request->graph(), *context->limits);
  if (!decoded.faults.empty()) {
    Answered(reactor, wire::ToStatus(decoded.faults));
    return;
  }
  const uint64_t most = context->limits->max_tasks;
  if (const auto size = static_cast<uint64_t>(request->only_size());
      size > most) {
    Answered(reactor, OverLimit("the number of names in only", "only",
                                "max_tasks", most, size));
    return;
  }
  LookUpBase(context, reactor, request, response,
             std::string(decoded.blueprint->name()));
}

}  // namespace w2t::server
