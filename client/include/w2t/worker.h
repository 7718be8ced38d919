// Worker: a C++ program that runs tasks for a w2t daemon.
//
// A program registers functions under names; each is a task that graphs can ask
// for by its name (a HandlerAction):
//
//   int main() {
//     w2t::worker::Worker worker({.server = "127.0.0.1:7420"});
//     worker.Handle("thumbnail", [](const w2t::worker::TaskContext& task)
//                                    -> absl::StatusOr<std::string> {
//       absl::StatusOr<Image> image = Load(task.input());
//       if (!image.ok()) return image.status();
//       task.Log("loaded\n");
//       return Shrink(*image);
//     });
//     absl::Status status = worker.Run();
//     if (!status.ok()) std::cerr << status << "\n";
//     return status.ok() ? 0 : 1;
//   }
//
// Run dials the daemon and serves until Drain or Stop is called. The daemon may
// come and go meanwhile: the worker goes on with what it was given, dials
// again, and delivers what ended in between. Each outcome is delivered until it
// is durable with the daemon, and counted once.
//
// A function may run more than once for the same task: when the task is
// retried, and when a worker is lost with it. TaskContext::attempt tells the
// tries apart.
//
// What is told is decided by what the function does:
//   returns a string          succeeded, with the string as the task's output
//   returns an error          failed, with the error's message and exit code 1
//   throws                    failed, with what() as the message
//   was asked to stop         cancelled, or timed_out, whatever it returns
//
// Do not use it to talk to the daemon about runs: see <w2t/client.h>. Programs
// that are to be run as they are need no C++ at all: see w2t-worker.
#ifndef W2T_WORKER_H_
#define W2T_WORKER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace w2t::worker {

struct WorkerOptions {
  // The daemon: "HOST:PORT" or "unix:PATH". Empty: $W2T_SERVER, else
  // 127.0.0.1:7420.
  std::string server;
  // Unique among the daemon's workers. Empty: the machine's name.
  std::string name;
  // What graphs may select workers by. At most 64.
  std::vector<std::pair<std::string, std::string>> labels;
  // What the worker has, beside "cpus": in units, with up to three decimals.
  std::vector<std::pair<std::string, double>> resources;
  // What it has of "cpus": as many one-cpu tasks run at once. 0: the machine's
  // cores.
  uint32_t slots = 0;
  // Most attempts that it holds at once, waiting ones included. 1 to 65,536.
  uint32_t max_leases = 4'096;
  // Most programs with a probe of readiness that are started and not yet ready;
  // one that takes more than 10 s counts no more. At least 1.
  uint32_t max_starting = 64;
  // Threads that run functions. 0: as many as slots.
  uint32_t threads = 0;
  // Run programs too (ExecAction). The process's bound on open descriptors is
  // raised as far as it goes then; programs get the one from before. The
  // process becomes the one that orphans below it fall to
  // (PR_SET_CHILD_SUBREAPER).
  bool exec = false;
  // A folder to remember services in, of this worker alone: they go on when its
  // process is killed, and the next one, with the same options, goes on with
  // them. Empty: they end with it.
  std::string state;
  // A folder of cgroup v2 to make a cgroup for each service in, and for each
  // task that has limits; "own": the worker's own, if it was delegated to it;
  // "none".
  std::string cgroup = "none";
  // Called once, on a thread of the worker, when the daemon has taken it.
  std::function<void()> on_connected;
};

// One call of a function. Valid until the function returns. Thread-safe.
class TaskContext {
 public:
  // Where Log goes.
  class Printer {
   public:
    virtual ~Printer() = default;
    virtual void Print(std::string_view text) = 0;
  };

  TaskContext(std::string_view run_id, std::string_view task, uint32_t attempt,
              std::string_view input, std::stop_token stop, Printer* printer)
      : run_id_(run_id),
        task_(task),
        attempt_(attempt),
        input_(input),
        stop_(std::move(stop)),
        printer_(printer) {}
  TaskContext(const TaskContext&) = delete;
  TaskContext& operator=(const TaskContext&) = delete;

  // The run's id, as people see it.
  std::string_view run_id() const { return run_id_; }
  // The task's name.
  std::string_view task() const { return task_; }
  // Number of the try, from 1.
  uint32_t attempt() const { return attempt_; }
  // What the graph hands to the function. Any bytes.
  std::string_view input() const { return input_; }
  // Triggered when the run is cancelled, the task's timeout has passed, or the
  // worker stops. A function that does not look runs on; its slot stays taken.
  std::stop_token stop_token() const { return stop_; }

  // Adds to the task's log. Never blocks: when the daemon cannot take more, the
  // text is dropped, and the log says how much is missing.
  void Log(std::string_view text) const { printer_->Print(text); }

 private:
  const std::string_view run_id_;
  const std::string_view task_;
  const uint32_t attempt_;
  const std::string_view input_;
  const std::stop_token stop_;
  Printer* const printer_;
};

// Called by several threads at once. The output is at most 64 KiB.
using Handler = absl::AnyInvocable<absl::StatusOr<std::string>(
    const TaskContext& task) const>;

class Worker {
 public:
  explicit Worker(WorkerOptions options);
  // Not while Run is running.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Serves tasks that ask for `name` with `handler`. Before Run; at most 1,024
  // names of 1 to 256 bytes. A name that will not do, or a second handler for
  // one name, is an error that Run returns.
  void Handle(std::string name, Handler handler);

  // Serves on this thread and others. Returns
  //   OK                   after Drain, once nothing is held, or after Stop;
  //   INVALID_ARGUMENT     for options and handlers that will not do, and when
  //                        the daemon says so at the first try;
  //   other codes          when the daemon refuses the worker at the first try
  //                        in a way that would not change.
  // A daemon that cannot be reached is not an error: Run waits for it. Programs
  // started for tasks are killed when the thread that is in Run dies.
  absl::Status Run();

  // Takes no more tasks and lets Run return once all that it holds has ended
  // and been delivered. May be called at any time, from any thread, but not
  // from a signal handler.
  void Drain();
  // Lets Run return soon: functions are asked to stop, programs are stopped and
  // after 2 s killed. The daemon is told what was stopped and gives it to other
  // workers; one that does not acknowledge that within 1 s misses the worker
  // for its re-attach window first. Otherwise like Drain.
  void Stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace w2t::worker

#endif  // W2T_WORKER_H_
