// w2t_chaos: kills a real daemon and real workers at random moments under a
// load of mixed runs, and then looks for anything lost, repeated or started too
// early.
//
//   w2t_chaos [--kills N] [--seed N] [--clients N] [--workers N] [--snapshots]
//             [--keep]
//
// Prints a table. The exit code is 0 when no fault was found. With --snapshots
// the daemon makes one after every 100 kB of facts; what it has summed up
// cannot be read fact by fact any more, so then only clients and daemons are
// compared. With --keep the directory with the data, and the marks of the
// tasks, is left where it says.
#include <atomic>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>
#include <thread>
#include <vector>

#include "fmt/format.h"
#include "tests/e2e/chaos/checker.h"
#include "tests/e2e/chaos/client.h"
#include "tests/e2e/chaos/fleet.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace w2t::chaos {
namespace {

constexpr uint64_t kSmallTail = 100'000;
constexpr uint64_t kNoSnapshots = 1 << 30;

struct Flags {
  int kills = 10;
  uint64_t seed = 1;
  int clients = 6;
  int workers = 3;
  bool snapshots = false;
  bool keep = false;
};

bool ParseFlags(int argc, char** argv, Flags& flags) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--keep") {
      flags.keep = true;
      continue;
    }
    if (flag == "--snapshots") {
      flags.snapshots = true;
      continue;
    }
    if (++i == argc) return false;
    uint64_t value = 0;
    const char* end = argv[i] + std::strlen(argv[i]);
    if (std::from_chars(argv[i], end, value).ptr != end) return false;
    if (flag == "--kills") {
      flags.kills = static_cast<int>(value);
    } else if (flag == "--seed") {
      flags.seed = value;
    } else if (flag == "--clients") {
      flags.clients = static_cast<int>(value);
    } else if (flag == "--workers") {
      flags.workers = static_cast<int>(value);
    } else {
      return false;
    }
  }
  return flags.workers > 0;
}

void Run(const Flags& flags, const test::TempDir& dir, Findings& findings) {
  const TaskProgram program = {W2T_CHAOS_TASK, dir / "marks"};
  Fleet fleet(dir, flags.workers, flags.seed,
              flags.snapshots ? kSmallTail : kNoSnapshots, &findings);
  fleet.Start();
  std::vector<std::unique_ptr<Client>> clients;
  std::vector<std::thread> threads;
  std::atomic<bool> stop = false;
  for (int i = 0; i < flags.clients; ++i) {
    clients.push_back(std::make_unique<Client>(
        i, flags.seed * 1'000 + static_cast<uint64_t>(i), fleet.address(),
        program, &findings));
    threads.emplace_back(
        [client = clients.back().get(), &stop] { client->Work(stop); });
  }
  const int64_t begin_ns = MonotonicNs();
  for (int kills = 0; kills < flags.kills;) {
    kills += fleet.Strike();
    if (findings.faults() > 0 && !flags.keep) break;
  }
  fleet.Settle();
  findings.Count("seconds under fire",
                 static_cast<uint64_t>((MonotonicNs() - begin_ns) / 1e9));
  stop = true;
  for (std::thread& thread : threads) thread.join();

  const ReportedRuns reported = AskDaemon(fleet.address(), findings);
  fleet.CheckNothingIsLeft();
  for (const auto& client : clients) {
    for (const Submission& submission : client->submissions()) {
      if (submission.follower != nullptr) submission.follower->CheckAgain();
    }
  }
  fleet.EndDaemon();
  JournalBook book(&findings);
  CheckJournal(fleet.data(), reported, flags.snapshots ? nullptr : &book,
               findings);
  if (!flags.snapshots) {
    CheckSubmissions(clients, reported, book, findings);
    CheckMarks(ReadMarks(program.marks, findings), book, fleet.deaths(),
               findings);
  }
  // Once behind the whole journal, once behind the snapshot of a clean end.
  for (int i = 0; i < 2; ++i) {
    fleet.RestartDaemon();
    Findings counted_before;
    CheckSame(reported, AskDaemon(fleet.address(), counted_before), findings);
    fleet.StopDaemon();
  }
}

int Main(int argc, char** argv) {
  Flags flags;
  if (!ParseFlags(argc, argv, flags)) {
    std::fputs(
        "usage: w2t_chaos [--kills N] [--seed N] [--clients N] [--workers N] "
        "[--snapshots] [--keep]\n",
        stderr);
    return 2;
  }
  test::AdoptOrphans();
  test::TempDir dir;
  if (flags.keep) {
    dir.Keep();
    fmt::print("{}\n", dir.path());
  }
  Findings findings;
  Run(flags, dir, findings);
  fmt::print("w2t_chaos --kills {} --seed {} --clients {} --workers {}\n{}",
             flags.kills, flags.seed, flags.clients, flags.workers,
             findings.Report());
  return findings.faults() == 0 ? 0 : 1;
}

}  // namespace
}  // namespace w2t::chaos

int main(int argc, char** argv) { return w2t::chaos::Main(argc, argv); }
