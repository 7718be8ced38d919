#include "tests/e2e/chaos/checker.h"

#include <chrono>
#include <exception>
#include <set>
#include <utility>

#include "core/engine/engine.h"
#include "proto/wire/journal_codec.h"
#include "server/journal/journal.h"
#include "server/loop/snapshots.h"
#include "tests/support/deadline.h"
#include "tests/support/rpc.h"

namespace w2t::chaos {
namespace {

constexpr std::chrono::seconds kEnd{120};

std::vector<v1::Run> ListRuns(test::RpcClient& client) {
  std::vector<v1::Run> runs;
  v1::ListRunsRequest request;
  request.set_page_size(1'000);
  do {
    grpc::ClientContext context;
    test::SetDeadline(context);
    v1::ListRunsResponse response;
    if (!client.runs().ListRuns(&context, request, &response).ok()) return {};
    runs.insert(runs.end(), response.runs().begin(), response.runs().end());
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return runs;
}

bool HasEnded(const v1::Run& run) {
  return run.state() >= v1::RUN_STATE_SUCCEEDED;
}

void CompareRun(const Run& run, const ReportedRun& reported,
                Findings& findings) {
  if (static_cast<int>(run.state()) != reported.run.state() ||
      run.last_seq() != reported.run.last_seq()) {
    findings.Add("{}: the journal says {}, {} events; the daemon said {}, {}",
                 run.spec().run_id, Name(run.state()), run.last_seq(),
                 v1::RunState_Name(reported.run.state()),
                 reported.run.last_seq());
  }
  for (const v1::TaskStatus& task : reported.tasks) {
    const TaskRecord& record = run.task(task.index());
    if (static_cast<int>(record.state) == task.state() &&
        record.attempt == task.attempt() &&
        record.exit_code == task.exit_code()) {
      continue;
    }
    findings.Add(
        "{} {}: the journal says {} in attempt {}, the daemon {} in {}",
        run.spec().run_id, task.name(), Name(record.state), record.attempt,
        v1::TaskState_Name(task.state()), task.attempt());
  }
}

}  // namespace

ReportedRuns AskDaemon(const std::string& address, Findings& findings) {
  test::RpcClient client(address);
  std::vector<v1::Run> runs;
  test::Eventually(
      [&] {
        runs = ListRuns(client);
        return !runs.empty() && std::all_of(runs.begin(), runs.end(), HasEnded);
      },
      kEnd);
  ReportedRuns reported;
  for (v1::Run& run : runs) {
    if (!HasEnded(run)) {
      findings.Add("{} has not ended though all faults have: {}", run.run_id(),
                   run.ShortDebugString());
    }
    std::vector<v1::TaskStatus> tasks = client.ListTasks(run.run_id());
    const std::string id = run.run_id();
    findings.Count("tasks", tasks.size());
    findings.Count(fmt::format("runs: {}", v1::RunState_Name(run.state())));
    if (!reported.emplace(id, ReportedRun{std::move(run), std::move(tasks)})
             .second) {
      findings.Add("{} is listed twice", id);
    }
  }
  return reported;
}

void CheckSubmissions(const std::vector<std::unique_ptr<Client>>& clients,
                      const ReportedRuns& reported, const JournalBook& book,
                      Findings& findings) {
  std::map<std::string, const RecordedRun*> by_request;
  for (const auto& [number, run] : book.runs()) {
    by_request[run.request_id] = &run;
    if (!reported.contains(run.run_id)) {
      findings.Add("{} is in the journal, and not reported", run.run_id);
    }
  }
  std::set<std::string> sent;
  for (const auto& client : clients) {
    for (const Submission& submission : client->submissions()) {
      sent.insert(submission.request_id);
      if (submission.run_id.empty()) continue;
      const auto it = by_request.find(submission.request_id);
      if (it == by_request.end() || it->second->run_id != submission.run_id) {
        findings.Add("{} was acknowledged as {} and is lost",
                     submission.request_id, submission.run_id);
      } else if (it->second->graph.SerializeAsString() !=
                 submission.graph.SerializeAsString()) {
        findings.Add("{} is not the graph that was submitted",
                     submission.run_id);
      }
      const auto found = reported.find(submission.run_id);
      if (submission.cancelled && found != reported.end() &&
          found->second.run.cancel_reason().empty() &&
          found->second.run.state() == v1::RUN_STATE_RUNNING) {
        findings.Add("{} was cancelled and goes on", submission.run_id);
      }
    }
  }
  for (const auto& [request, run] : by_request) {
    if (!sent.contains(request)) {
      findings.Add("{} is a run that nobody asked for: {}", run->run_id,
                   request);
    }
  }
}

void CheckJournal(const std::string& directory, const ReportedRuns& reported,
                  JournalBook* book, Findings& findings) {
  const auto journal = Journal::Open({.directory = directory});
  if (!journal.ok()) {
    findings.Add("the journal: {}", std::string(journal.status().message()));
    return;
  }
  EngineOptions options;
  options.limits.max_lost_attempts = kMaxLostAttempts;
  Engine engine(options);
  server::WorkerNames workers;
  absl::Status replayed =
      server::Snapshots(journal->get()).Restore(&engine, &workers);
  replayed.Update((*journal)->Replay(
      [&](uint64_t number, std::string_view bytes) -> absl::Status {
        const absl::StatusOr<FactBatch> batch = wire::DecodeBatch(bytes);
        if (!batch.ok()) return batch.status();
        if (book != nullptr) book->Fold(number, *batch);
        return engine.Replay(*batch);
      }));
  if (!replayed.ok()) {
    findings.Add("the journal: {}", std::string(replayed.message()));
  }
  if (book != nullptr) book->CheckAllEnded();
  findings.Count("runs in the last snapshot", engine.archived().size());
  for (const auto& [id, run] : reported) {
    const RunNumber number = engine.FindId(id);
    if (const Run* found = engine.FindRun(number)) {
      CompareRun(*found, run, findings);
    } else if (!engine.archived().contains(number) ||
               engine.archived().at(number).last_seq != run.run.last_seq()) {
      findings.Add("{} was reported, and is not in the journal", id);
    }
  }
  const size_t known = engine.runs().size() + engine.archived().size();
  if (known != reported.size()) {
    findings.Add("the journal has {} runs, the daemon {}", known,
                 reported.size());
  }
}

void CheckSame(const ReportedRuns& before, const ReportedRuns& after,
               Findings& findings) {
  for (const auto& [id, run] : before) {
    const auto it = after.find(id);
    if (it == after.end()) {
      findings.Add("{} is gone after another start", id);
      continue;
    }
    bool same =
        run.run.SerializeAsString() == it->second.run.SerializeAsString() &&
        run.tasks.size() == it->second.tasks.size();
    for (size_t i = 0; same && i < run.tasks.size(); ++i) {
      same = run.tasks[i].SerializeAsString() ==
             it->second.tasks[i].SerializeAsString();
    }
    if (!same) findings.Add("{} is another one after another start", id);
  }
}

}  // namespace w2t::chaos
