// Client: talks to a w2t daemon over gRPC.
//
//   absl::StatusOr<std::unique_ptr<w2t::Client>> client =
//       w2t::Client::Connect("127.0.0.1:7420");
//   if (!client.ok()) return client.status();
//
//   absl::StatusOr<w2t::v1::SubmitRunResponse> submitted =
//       (*client)->Submit(std::move(graph));
//   if (!submitted.ok()) return submitted.status();
//   absl::StatusOr<w2t::v1::Run> ended = (*client)->Wait(submitted->run_id());
//
// All calls ride through a restart of the daemon. When the connection breaks,
// is refused, or the daemon says UNAVAILABLE (or, of a unary call, that it is
// too busy and when to come back), they try again for up to
// ClientOptions::wait_for_server, with gaps that double from 50 ms to 2 s and
// vary at random by half. That does no harm: unary calls may be repeated,
// Submit and RestartTasks carry a request_id, and streams (Watch, ReadLogs) go
// on where they were. A daemon that has never been reached is another matter:
// that is reported at once, unless ClientOptions::wait_at_first says otherwise.
//
// One try of a unary call takes at most ClientOptions::call_timeout. Streams
// block the calling thread and end early when their stop_token is triggered,
// with CANCELLED.
//
// Errors are those of the service, with the same code and message; the typed
// detail, where there is one, is found by w2t::wire::DetailOf. Errors of the
// connection name the address:
//
//   UNAVAILABLE: cannot reach w2td at 127.0.0.1:7420: connection refused
//   DEADLINE_EXCEEDED: w2td at 127.0.0.1:7420 gave no answer within 30s
//
// IsUnreachable tells these from an error that a daemon has sent. A task's
// failure is never an error here: it is an outcome, found in v1::Run.
//
// Thread-safe: any number of threads may share one Client. It must outlive the
// calls that are made on it. Do not use it for a worker: see <w2t/worker.h>.
#ifndef W2T_CLIENT_H_
#define W2T_CLIENT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "w2t/v1/admin_service.pb.h"
#include "w2t/v1/graph.pb.h"
#include "w2t/v1/run.pb.h"
#include "w2t/v1/run_service.pb.h"

namespace w2t {

// Where a daemon listens, unless it is told otherwise.
inline constexpr char kDefaultAddress[] = "127.0.0.1:7420";

struct ClientOptions {
  // Longest that one try of a unary call may take.
  absl::Duration call_timeout = absl::Seconds(30);
  // How long a daemon may be away that has been reached before.
  absl::Duration wait_for_server = absl::Minutes(1);
  // The same for one that has not; at most wait_for_server.
  absl::Duration wait_at_first = absl::ZeroDuration();
  // Ends all waiting for a daemon that is away.
  std::stop_token stop;
  // Called when the daemon is found to be away, and when it is back after that
  // time; each once for all calls together, on the thread of one of them. They
  // must not call the client.
  std::function<void(const absl::Status& error)> on_away;
  std::function<void(absl::Duration length)> on_back;
};

struct SubmitOptions {
  // Keep services up after the last task has ended, until the run is cancelled.
  bool hold = false;
  // At most 128 bytes. Empty: one is made at random. Name it to make a submit
  // repeatable across processes.
  std::string request_id;
  // ALREADY_EXISTS when another run with this has the graph's name and has not
  // ended. Implies `hold`, and failures leave the rest up.
  bool unique_name = false;
};

struct ListOptions {
  // 0: the daemon's default.
  uint32_t page_size = 0;
  // From the page before. Empty: the first page.
  std::string page_token;
  // Only runs of graphs with this name. Empty: of any.
  std::string name;
  // Only runs that have not ended.
  bool live = false;
};

struct ReviseOptions {
  // Only tell what would change.
  bool dry_run = false;
  // Only these tasks are added, removed or changed. Empty: all.
  std::vector<std::string> only;
};

struct WatchOptions {
  // Resume after this event, without a snapshot. 0: a snapshot first.
  uint64_t after_seq = 0;
};

struct LogOptions {
  // From 1. 0: the latest.
  uint32_t attempt = 0;
  // Start at this byte of the recorded output.
  uint64_t offset = 0;
  // Go on until the attempt has ended.
  bool follow = false;
};

class Client {
 public:
  // `address` is "unix:PATH" or "HOST:PORT". Only INVALID_ARGUMENT, for an
  // address of neither form: dialling starts with the first call, and that call
  // says what stands in the way.
  static absl::StatusOr<std::unique_ptr<Client>> Connect(
      std::string_view address, const ClientOptions& options = {});
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  const std::string& address() const;

  // Returns once the daemon is ready to take runs (grpc.health.v1), and
  // UNAVAILABLE or CANCELLED otherwise.
  absl::Status WaitUntilServing(absl::Time deadline, std::stop_token stop = {});

  // Checks a graph without running it. A faulty graph is an answer, not an
  // error.
  absl::StatusOr<v1::ValidateGraphResponse> Validate(v1::Graph graph);

  // Hands a graph over for execution. When it returns, the run is durable.
  // INVALID_ARGUMENT with every fault as a typed detail; ALREADY_EXISTS when
  // the request_id was used with another graph; RESOURCE_EXHAUSTED when a bound
  // of the daemon is hit.
  absl::StatusOr<v1::SubmitRunResponse> Submit(
      v1::Graph graph, const SubmitOptions& options = {});

  // NOT_FOUND.
  absl::StatusOr<v1::Run> GetRun(std::string_view run_id);
  // One page of runs, the newest first.
  absl::StatusOr<v1::ListRunsResponse> ListRuns(
      const ListOptions& options = {});
  // The run with the highest number. NOT_FOUND when there is none yet.
  absl::StatusOr<v1::Run> LatestRun();

  // Calls `each` for the tasks of a run in the order of the graph, page by
  // page, until it returns false. With `states`, only for tasks in one of them.
  // NOT_FOUND.
  absl::Status ForEachTask(std::string_view run_id,
                           const std::vector<v1::TaskState>& states,
                           absl::FunctionRef<bool(const v1::TaskStatus&)> each);

  // What a task waits for, directly or not, and why. NOT_FOUND.
  absl::StatusOr<v1::ExplainTaskResponse> Explain(std::string_view run_id,
                                                  std::string_view task);

  // Which tasks made a run as long as it was. NOT_FOUND.
  absl::StatusOr<v1::GetCriticalChainResponse> CriticalChain(
      std::string_view run_id);

  // Calls `on_item` with a snapshot (in parts when it is large), then with
  // every event of the run in order and without gaps, and at last with the run
  // as it ended; then returns OK. After a lost connection it goes on after the
  // last event. Only when the daemon no longer keeps the events after that one
  // (or after WatchOptions::after_seq), or when the run is revised, a new
  // snapshot comes, which replaces all that was told before.
  absl::Status Watch(
      std::string_view run_id, const WatchOptions& options,
      absl::FunctionRef<void(const v1::WatchRunResponse&)> on_item,
      std::stop_token stop = {});

  // Blocks until the run has ended.
  absl::StatusOr<v1::Run> Wait(std::string_view run_id,
                               std::stop_token stop = {});

  // Stops a run: nothing new starts, what runs is stopped in reverse order.
  // Cancelling twice, or a run that has ended, is no error. NOT_FOUND.
  absl::StatusOr<v1::Run> Cancel(std::string_view run_id,
                                 std::string_view reason = {});

  // Starts tasks anew, with what follows them; tells which. With `dry_run` it
  // only tells. NOT_FOUND; FAILED_PRECONDITION when the run is stopping or has
  // ended.
  absl::StatusOr<v1::RestartTasksResponse> RestartTasks(
      std::string_view run_id, const std::vector<std::string>& tasks,
      bool dry_run = false);

  // Makes a run into what `graph` says; tells what changes. ABORTED when
  // another revision is going on: try again. FAILED_PRECONDITION when the run
  // is stopping or has ended; otherwise like Submit.
  absl::StatusOr<v1::ReviseRunResponse> ReviseRun(
      std::string_view run_id, v1::Graph graph,
      const ReviseOptions& options = {});

  // Calls `on_item` with what a task printed, in order. After a lost connection
  // it goes on at the same byte. NOT_FOUND.
  absl::Status ReadLogs(
      std::string_view run_id, std::string_view task, const LogOptions& options,
      absl::FunctionRef<void(const v1::ReadLogsResponse&)> on_item,
      std::stop_token stop = {});

  // Calls `on_part` with what the tasks of a run print, until the run has ended
  // and all of it is told. Begins at `from`; tasks that are not among these
  // with the first byte of the first attempt. After a lost connection it goes
  // on at the same bytes. NOT_FOUND.
  absl::Status ReadRunLogs(
      std::string_view run_id, const std::vector<v1::LogPosition>& from,
      absl::FunctionRef<void(const v1::TaskOutput&)> on_part,
      std::stop_token stop = {});

  // All workers that the daemon knows, by name.
  absl::StatusOr<v1::ListWorkersResponse> ListWorkers();
  // Lets a worker finish what it has and gives it nothing new; `undo` takes
  // that back. NOT_FOUND.
  absl::StatusOr<v1::Worker> DrainWorker(std::string_view name,
                                         bool undo = false);
  absl::StatusOr<v1::GetServerInfoResponse> GetServerInfo();

 private:
  class Impl;
  explicit Client(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

// True for an error of the connection: no daemon was reached, or it did not
// answer in time.
bool IsUnreachable(const absl::Status& status);

}  // namespace w2t

#endif  // W2T_CLIENT_H_
