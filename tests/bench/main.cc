// w2t-bench: how fast the whole path is, end to end and durable. JSON out.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "fmt/format.h"
#include "tests/bench/floor.h"
#include "tests/bench/json.h"
#include "tests/bench/restart.h"
#include "tests/bench/services.h"
#include "tests/bench/shapes.h"
#include "tests/support/programs.h"
#include "tests/support/rpc.h"
#include "tests/support/temp_dir.h"

namespace w2t::bench {
namespace {

using Clock = std::chrono::steady_clock;

struct Flags {
  uint32_t count = 100'000;
  std::string shape = "independent";
  int repeat = 5;
  uint32_t leases = 8'192;
  std::string dir;
  uint32_t services = 0;
  uint32_t width = 10;
  uint32_t workers = 1;
  bool restart = false;
  uint32_t ended = 1'000'000;
  uint32_t live = 100'000;
};

// One run, in seconds.
struct Sample {
  double submit = 0;  // the call
  double total = 0;   // from the call to the end of the run
};

struct Result {
  std::vector<Sample> samples;
  SyncTimes sync;
  Spread call_us;
  size_t daemon_bytes = 0;
  size_t worker_bytes = 0;
  std::string version;
};

double SecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

Sample RunOnce(test::RpcClient& client, const v1::Graph& graph) {
  v1::SubmitRunRequest request;
  *request.mutable_graph() = graph;
  grpc::ClientContext context;
  test::SetDeadline(context);
  v1::SubmitRunResponse response;
  const Clock::time_point begin = Clock::now();
  const grpc::Status status =
      client.runs().SubmitRun(&context, request, &response);
  if (!status.ok()) {
    throw std::runtime_error("submit: " + status.error_message());
  }
  Sample sample;
  sample.submit = SecondsSince(begin);
  const v1::Run run = client.WaitForEnd(response.run_id());
  sample.total = SecondsSince(begin);
  if (run.state() != v1::RUN_STATE_SUCCEEDED ||
      run.counts().succeeded() != static_cast<uint32_t>(graph.tasks_size())) {
    throw std::runtime_error("the run did not succeed: " +
                             run.ShortDebugString());
  }
  return sample;
}

Result Measure(const Flags& flags, const v1::Graph& graph) {
  const test::TempDir dir;
  test::Daemon daemon(dir, {"--log-level", "warn"});
  test::RpcClient client(daemon.address());
  test::Process worker({.argv = {W2T_BENCH_WORKER, daemon.address(),
                                 fmt::format("{}", flags.leases)}});
  if (!client.WaitForWorkers(1)) {
    throw std::runtime_error("the worker does not come: " + worker.err());
  }
  Result result;
  result.sync = MeasureSync(dir.path(), 200);
  result.call_us = CallMicros(client, 500);
  for (int i = 0; i < flags.repeat; ++i) {
    result.samples.push_back(RunOnce(client, graph));
  }
  result.daemon_bytes = PeakMemory(daemon.process().pid());
  result.worker_bytes = PeakMemory(worker.pid());
  result.version = VersionOf(client);
  return result;
}

void AddMachine(const std::string& dir, const std::string& version,
                Json* report) {
  report
      ->Add("machine",
            Json()
                .Add("cores", uint64_t{std::thread::hardware_concurrency()})
                .Add("processor", ProcessorName())
                .Add("kernel", KernelRelease())
                .Add("filesystem", FilesystemOf(dir)))
      .Add("versions", Json()
                           .Add("w2td", version)
                           .Add("grpc", grpc::Version())
                           .Add("compiler", std::string(__VERSION__))
                           .Add("build", std::string(W2T_BENCH_BUILD_TYPE)));
}

Json Report(const Flags& flags, const Result& result) {
  const double count = flags.count;
  Json report;
  report.Add("shape", flags.shape)
      .Add("n", uint64_t{flags.count})
      .Add("repeat", static_cast<uint64_t>(flags.repeat))
      .Add("worker_leases", uint64_t{flags.leases})
      .Add("tasks_per_second",
           SpreadOf(result.samples,
                    [&](const Sample& s) { return count / s.total; }))
      .Add("seconds", SpreadOf(result.samples, &Sample::total))
      .Add("submit_seconds", SpreadOf(result.samples, &Sample::submit));
  if (flags.shape == "chain") {
    const Spread hop_us = SpreadOf(
        result.samples, [&](const Sample& s) { return s.total * 1e6 / count; });
    const double floor_us =
        result.sync.overwrite_us.median + result.call_us.median;
    report.Add("hop_us", hop_us).Add("hop_to_floor", hop_us.median / floor_us);
  }
  report
      .Add("floor", Json()
                        .Add("fdatasync_append_us", result.sync.append_us)
                        .Add("fdatasync_overwrite_us", result.sync.overwrite_us)
                        .Add("unary_call_us", result.call_us))
      .Add("peak_memory_bytes", Json()
                                    .Add("w2td", result.daemon_bytes)
                                    .Add("worker", result.worker_bytes));
  return report;
}

int Main(int argc, char** argv) {
  Flags flags;
  CLI::App app("Measures the whole path of w2t, end to end and durable.");
  app.add_option("--n", flags.count, "Tasks in a run, default 100000")
      ->check(CLI::Range(1, 1'000'000));
  app.add_option("--shape", flags.shape, "independent, chain or layered")
      ->check(CLI::IsMember({"independent", "chain", "layered"}));
  app.add_option("--repeat", flags.repeat, "Runs, default 5")
      ->check(CLI::Range(1, 1000));
  app.add_option("--leases", flags.leases,
                 "Attempts that the worker holds at once, default 8192")
      ->check(CLI::Range(1, 65'536));
  app.add_option("--dir", flags.dir,
                 "Where the journal goes; a real disk, default /tmp")
      ->check(CLI::ExistingDirectory);
  app.add_option("--services", flags.services,
                 "Instead of tasks: so many services, until all are ready")
      ->check(CLI::Range(1, 20'000));
  app.add_option("--width", flags.width,
                 "Services that may start together, default 10; 1: a chain")
      ->check(CLI::Range(1, 20'000));
  app.add_option("--workers", flags.workers, "Workers for that, default 1")
      ->check(CLI::Range(1, 100));
  app.add_flag("--restart", flags.restart,
               "Instead of runs: how long a daemon takes to start again");
  app.add_option("--ended", flags.ended,
                 "Tasks in ended runs for that, default 1000000")
      ->check(CLI::Range(0, 10'000'000));
  app.add_option("--live", flags.live,
                 "Tasks in runs that have not ended, default 100000")
      ->check(CLI::Range(0, 1'000'000));
  CLI11_PARSE(app, argc, argv);
  if (!flags.dir.empty()) setenv("TMPDIR", flags.dir.c_str(), 1);
  const std::string where = flags.dir.empty() ? "/tmp" : flags.dir;
  std::string version;
  Json report;
  if (flags.restart) {
    report = MeasureRestart(flags.ended, flags.live, flags.repeat, &version);
  } else if (flags.services > 0) {
    report = MeasureServices(flags.services, flags.width, flags.workers,
                             flags.repeat, &version);
  } else {
    const v1::Graph graph = MakeGraph(*ParseShape(flags.shape), flags.count);
    const Result result = Measure(flags, graph);
    version = result.version;
    report = Report(flags, result);
  }
  AddMachine(where, version, &report);
  fmt::print("{}\n", report.ToString());
  return 0;
}

}  // namespace
}  // namespace w2t::bench

int main(int argc, char** argv) {
  try {
    return w2t::bench::Main(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "w2t-bench: %s\n", error.what());
    return 1;
  }
}
