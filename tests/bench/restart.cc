#include "tests/bench/restart.h"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <utility>
#include <variant>
#include <vector>

#include "absl/time/clock.h"
#include "proto/wire/graph_codec.h"
#include "server/journal/journal.h"
#include "server/loop/loop.h"
#include "tests/bench/null_handler.h"
#include "tests/bench/shapes.h"
#include "tests/support/programs.h"
#include "tests/support/rpc.h"
#include "tests/support/temp_dir.h"

namespace w2t::bench {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr uint32_t kTasksInEndedRun = 1'000;
constexpr uint32_t kTasksInLiveRun = 10'000;
constexpr uint32_t kSlots = 1'000;

void Check(const absl::Status& status) {
  if (!status.ok()) throw std::runtime_error(status.ToString());
}

class Offers : public server::LoopEffects {
 public:
  void Committed(const server::View&, const FactBatch&) override {}
  void Perform(const server::View&, Action& action) override {
    auto* offer = std::get_if<OfferLeases>(&action);
    if (offer == nullptr) return;
    for (size_t i = 0; i < offer->leases.size(); ++i) {
      leases.Add(offer->leases.at(i));
    }
  }
  void Flush(const server::View&) override {}
  void Processed(SessionId) override {}

  LeaseColumns leases;
};

// A daemon's loop with one worker, which does what it is told at once.
class Seeder {
 public:
  explicit Seeder(Journal* journal) : loop_({}, journal, &inbox_, &offers_) {
    Check(loop_.Replay(absl::Now()));
    HelloEvent hello;
    hello.session = SessionId{1};
    hello.spec = {.name = "w1",
                  .instance = "i",
                  .resources = {{kCpus, kSlots * 1'000}},
                  .capabilities = {std::string("handler:") + kNullHandler},
                  .max_leases = 65'536};
    inbox_.Post(std::move(hello));
    Turn();
  }

  void Submit(const v1::Graph& graph) {
    wire::DecodedGraph decoded = wire::DecodeGraph(graph, Limits());
    SubmitEvent event;
    event.blueprint = std::move(decoded.blueprint);
    event.definition = std::move(decoded.definition);
    absl::Status answer = absl::UnknownError("a submit was not answered");
    Check(inbox_.TryCall(std::move(event),
                         [&](const server::Answer& a, const server::View*) {
                           answer = a.status;
                         }));
    Turn();
    Check(answer);
  }

  // Ends all that is offered, until nothing is.
  void Finish() {
    while (!offers_.leases.empty()) {
      ReportsEvent event;
      event.session = SessionId{1};
      event.seq = ++seq_;
      ReportColumns& reports = event.reports;
      reports.leases = std::exchange(offers_.leases, LeaseColumns());
      reports.state.assign(reports.leases.size(), TaskState::kSucceeded);
      reports.exit_code.assign(reports.leases.size(), 0);
      for (uint32_t i = 0; i < reports.leases.size(); ++i) {
        reports.details.push_back(
            {.position = i, .cpu_us = 1'234, .max_rss_bytes = 12'345'678});
      }
      inbox_.Post(std::move(event));
      Turn();
    }
  }

  // As w2td does when it is stopped.
  void Stop() {
    loop_.Start();
    loop_.Stop();
  }

 private:
  void Turn() {
    server::Inbox::Batch batch;
    inbox_.Pop(absl::InfinitePast(), &batch);
    loop_.Turn(batch, absl::Now());
  }

  server::Inbox inbox_{8'192, 256 << 20};
  Offers offers_;
  server::Loop loop_;
  uint64_t seq_ = 0;
};

std::unique_ptr<Journal> Open(const std::string& directory) {
  absl::StatusOr<std::unique_ptr<Journal>> journal =
      Journal::Open({.directory = directory});
  Check(journal.status());
  return *std::move(journal);
}

// As a killed daemon leaves it.
void Seed(const std::string& directory, uint32_t ended, uint32_t live) {
  const auto journal = Open(directory);
  Seeder seeder(journal.get());
  const v1::Graph small = MakeGraph(Shape::kLayered, kTasksInEndedRun);
  for (uint32_t i = 0; i < ended; i += kTasksInEndedRun) {
    seeder.Submit(small);
    seeder.Finish();
  }
  const v1::Graph large = MakeGraph(Shape::kLayered, kTasksInLiveRun);
  for (uint32_t i = 0; i < live; i += kTasksInLiveRun) seeder.Submit(large);
}

// A daemon that is stopped takes over first.
void StopCleanly(const std::string& directory) {
  const auto journal = Open(directory);
  Seeder(journal.get()).Stop();
}

struct Restart {
  double read = 0;   // seconds to read the files
  double ready = 0;  // seconds until the daemon serves
  uint64_t bytes = 0;
};

template <typename Visit>
void ForEachFile(const std::string& directory, Visit visit) {
  for (const char* name : {"/journal.db", "/journal.db-wal"}) {
    const int fd = open((directory + name).c_str(), O_RDWR | O_CLOEXEC);
    if (fd < 0) continue;
    visit(fd);
    close(fd);
  }
}

// So that the system has to read the files from the disk again, as after a
// boot.
void DropCaches(const std::string& directory) {
  ForEachFile(directory, [](int fd) {
    fsync(fd);
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  });
}

// The journal's files, from first to last byte.
void ReadAll(const std::string& directory, Restart* restart) {
  std::vector<char> buffer(1 << 20);
  restart->bytes = 0;
  const Clock::time_point begin = Clock::now();
  ForEachFile(directory, [&](int fd) {
    ssize_t got;
    while ((got = read(fd, buffer.data(), buffer.size())) > 0) {
      restart->bytes += static_cast<uint64_t>(got);
    }
  });
  restart->read = std::chrono::duration<double>(Clock::now() - begin).count();
}

// That the daemon has the runs, and of which version it is.
std::string CheckRuns(const std::string& address, uint32_t live) {
  test::RpcClient client(address);
  grpc::ClientContext context;
  test::SetDeadline(context);
  v1::ListRunsResponse runs;
  const grpc::Status status = client.runs().ListRuns(&context, {}, &runs);
  if (!status.ok() || runs.runs().empty() ||
      (live > 0 && runs.runs(0).state() != v1::RUN_STATE_RUNNING)) {
    throw std::runtime_error("the daemon has lost its runs");
  }
  return VersionOf(client);
}

Restart RestartOnce(const std::string& seeded, bool cached, uint32_t live,
                    std::string* version) {
  const test::TempDir dir;
  const std::string data = dir / "data";
  fs::copy(seeded, data, fs::copy_options::recursive);
  Restart restart;
  if (!cached) DropCaches(data);
  ReadAll(data, &restart);
  if (cached) ReadAll(data, &restart);
  if (!cached) DropCaches(data);
  const Clock::time_point begin = Clock::now();
  test::Daemon daemon(dir, {"--log-level", "warn"});
  restart.ready = std::chrono::duration<double>(Clock::now() - begin).count();
  *version = CheckRuns(daemon.address(), live);
  daemon.Kill();
  return restart;
}

Json Measure(const std::string& seeded, bool cached, uint32_t live, int repeat,
             std::string* version) {
  std::vector<double> read;
  std::vector<double> ready;
  std::vector<double> ratio;
  uint64_t bytes = 0;
  for (int i = 0; i < repeat; ++i) {
    const Restart restart = RestartOnce(seeded, cached, live, version);
    read.push_back(restart.read);
    ready.push_back(restart.ready);
    ratio.push_back(restart.ready / restart.read);
    bytes = restart.bytes;
  }
  return Json()
      .Add("file_bytes", bytes)
      .Add("read_seconds", Spread::Of(std::move(read)))
      .Add("ready_seconds", Spread::Of(std::move(ready)))
      .Add("ready_to_read", Spread::Of(std::move(ratio)));
}

Json MeasureBoth(const std::string& seeded, uint32_t live, int repeat,
                 std::string* version) {
  return Json()
      .Add("from_disk", Measure(seeded, false, live, repeat, version))
      .Add("cached", Measure(seeded, true, live, repeat, version));
}

}  // namespace

Json MeasureRestart(uint32_t ended, uint32_t live, int repeat,
                    std::string* version) {
  const test::TempDir dir;
  const std::string data = dir / "seeded";
  const Clock::time_point begin = Clock::now();
  Seed(data, ended, live);
  const double seconds =
      std::chrono::duration<double>(Clock::now() - begin).count();
  const uint64_t tail = [&] {
    const auto journal = Open(data);
    return journal->last_batch() - journal->snapshot_batch();
  }();
  Json report;
  report.Add("ended_tasks", uint64_t{ended})
      .Add("live_tasks", uint64_t{live})
      .Add("repeat", static_cast<uint64_t>(repeat))
      .Add("seed_seconds", seconds)
      .Add("batches_behind_the_snapshot", tail);
  report.Add("killed", MeasureBoth(data, live, repeat, version));
  StopCleanly(data);
  report.Add("stopped", MeasureBoth(data, live, repeat, version));
  return report;
}

}  // namespace w2t::bench
