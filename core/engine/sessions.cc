#include <algorithm>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_set.h"
#include "core/engine/steps.h"
#include "fmt/format.h"

namespace w2t {
namespace {

// What a worker may say of an attempt; the rest is the daemon's to decide.
bool IsReportable(TaskState state) {
  return state == TaskState::kRunning || state == TaskState::kUp ||
         (IsOutcome(state) && state != TaskState::kLost &&
          state != TaskState::kSkipped);
}

}  // namespace

void Steps::Handle(DrainWorkerEvent& event) {
  StatusReply reply{.token = event.token};
  const Worker* worker = state_.fleet().FindByName(event.worker);
  if (worker == nullptr) {
    reply.status =
        absl::NotFoundError(fmt::format("no worker \"{}\"", event.worker));
    reply.faults.Add({.code = DiagnosticCode::kNotFound,
                      .message = std::string(reply.status.message()),
                      .field = "name"});
  } else if (worker->draining == event.undo) {
    Record(WorkerDrained{worker->number, !event.undo});
    if (worker->session && !event.undo) {
      result_.actions.push_back(
          DrainSession{worker->session, "drained by an operator"});
    }
  }
  result_.actions.push_back(std::move(reply));
}

void Steps::Handle(HelloEvent& event) {
  // A worker opens one stream after the other, so a hello speaks of all that
  // came on those before. One that was overtaken would speak too early, and is
  // refused. Nor does one prove anything of what an earlier process has done.
  const bool proven = event.spec.stream != 0 && !event.restarted;
  Worker* worker = Register(event);
  if (worker == nullptr) return;
  if (worker->session) {
    Refuse(worker->session,
           absl::AbortedError("the worker opened another stream"));
  }
  state_.fleet().Attach(*worker, event.session, now_us_);
  worker->waits = event.waits;
  next_liveness_us_ =
      std::min(next_liveness_us_,
               now_us_ + absl::ToInt64Microseconds(options_.ping_interval));
  Welcome(*worker, event.held, proven);
}

// The worker that dials, known or new; null when it is refused.
Worker* Steps::Register(HelloEvent& event) {
  Fleet& fleet = state_.fleet();
  const Worker* known = fleet.FindByName(event.spec.name);
  if (known != nullptr && known->spec.instance == event.spec.instance) {
    const uint64_t stream = event.spec.stream;
    if (stream != 0 && stream <= known->spec.stream) {
      Refuse(event.session,
             absl::AbortedError(fmt::format(
                 "stream {} of worker \"{}\" comes after its stream {}", stream,
                 event.spec.name, known->spec.stream)));
      return nullptr;
    }
    if (stream != 0) Record(WorkerDialled{known->number, stream});
    return fleet.Find(known->number);
  }
  if (known != nullptr && known->session) {
    Refuse(event.session,
           absl::AlreadyExistsError(fmt::format(
               "a live worker is named \"{}\"; give this one another name",
               event.spec.name)));
    return nullptr;
  }
  if (known != nullptr) {
    Record(WorkerLeft{known->number, "its process was replaced"});
  } else if (fleet.workers().size() >= options_.limits.max_workers) {
    Refuse(event.session,
           absl::ResourceExhaustedError(fmt::format(
               "the number of workers is {}; the limit max_workers is {}",
               fleet.workers().size() + 1, options_.limits.max_workers)));
    return nullptr;
  }
  const WorkerNumber number = state_.next_worker();
  Record(WorkerJoined{number, std::move(event.spec)});
  return fleet.Find(number);
}

void Steps::Welcome(Worker& worker, const LeaseColumns& held, bool proven) {
  WelcomeWorker welcome{worker.session, worker.number, held, {}};
  absl::flat_hash_set<uint64_t> fences;
  for (size_t i = 0; i < held.size(); ++i) {
    const HeldVerdict verdict = Judge(held.at(i), worker.number);
    welcome.verdicts.push_back(verdict);
    const bool kept =
        verdict == HeldVerdict::kKeep || verdict == HeldVerdict::kCancel;
    if (kept) fences.insert(held.fence[i]);
    if (verdict == HeldVerdict::kCancel) told_stops_.insert(held.fence[i]);
  }
  result_.actions.push_back(std::move(welcome));

  LeasesLost lost{worker.number,
                  {},
                  proven ? "the offer did not reach it" : "it does not hold it",
                  /*not_started=*/proven};
  for (const auto& [fence, lease] : worker.leases) {
    if (!fences.contains(fence.value)) lost.leases.Add(lease);
  }
  if (!lost.leases.empty()) Record(std::move(lost));
  if (worker.draining) {
    result_.actions.push_back(
        DrainSession{worker.session, "drained by an operator"});
  }
}

HeldVerdict Steps::Judge(const LeaseRef& lease, WorkerNumber worker) const {
  const Run* run = state_.FindRun(lease.run);
  if (run == nullptr) {
    // Once a run has ended, so have all its leases.
    return state_.archived().contains(lease.run) ? HeldVerdict::kRecorded
                                                 : HeldVerdict::kDiscard;
  }
  switch (run->Standing(lease, worker)) {
    case LeaseStanding::kHeld:
      return run->task(lease.task).stop_requested ? HeldVerdict::kCancel
                                                  : HeldVerdict::kKeep;
    case LeaseStanding::kRecorded:
      return HeldVerdict::kRecorded;
    case LeaseStanding::kOld:
      break;
  }
  return HeldVerdict::kDiscard;
}

void Steps::Handle(AliveEvent& event) {
  Worker* worker = state_.fleet().FindBySession(event.session);
  if (worker != nullptr) worker->last_seen_us = now_us_;
}

void Steps::Handle(ReportsEvent& event) {
  Worker* worker = state_.fleet().FindBySession(event.session);
  if (worker == nullptr) return;  // its stream was replaced or closed
  worker->last_seen_us = now_us_;
  const WorkerNumber number = worker->number;

  // Each report is checked against the state that those before it lead to: a
  // batch may say of one attempt that it started and that it ended. Runs of
  // reports that fit at once become one fact.
  ReportColumns& in = event.reports;
  AckReports ack{event.session, event.seq, number, {}};
  Reported fact{number, {}};
  size_t next_detail = 0;
  absl::flat_hash_set<uint64_t> pending;
  absl::btree_map<uint64_t, LeaseRef> early;  // by fence
  for (size_t i = 0; i < in.leases.size(); ++i) {
    const LeaseRef lease = in.leases.at(i);
    if (!pending.insert(lease.fence.value).second) {
      Record(std::exchange(fact, Reported{number, {}}));
      pending = {lease.fence.value};
    }
    const Run* run = state_.FindRun(lease.run);
    if (run != nullptr && run->IsAhead(lease) && !fact.reports.leases.empty()) {
      // What it waited for may be among those before.
      Record(std::exchange(fact, Reported{number, {}}));
      pending = {lease.fence.value};
    }
    const bool accept = run != nullptr && IsReportable(in.state[i]) &&
                        run->Accepts(lease, number, in.state[i]);
    while (next_detail < in.details.size() &&
           in.details[next_detail].position < i) {
      ++next_detail;
    }
    if (!accept) {
      const bool ahead =
          run != nullptr && run->IsAhead(lease) && run->Holds(lease, number);
      if (ahead) early[lease.fence.value] = lease;
      // One that is only repeated needs no answer.
      if (ahead || Judge(lease, number) == HeldVerdict::kDiscard) {
        ack.refused.Add(lease);
      }
      continue;
    }
    ReportColumns& out = fact.reports;
    if (next_detail < in.details.size() &&
        in.details[next_detail].position == i) {
      out.details.push_back(std::move(in.details[next_detail]));
      out.details.back().position = static_cast<uint32_t>(out.leases.size());
    }
    out.leases.Add(lease);
    out.state.push_back(in.state[i]);
    out.exit_code.push_back(in.exit_code[i]);
  }
  if (!fact.reports.leases.empty()) Record(std::move(fact));
  LeasesLost lost{number, {}, "it was started before it might", false};
  for (const auto& [fence, lease] : early) {
    const Run* run = state_.FindRun(lease.run);
    if (run->Holds(lease, number)) lost.leases.Add(lease);
  }
  if (!lost.leases.empty()) Record(std::move(lost));
  result_.actions.push_back(std::move(ack));
}

void Steps::Handle(LeaveEvent& event) {
  Worker* worker = state_.fleet().FindBySession(event.session);
  if (worker == nullptr) return;
  worker->last_seen_us = now_us_;
  worker->leaving = true;
}

void Steps::Handle(SessionClosedEvent& event) {
  Worker* worker = state_.fleet().FindBySession(event.session);
  if (worker == nullptr) return;
  if (worker->leaving && worker->leases.empty()) {
    Record(WorkerLeft{worker->number, "it left"});
  } else {
    Detach(*worker);
  }
}

void Steps::Detach(Worker& worker) {
  state_.fleet().Attach(worker, SessionId(), now_us_);
  next_liveness_us_ =
      std::min(next_liveness_us_,
               now_us_ + absl::ToInt64Microseconds(options_.reattach_window));
}

void Steps::Refuse(SessionId session, absl::Status status) {
  result_.actions.push_back(CloseSession{session, std::move(status)});
}

void Steps::CheckLiveness() {
  const int64_t ping = absl::ToInt64Microseconds(options_.ping_interval);
  const int64_t ttl = absl::ToInt64Microseconds(options_.lease_ttl);
  const int64_t window = absl::ToInt64Microseconds(options_.reattach_window);
  int64_t next = INT64_MAX;
  std::vector<WorkerNumber> gone;
  for (auto& [number, worker] : state_.fleet().workers()) {
    if (worker.session && now_us_ - worker.last_seen_us >= ttl) {
      Refuse(worker.session,
             absl::UnavailableError(fmt::format(
                 "nothing was heard of worker \"{}\" for {}", worker.spec.name,
                 absl::FormatDuration(options_.lease_ttl))));
      state_.fleet().Attach(worker, SessionId(), now_us_);
    }
    if (!worker.session) {
      if (now_us_ - worker.detached_us >= window) {
        gone.push_back(number);
      } else {
        next = std::min(next, worker.detached_us + window);
      }
      continue;
    }
    if (now_us_ - worker.last_ping_us >= ping) {
      worker.last_ping_us = now_us_;
      result_.actions.push_back(PingWorker{worker.session});
    }
    next =
        std::min({next, worker.last_ping_us + ping, worker.last_seen_us + ttl});
  }
  for (const WorkerNumber number : gone) {
    Record(WorkerLeft{
        number, fmt::format("it was not heard of for {}",
                            absl::FormatDuration(options_.reattach_window))});
  }
  next_liveness_us_ = next;
}

}  // namespace w2t
