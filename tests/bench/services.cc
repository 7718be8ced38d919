#include "tests/bench/services.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "fmt/ranges.h"
#include "tests/bench/floor.h"
#include "tests/support/programs.h"
#include "tests/support/rpc.h"
#include "tests/support/temp_dir.h"

namespace w2t::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr char kReadyLine[] = "ready";
constexpr char kCommand[] = "echo ready; exec sleep 3600";

double SecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// The dependencies of each service: earlier ones.
using Edges = std::vector<std::vector<uint32_t>>;

Edges MakeEdges(uint32_t count, uint32_t width) {
  std::mt19937 random(1);
  std::uniform_int_distribution<uint32_t> pick(0, width - 1);
  Edges edges(count);
  for (uint32_t i = width; i < count; ++i) {
    const uint32_t layer = i / width - 1;
    const uint32_t first = layer * width + pick(random);
    const uint32_t second = layer * width + pick(random);
    edges[i].push_back(first);
    if (second != first) edges[i].push_back(second);
  }
  return edges;
}

v1::Graph MakeGraph(const Edges& edges) {
  v1::Graph graph;
  graph.set_name("bench");
  v1::Action& action = *graph.add_actions();
  action.mutable_exec()->set_shell(kCommand);
  action.mutable_ready()->set_log_text(kReadyLine);
  for (uint32_t i = 0; i < edges.size(); ++i) {
    v1::Task& task = *graph.add_tasks();
    task.set_name(fmt::format("s{}", i));
    task.set_kind(v1::TASK_KIND_SERVICE);
    for (const uint32_t on : edges[i]) {
      task.add_depends_on()->set_task(fmt::format("s{}", on));
    }
  }
  return graph;
}

// The same as a user writes it.
std::string MakeFile(const Edges& edges) {
  std::string file = "name: bench\nservices:\n";
  for (uint32_t i = 0; i < edges.size(); ++i) {
    std::vector<std::string> names;
    for (const uint32_t on : edges[i]) names.push_back(fmt::format("s{}", on));
    file += fmt::format(
        "  s{}: {{command: \"{}\", ready: {{log: {}}}, depends_on: [{}]}}\n", i,
        kCommand, kReadyLine, fmt::join(names, ", "));
  }
  return file;
}

// The same programs, each started once those it depends on have said that they
// are ready, by a loop that does nothing else.
class Floor {
 public:
  explicit Floor(const Edges& edges)
      : open_(edges.size()), after_(edges.size()), children_(edges.size()) {
    for (uint32_t i = 0; i < edges.size(); ++i) {
      open_[i] = edges[i].size();
      for (const uint32_t on : edges[i]) after_[on].push_back(i);
    }
  }
  ~Floor() {
    for (const Child& child : children_) {
      if (child.pid > 0) kill(child.pid, SIGKILL);
    }
    for (const Child& child : children_) {
      if (child.pid > 0) waitpid(child.pid, nullptr, 0);
      if (child.out >= 0) close(child.out);
    }
  }

  // Seconds until all are ready.
  double Up() {
    const Clock::time_point begin = Clock::now();
    for (uint32_t i = 0; i < open_.size(); ++i) {
      if (open_[i] == 0) Start(i);
    }
    size_t ready = 0;
    while (ready < open_.size()) {
      if (poll(polled_.data(), polled_.size(), 60'000) <= 0) {
        throw std::runtime_error("a program does not become ready");
      }
      for (size_t place = polled_.size(); place-- > 0;) {
        if (polled_[place].revents == 0) continue;
        const uint32_t service = of_[place];
        polled_[place] = polled_.back();
        of_[place] = of_.back();
        polled_.pop_back();
        of_.pop_back();
        ++ready;
        for (const uint32_t next : after_[service]) {
          if (--open_[next] == 0) Start(next);
        }
      }
    }
    return SecondsSince(begin);
  }

 private:
  struct Child {
    pid_t pid = 0;
    int out = -1;
  };

  void Start(uint32_t service) {
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
    const char* const argv[] = {"sh", "-c", kCommand, nullptr};
    Child& child = children_[service];
    const int error = posix_spawnp(&child.pid, "sh", &actions, nullptr,
                                   const_cast<char* const*>(argv), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(fds[1]);
    child.out = fds[0];
    if (error != 0) throw std::runtime_error("cannot start sh");
    polled_.push_back({child.out, POLLIN, 0});
    of_.push_back(service);
  }

  std::vector<size_t> open_;  // dependencies that are not ready
  std::vector<std::vector<uint32_t>> after_;
  std::vector<Child> children_;
  std::vector<pollfd> polled_;
  std::vector<uint32_t> of_;  // the service of each
};

using Fleet = std::vector<std::unique_ptr<test::Process>>;

// What a process has used of all processors so far.
double CpuMillis(pid_t pid) {
  clockid_t clock = 0;
  timespec used{};
  if (clock_getcpuclockid(pid, &clock) != 0 ||
      clock_gettime(clock, &used) != 0) {
    throw std::runtime_error("a process has no clock");
  }
  return static_cast<double>(used.tv_sec) * 1e3 +
         static_cast<double>(used.tv_nsec) / 1e6;
}

double CpuMillis(const Fleet& fleet) {
  double all = 0;
  for (const auto& worker : fleet) all += CpuMillis(worker->pid());
  return all;
}

// In seconds.
struct Times {
  double floor = 0;
  double up = 0;
  double down = 0;
  double command = 0;  // all of `w2t up`
  // Milliseconds of a processor for each service that came up.
  double daemon_cpu = 0;
  double worker_cpu = 0;
};

Times RunOnce(test::Daemon& daemon, const Fleet& fleet, test::RpcClient& client,
              const v1::Graph& graph) {
  const auto count = static_cast<size_t>(graph.tasks_size());
  const pid_t daemon_pid = daemon.process().pid();
  Times times;
  const double daemon_before = CpuMillis(daemon_pid);
  const double worker_before = CpuMillis(fleet);
  Clock::time_point begin = Clock::now();
  const std::string run_id = client.Submit(graph, /*hold=*/true);
  {
    test::Watch watch(client.channel(), run_id);  // as the CLI does
    if (!watch.WaitForTasks(count, v1::TASK_STATE_UP)) {
      throw std::runtime_error("the services do not come up");
    }
    times.up = SecondsSince(begin);
    const auto each = static_cast<double>(count);
    times.daemon_cpu = (CpuMillis(daemon_pid) - daemon_before) / each;
    times.worker_cpu = (CpuMillis(fleet) - worker_before) / each;
    begin = Clock::now();
    client.Cancel(run_id);
    watch.Finish();
    times.down = SecondsSince(begin);
  }
  if (client.GetRun(run_id).state() != v1::RUN_STATE_SUCCEEDED) {
    throw std::runtime_error("the run did not end well");
  }
  return times;
}

// Seconds that the whole command `w2t up` takes.
double RunCommand(const std::string& server, const std::string& file) {
  const Clock::time_point begin = Clock::now();
  const test::CliResult up = test::RunCli({"--server", server, "up", file});
  const double seconds = SecondsSince(begin);
  const test::CliResult down =
      test::RunCli({"--server", server, "down", "bench"});
  for (const test::CliResult* result : {&up, &down}) {
    if (result->status.code != 0) throw std::runtime_error(result->ToString());
  }
  return seconds;
}

void AllowManyFiles() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

Json MeasureServices(uint32_t count, uint32_t width, uint32_t workers,
                     int repeat, std::string* version) {
  AllowManyFiles();
  const Edges edges = MakeEdges(count, width);
  const v1::Graph graph = MakeGraph(edges);
  const test::TempDir dir;
  test::Daemon daemon(dir, {"--log-level", "warn"});
  test::RpcClient client(daemon.address());
  Fleet fleet;
  for (uint32_t i = 0; i < workers; ++i) {
    const std::string name = fmt::format("w{}", i);
    // What is kept of services is kept by default.
    fleet.push_back(test::StartWorker(daemon.address(),
                                      {.name = name, .state = dir / name}));
  }
  if (!client.WaitForWorkers(workers)) {
    throw std::runtime_error("the workers do not come");
  }
  const std::string file = dir / "bench.yaml";
  std::ofstream(file) << MakeFile(edges);
  std::vector<Times> samples;
  for (int i = 0; i < repeat; ++i) {
    const double floor = Floor(edges).Up();
    Times& times = samples.emplace_back(RunOnce(daemon, fleet, client, graph));
    times.floor = floor;
    times.command = RunCommand(daemon.address(), file);
  }
  *version = VersionOf(client);
  const auto to_floor = [&samples](double Times::*what) {
    return SpreadOf(samples,
                    [what](const Times& t) { return t.*what / t.floor; });
  };
  return Json()
      .Add("services", uint64_t{count})
      .Add("width", uint64_t{width})
      .Add("workers", uint64_t{workers})
      .Add("up_seconds", SpreadOf(samples, &Times::up))
      .Add("floor_seconds", SpreadOf(samples, &Times::floor))
      .Add("up_to_floor", to_floor(&Times::up))
      .Add("command_seconds", SpreadOf(samples, &Times::command))
      .Add("command_to_floor", to_floor(&Times::command))
      .Add("daemon_cpu_ms_each", SpreadOf(samples, &Times::daemon_cpu))
      .Add("worker_cpu_ms_each", SpreadOf(samples, &Times::worker_cpu))
      .Add("down_seconds", SpreadOf(samples, &Times::down));
}

}  // namespace w2t::bench
