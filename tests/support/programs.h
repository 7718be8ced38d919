// The programs under test, as they were built.
#ifndef W2T_TESTS_SUPPORT_PROGRAMS_H_
#define W2T_TESTS_SUPPORT_PROGRAMS_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace w2t::test {

// Paths of the built programs.
const char* DaemonPath();
const char* WorkerPath();
const char* CliPath();

// A w2td with its data in a directory of the test's. It can be killed and
// started again on the same data and the same address.
class Daemon {
 public:
  // Starts it and waits until it serves. `flags` are added to those that tests
  // need. Listens on a unix socket in `dir` unless `tcp`, then on a free port.
  explicit Daemon(const TempDir& dir, std::vector<std::string> flags = {},
                  bool tcp = false);
  ~Daemon();

  // As --server and gRPC take it: "unix:/tmp/…/w2td.sock", "127.0.0.1:4711".
  const std::string& address() const { return address_; }
  Process& process() { return *process_; }

  // SIGKILL.
  void Kill();
  // SIGTERM, and its exit status.
  ExitStatus Stop();
  // Again, after Kill or Stop.
  void Start();

 private:
  const std::string data_;
  const std::string address_file_;
  const std::vector<std::string> flags_;
  std::string listen_;
  std::string address_;
  std::unique_ptr<Process> process_;
};

struct WorkerOptions {
  std::string name = "w1";
  int slots = 2;
  std::vector<std::string> flags;
  std::vector<std::pair<std::string, std::string>> env;
  std::string state = "none";  // as --state takes it
};

// A w2t-worker. Does not wait until it is connected.
std::unique_ptr<Process> StartWorker(const std::string& server,
                                     WorkerOptions options = {});

// A `w2t` with `args`, started. No server is named in its environment.
std::unique_ptr<Process> StartCli(
    std::vector<std::string> args,
    std::vector<std::pair<std::string, std::string>> env = {},
    std::string dir = "", std::string input = "");

// The same, when it has ended.
struct CliResult {
  ExitStatus status;
  std::string out;
  std::string err;

  // For a failing test's message.
  std::string ToString() const;
};
CliResult RunCli(std::vector<std::string> args,
                 std::vector<std::pair<std::string, std::string>> env = {},
                 std::string dir = "", std::string input = "");

}  // namespace w2t::test

#endif  // W2T_TESTS_SUPPORT_PROGRAMS_H_
