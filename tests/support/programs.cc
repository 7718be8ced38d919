#include "tests/support/programs.h"

#include <signal.h>

#include <filesystem>
#include <stdexcept>

#include "fmt/format.h"

namespace w2t::test {

const char* DaemonPath() { return W2T_TEST_W2TD; }
const char* WorkerPath() { return W2T_TEST_WORKER; }
const char* CliPath() { return W2T_TEST_CLI; }

Daemon::Daemon(const TempDir& dir, std::vector<std::string> flags, bool tcp)
    : data_(dir / "data"),
      address_file_(dir / "address"),
      flags_(std::move(flags)),
      listen_(tcp ? "127.0.0.1:0" : "unix:" + (dir / "w2td.sock")) {
  Start();
}

Daemon::~Daemon() = default;

void Daemon::Start() {
  std::filesystem::remove(address_file_);
  ProcessOptions options;
  options.argv = {DaemonPath(), "--listen",       listen_,      "--data",
                  data_,        "--address-file", address_file_};
  options.argv.insert(options.argv.end(), flags_.begin(), flags_.end());
  process_.reset();
  process_ = std::make_unique<Process>(std::move(options));
  Eventually([this] {
    return std::filesystem::exists(address_file_) || !process_->running();
  });
  const std::vector<std::string> lines = ReadLines(address_file_);
  if (lines.empty()) {
    throw std::runtime_error(fmt::format(
        "w2td does not serve ({}): {}{}",
        process_->WaitForExit(std::chrono::milliseconds(0)).ToString(),
        process_->out(), process_->err()));
  }
  address_ = lines[0];
  listen_ = address_;
}

void Daemon::Kill() { process_->Kill(); }

ExitStatus Daemon::Stop() {
  process_->Signal(SIGTERM);
  return process_->WaitForExit();
}

std::unique_ptr<Process> StartWorker(const std::string& server,
                                     WorkerOptions options) {
  ProcessOptions process;
  process.argv = {WorkerPath(),
                  "--server",
                  server,
                  "--name",
                  options.name,
                  "--slots",
                  fmt::format("{}", options.slots),
                  "--state",
                  options.state};
  process.argv.insert(process.argv.end(), options.flags.begin(),
                      options.flags.end());
  process.env = std::move(options.env);
  return std::make_unique<Process>(std::move(process));
}

std::unique_ptr<Process> StartCli(
    std::vector<std::string> args,
    std::vector<std::pair<std::string, std::string>> env, std::string dir,
    std::string input) {
  ProcessOptions process;
  process.argv = {CliPath()};
  process.argv.insert(process.argv.end(), args.begin(), args.end());
  process.env = std::move(env);
  process.unset = {"W2T_SERVER", "W2T_W2TD", "W2T_WORKER", "NO_COLOR"};
  process.dir = std::move(dir);
  process.input = std::move(input);
  return std::make_unique<Process>(std::move(process));
}

std::string CliResult::ToString() const {
  return fmt::format("{}\n-- out:\n{}\n-- err:\n{}", status.ToString(), out,
                     err);
}

CliResult RunCli(std::vector<std::string> args,
                 std::vector<std::pair<std::string, std::string>> env,
                 std::string dir, std::string input) {
  const auto process = StartCli(std::move(args), std::move(env), std::move(dir),
                                std::move(input));
  CliResult result;
  result.status = process->WaitForExit();
  result.out = process->out();
  result.err = process->err();
  return result;
}

}  // namespace w2t::test
