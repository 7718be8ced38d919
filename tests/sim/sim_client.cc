#include "tests/sim/sim_client.h"

#include <utility>

#include "fmt/format.h"
#include "proto/wire/graph_codec.h"
#include "proto/wire/graph_merge.h"
#include "tests/sim/graphs.h"

namespace w2t::sim {
namespace {

// Worth saying again.
bool Passes(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
         absl::IsResourceExhausted(status);
}

absl::Status PostSubmit(const v1::SubmitRunRequest& request,
                        const server::ServerLimits& limits,
                        server::Inbox& inbox, server::Reply reply) {
  wire::DecodedGraph decoded = wire::DecodeGraph(request.graph(), limits);
  if (!decoded.faults.empty()) {
    return absl::InvalidArgumentError(decoded.faults.Summary());
  }
  SubmitEvent event;
  event.request_id = request.request_id();
  event.hold = request.hold();
  event.unique_name = request.unique_name();
  event.blueprint = std::move(decoded.blueprint);
  event.definition = std::move(decoded.definition);
  return inbox.TryCall(std::move(event), std::move(reply));
}

}  // namespace

SimClient::SimClient(SimClock* clock, Oracle* oracle, SimDaemon* daemon,
                     Random random, std::string name)
    : clock_(clock),
      oracle_(oracle),
      daemon_(daemon),
      random_(random),
      name_(std::move(name)) {}

void SimClient::Call(AtDaemon work, Answered answered) {
  const auto once = std::make_shared<Answered>(std::move(answered));
  const auto answer = [once](const server::Answer& a) {
    if (const Answered call = std::exchange(*once, nullptr)) call(a);
  };
  using Back = Channel<server::Answer>;
  const auto back =
      std::make_shared<Back>(clock_, random_.Fork(), &wire_,
                             [answer](server::Answer& a) { answer(a); });
  // There, which keeps the way back until the answer.
  const auto arrived =
      [this, back, held = std::make_shared<AtDaemon>(std::move(work))](int&) {
        if (!daemon_->up()) {
          return back->Send({absl::UnavailableError("connection refused")});
        }
        const absl::Status status =
            (*held)(daemon_->inbox(),
                    [this, back](const server::Answer& a, const server::View*) {
                      if (daemon_->Speaks()) back->Send(a);
                    });
        if (!status.ok() && daemon_->Speaks()) back->Send({status});
        daemon_->Poke();
      };
  const auto there =
      std::make_shared<Channel<int>>(clock_, random_.Fork(), &wire_, arrived);
  there->Send(0);
  clock_->After(random_.Between(absl::Seconds(1), absl::Seconds(4)),
                [answer, there, back] {
                  answer({absl::DeadlineExceededError("no answer")});
                });
}

void SimClient::Submit(v1::SubmitRunRequest request) {
  request.set_request_id(fmt::format("{}-{}", name_, runs_.size()));
  runs_.push_back(std::make_unique<Run>(Run{std::move(request)}));
  TrySubmit(runs_.size() - 1);
  if (random_.Chance(10)) TrySubmit(runs_.size() - 1);
}

void SimClient::TrySubmit(size_t run) {
  Call(
      [this, run](server::Inbox& inbox, server::Reply reply) {
        return PostSubmit(runs_[run]->request, daemon_->limits(), inbox,
                          std::move(reply));
      },
      [this, run](const server::Answer& answer) { OnSubmitted(run, answer); });
}

void SimClient::OnSubmitted(size_t index, const server::Answer& answer) {
  Run& run = *runs_[index];
  const std::string& request_id = run.request.request_id();
  oracle_->Tell("client {}: submit of {}: {} {}", name_, request_id,
                answer.status.ToString(), answer.run_id);
  if (answer.status.ok()) {
    oracle_->HearsSubmitted(request_id, answer.run_id);
    run.refused = false;
    if (run.run_id == answer.run_id) return;
    // The first answer; or the run was forgotten, and this is another one.
    run.run_id = answer.run_id;
    if (run.watch != nullptr) past_.push_back(std::move(run.watch));
    run.watch = std::make_unique<SimWatch>(clock_, oracle_, daemon_,
                                           random_.Fork(), &wire_, run.run_id);
    run.watch->Open();
    if (calm_ && Stays(run)) Cancel(index);
    return;
  }
  if (run.request.unique_name() && absl::IsAlreadyExists(answer.status)) {
    run.refused = run.run_id.empty();  // somebody else was first
    return;
  }
  if (!Passes(answer.status)) {
    oracle_->Fault(
        fmt::format("submit of {}: {}", request_id, answer.status.ToString()));
    run.refused = true;
    return;
  }
  clock_->After(random_.Between(absl::Milliseconds(50), absl::Seconds(2)),
                [this, index] { TrySubmit(index); });
}

void SimClient::RepeatOne(const v1::Graph& other) {
  if (runs_.empty()) return;
  const size_t index = random_.Below(runs_.size());
  const Run& run = *runs_[index];
  if (run.watch == nullptr) return;
  // A run that may be forgotten gives its request id free.
  if (daemon_->forgets() || random_.Chance(50)) return TrySubmit(index);
  v1::SubmitRunRequest request = run.request;
  *request.mutable_graph() = other;
  Call(
      [this, request](server::Inbox& inbox, server::Reply reply) {
        return PostSubmit(request, daemon_->limits(), inbox, std::move(reply));
      },
      [this, run_id = run.run_id](const server::Answer& answer) {
        if (absl::IsAlreadyExists(answer.status) || Passes(answer.status)) {
          return;
        }
        oracle_->Fault(fmt::format("another graph under the id of {}: {}",
                                   run_id, answer.status.ToString()));
      });
}

void SimClient::CancelOne() {
  if (!runs_.empty()) Cancel(random_.Below(runs_.size()));
}

void SimClient::Cancel(size_t index) {
  const std::string& run_id = runs_[index]->run_id;
  if (run_id.empty()) return;
  Call(
      [run_id](server::Inbox& inbox, server::Reply reply) {
        CancelEvent event;
        event.run_id = run_id;
        event.reason = "sim";
        return inbox.TryCall(std::move(event), std::move(reply));
      },
      [this, index, run_id](const server::Answer& answer) {
        oracle_->Tell("client {}: cancel of {}: {}", name_, run_id,
                      answer.status.ToString());
        if (answer.status.ok()) return oracle_->HearsCancelled(run_id);
        if (absl::IsNotFound(answer.status)) {
          return oracle_->HearsNoSuchRun(run_id);
        }
        if (!Passes(answer.status)) {
          return oracle_->Fault("cancel: " + answer.status.ToString());
        }
        if (!calm_) return;
        clock_->After(absl::Milliseconds(500), [this, index] {
          if (!runs_[index]->watch->ended()) Cancel(index);
        });
      });
}

void SimClient::OnChanged(const std::string& run_id, std::string_view what,
                          const server::Answer& answer) {
  oracle_->Tell("client {}: {} of {}: {}", name_, what, run_id,
                answer.status.ToString());
  if (answer.status.ok()) return;
  if (!Passes(answer.status) && !absl::IsNotFound(answer.status) &&
      !absl::IsFailedPrecondition(answer.status) &&
      !absl::IsAborted(answer.status)) {
    oracle_->Fault(
        fmt::format("{} of {}: {}", what, run_id, answer.status.ToString()));
  }
}

// As far as it knows.
const SimClient::Run* SimClient::AnyLive() {
  std::vector<const Run*> live;
  for (const auto& run : runs_) {
    if (run->watch != nullptr && !run->watch->ended())
      live.push_back(run.get());
  }
  return live.empty() ? nullptr : random_.OneOf(live);
}

void SimClient::RestartOne() {
  const Run* found = AnyLive();
  if (found == nullptr) return;
  const Run& run = *found;
  RestartEvent event;
  event.run_id = run.run_id;
  const auto size = static_cast<uint64_t>(run.request.graph().tasks_size());
  for (uint64_t i = random_.Between(1, 2); i > 0; --i) {
    event.tasks.push_back(fmt::format("t{}", random_.Below(size)));
  }
  event.request_id = fmt::format("{}-restart-{}", name_, restarts_++);
  for (uint64_t i = random_.Between(1, 2); i > 0; --i) {
    clock_->After(random_.Between(absl::ZeroDuration(), absl::Seconds(2)),
                  [this, event] { TryRestart(event); });
  }
}

void SimClient::TryRestart(const RestartEvent& event) {
  Call(
      [event](server::Inbox& inbox, server::Reply reply) {
        return inbox.TryCall(event, std::move(reply));
      },
      [this, event](const server::Answer& answer) {
        if (answer.status.ok()) oracle_->HearsRestarted(event.request_id);
        OnChanged(event.run_id, "restart", answer);
      });
}

void SimClient::ReviseOne() {
  const Run* run = AnyLive();
  if (run == nullptr) return;
  const std::string run_id = run->run_id;
  Call(
      [this, run_id, random = random_.Fork()](server::Inbox& inbox,
                                              server::Reply reply) mutable {
        return PostRevision(run_id, random, inbox, std::move(reply));
      },
      [this, run_id](const server::Answer& answer) {
        if (answer.status.ok()) oracle_->HearsRevised(run_id);
        OnChanged(run_id, "revision", answer);
      });
}

// As the daemon's service does it: what is wanted is put into what runs.
absl::Status SimClient::PostRevision(const std::string& run_id, Random& random,
                                     server::Inbox& inbox,
                                     server::Reply reply) {
  const ::w2t::Run* run = daemon_->view().engine.FindRun(run_id);
  if (run == nullptr) return absl::NotFoundError("it is over");
  v1::Graph running;
  running.ParseFromString(std::string(run->spec().definition->encoded()));
  wire::GraphMerge merge =
      wire::MergeGraphs(running, ReviseGraph(random, running));
  if (merge.changes.empty()) return absl::AbortedError("nothing is changed");
  wire::DecodedGraph decoded = wire::DecodeGraph(merge.graph, daemon_->limits(),
                                                 wire::GraphUse::kRevision);
  if (!decoded.faults.empty()) {
    return absl::InvalidArgumentError(decoded.faults.Summary());
  }
  ReviseEvent event;
  event.run_id = run_id;
  event.base_revision = run->revision() + (random.Chance(5) ? 1'000 : 0);
  event.blueprint = std::move(decoded.blueprint);
  event.definition = std::move(decoded.definition);
  event.changed = std::move(merge.changed);
  return inbox.TryCall(std::move(event), std::move(reply));
}

void SimClient::BreakStreams() {
  for (const auto& run : runs_) {
    if (run->watch != nullptr) run->watch->Break();
  }
}

void SimClient::Calm() {
  calm_ = true;
  wire_ = Wire();
  for (size_t i = 0; i < runs_.size(); ++i) {
    if (runs_[i]->watch == nullptr) continue;
    runs_[i]->watch->Calm();
    // What is held up on purpose.
    if (Stays(*runs_[i])) Cancel(i);
  }
}

bool SimClient::done() const {
  for (const auto& run : runs_) {
    if (run->refused) continue;
    if (run->watch == nullptr || !run->watch->ended()) return false;
  }
  return true;
}

std::string SimClient::Pending() const {
  std::string pending;
  for (const auto& run : runs_) {
    if (run->watch != nullptr && run->watch->ended()) continue;
    pending += fmt::format(
        " {}({})", run->request.request_id(),
        run->watch == nullptr ? "not submitted" : run->watch->ToString());
  }
  return pending;
}

}  // namespace w2t::sim
