"""Lines that matter: each is taken away in turn, and the simulator must notice.

A mutation replaces `before`, which must be there exactly once, by `after`.
"""

from typing import NamedTuple


class Mutation(NamedTuple):
    name: str
    file: str
    before: str
    after: str


MUTATIONS = [
    Mutation(
        'an old fence is accepted', 'core/run/run.cc',
        'if (record.attempt != lease.attempt || record.fence != lease.fence ||\n'
        '      record.worker != worker) {',
        'if (record.worker != worker) {'),
    Mutation(
        'a report may go backwards', 'core/run/run.cc',
        'return state > record.state;', 'return state != record.state;'),
    Mutation(
        'actions before the commit', 'server/loop/loop.cc',
        '  if (!facts.facts.empty()) {\n    const absl::Status status =\n',
        '  for (Action& action : pending_->actions) Perform(action);\n'
        '  pending_->actions.clear();\n'
        '  effects_->Flush(view());\n'
        '  if (!facts.facts.empty()) {\n    const absl::Status status =\n'),
    Mutation(
        'reports acknowledged before the commit', 'server/loop/loop.cc',
        '  if (!facts.facts.empty()) {\n    const absl::Status status =\n',
        '  for (Action& action : pending_->actions) {\n'
        '    if (std::holds_alternative<AckReports>(action)) Perform(action);\n'
        '  }\n'
        '  effects_->Flush(view());\n'
        '  if (!facts.facts.empty()) {\n    const absl::Status status =\n'),
    Mutation(
        'a step that was not committed is dropped', 'server/loop/loop.cc',
        '      Stall(status, now);\n      return false;\n',
        '      Stall(status, now);\n      pending_.reset();\n'
        '      return false;\n'),
    Mutation(
        'commits are not synced', 'server/journal/sqlite_schema.cc',
        'PRAGMA synchronous=FULL;', 'PRAGMA synchronous=NORMAL;'),
    Mutation(
        'no re-attach window', 'core/engine/sessions.cc',
        'if (now_us_ - worker.detached_us >= window) {',
        'if (now_us_ - worker.detached_us >= 0) {'),
    Mutation(
        'no re-attach window after a restart', 'core/engine/steps.cc',
        '    worker.detached_us = now_us_;\n',
        '    worker.detached_us = 0;\n'),
    Mutation(
        'whatever a worker holds is kept', 'core/engine/sessions.cc',
        '  return HeldVerdict::kDiscard;\n}', '  return HeldVerdict::kKeep;\n}'),
    Mutation(
        'offers that did not arrive are not lost', 'core/engine/sessions.cc',
        'if (!fences.contains(fence.value)) lost.leases.Add(lease);',
        'if (fence.value == 0) lost.leases.Add(lease);'),
    Mutation(
        'resources are not taken', 'core/fleet/fleet.cc',
        'worker.free[amount.kind] -= amount.milli;', ''),
    Mutation(
        'attempts do not grow', 'core/engine/state.cc',
        'run.task(task).attempt + 1,\n',
        'std::max(1u, run.task(task).attempt),\n'),
    Mutation(
        'any end counts as success', 'core/run/edge_state.h',
        'holds = source.state == TaskState::kSucceeded;', 'holds = ended;'),
    Mutation(
        'at most once is ignored', 'core/run/run.cc',
        'blueprint().at_most_once(task) && !not_started;',
        'blueprint().at_most_once(task) && !not_started && false;'),
    Mutation(
        'request ids are not remembered', 'core/engine/state.cc',
        'return it == by_request_.end() ? RunNumber() : it->second;',
        'return it == by_request_.end() ? RunNumber() : RunNumber();'),
    Mutation(
        'a watch skips an event', 'server/observe/watch_hub.cc',
        'uint64_t first = after_seq + 1;', 'uint64_t first = after_seq + 2;'),
    Mutation(
        'a worker does not repeat its reports',
        'client/worker/session/report_queue.h',
        'void Rewind() { sent_ = 0; }', 'void Rewind() {}'),
    Mutation(
        'one of a quorum is enough', 'core/run/run_edges.cc',
        'if (count.satisfied >= of.need) return EdgeState::kSatisfied;',
        'if (count.satisfied >= 1) return EdgeState::kSatisfied;'),
    Mutation(
        'readiness outlives the attempt', 'core/run/run_edges.cc',
        '  to.state = state;\n'
        '  if (blueprint().kind(task) == TaskKind::kService) {',
        '  to.state = state;\n'
        '  if (blueprint().kind(task) == TaskKind::kTask) {'),
    Mutation(
        'any host will do', 'core/schedule/shapes.cc',
        'if (!demand.worker.empty() && demand.worker != spec.name) {',
        'if (!demand.worker.empty() && spec.name.empty()) {'),
    Mutation(
        'a restart does not wait until all has stopped', 'core/run/run.cc',
        'if (lingering_ == 0 && !restarting_.empty() && !revising()) {',
        'if (!restarting_.empty() && !revising()) {'),
    Mutation(
        'a restart stops everything at once', 'core/run/run_stop.cc',
        'if (Lingers(task) && open_dependents_[task] == 0) RequestStop(task);',
        'if (Lingers(task)) RequestStop(task);'),
    Mutation(
        'nothing follows a restart', 'core/run/run_restart.cc',
        'if (!edge.restart || IsSpent(edge.task)) continue;', 'continue;'),
    Mutation(
        'what ran at most once is restarted', 'core/run/run_restart.cc',
        'if (!edge.restart || IsSpent(edge.task)) continue;',
        'if (!edge.restart) continue;'),
    Mutation(
        'what is restarted counts as started', 'core/run/run_restart.cc',
        'if (forgive || IsOutcome(record.state)) to = kNeverStarted;', ''),
    Mutation(
        'a revision does not wait until all has stopped', 'core/run/run.h',
        'return spec_.pending.blueprint != nullptr && lingering_ == 0;',
        'return spec_.pending.blueprint != nullptr;'),
    Mutation(
        'the graph of a revision is not in the snapshot',
        'server/loop/snapshots.cc',
        'it->second.revision != run->revision()', 'false'),
    Mutation(
        'watchers are not told of another graph', 'server/observe/watch_hub.cc',
        'seq + 1 >= run.first_seq() && seq >= run.revised_seq();',
        'seq + 1 >= run.first_seq();'),
    Mutation(
        'two runs may have one unique name', 'core/engine/steps.cc',
        'if (!event.unique_name) return nullptr;', 'return nullptr;'),
    Mutation(
        'what a killed worker was given did not reach it',
        'core/engine/sessions.cc',
        'event.spec.stream != 0 && !event.restarted;',
        'event.spec.stream != 0;'),
    Mutation(
        'a worker that was killed is another one', 'core/engine/sessions.cc',
        'known->spec.instance == event.spec.instance) {',
        'known->spec.instance == event.spec.instance &&\n'
        '      !event.restarted) {'),
    Mutation(
        'a worker keeps its adopted services to itself',
        'client/worker/session/session_state.cc',
        '  for (const auto& [fence, held] : held_) '
        'hello_held_.push_back(held.lease);\n',
        '  for (const auto& [fence, held] : held_) {\n'
        '    if (!held.service || !identity_.restarted()) '
        'hello_held_.push_back(held.lease);\n  }\n'),
    Mutation(
        'that an adopted service is up is not told',
        'client/worker/session/session_attempts.cc',
        '  if (up) reports_.Add(lease, v1::TASK_STATE_UP);\n', ''),
    Mutation(
        'a lease ahead goes to a worker that has only some of it',
        'core/run/run_ahead.cc',
        'from.worker != worker || from.stop_requested ||',
        '!worker || from.stop_requested ||'),
    Mutation(
        'a lease ahead is not taken back when what it waits for has ended',
        'core/run/run_edges.cc',
        '  if (IsHeld(from.state) && !IsHeld(to.state)) UnsettleAhead(task);\n',
        ''),
    Mutation(
        'what is taken back counts as lost', 'core/run/run.cc',
        '  if (Waits(task) && !MustWindDown(task)) return GiveBack(task);\n',
        ''),
    Mutation(
        'a lease ahead is offered without its conditions', 'core/engine/steps.cc',
        '        offer.conditions.push_back({position, awaited});\n',
        '        static_cast<void>(position);\n'),
    Mutation(
        'a worker starts what it has ahead once one condition holds',
        'client/worker/session/session_waits.cc',
        '  return std::all_of(', '  return std::any_of('),
    Mutation(
        'that an attempt waits on its worker is not in the snapshot',
        'proto/wire/snapshot_columns.cc',
        '                     t.ahead = (flags & kAhead) != 0;\n', ''),
    # Bugs that the simulator has found, put back.
    Mutation(
        'bug: an outcome stays behind its repeated output',
        'client/worker/session/session_state.cc',
        '  if (!logs_.resending() && !TakeOutput()) return NextReports();\n',
        '  if (logs_.resending()) return logs_.Next();\n'
        '  if (!TakeOutput()) return NextReports();\n'),
    Mutation(
        'bug: watches of a forgotten run never end',
        'server/rpc/dispatcher.cc',
        '  hub_->Forget(action.run, action.run_id);\n', ''),
    Mutation(
        'bug: what nobody knows to have begun is told to run',
        'client/worker/session/session_attempts.cc',
        '  if (!started) return;\n', ''),
    Mutation(
        'bug: one that was to stop once is never told again', 'core/run/run.cc',
        '  record.stop_requested = false;\n', ''),
]
