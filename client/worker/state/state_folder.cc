#include "client/worker/state/state_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/time/clock.h"
#include "client/worker/exec/command.h"
#include "client/worker/exec/proc.h"
#include "client/worker/log.h"
#include "client/worker/state/files.h"
#include "client/worker/state/pipe_search.h"
#include "google/protobuf/util/message_differencer.h"

namespace w2t::worker {

namespace {

constexpr absl::Duration kLockPoll = absl::Milliseconds(10);
constexpr absl::Duration kKillPatience = absl::Seconds(10);
constexpr absl::Duration kKillPoll = absl::Milliseconds(5);
// Streams of one process, of those that it may ever open.
constexpr uint64_t kStreamsOfAProcess = uint64_t{1} << 32;
// Identity.layout.
constexpr uint32_t kLayout = 2;

void KillMarked(
    const std::string& mark,
    absl::FunctionRef<bool(pid_t)> which = [](pid_t) { return true; }) {
  const absl::Time give_up = absl::Now() + kKillPatience;
  for (bool found = true; found && absl::Now() < give_up;) {
    found = false;
    ForEachMarked(mark, [&](pid_t pid) {
      if (!which(pid)) return;
      found = true;
      kill(pid, SIGKILL);
    });
    if (found) absl::SleepFor(kKillPoll);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<StateFolder>> StateFolder::Open(
    std::string path, absl::Duration patience, v1::Hello* hello) {
  std::error_code error;
  // Relative to a folder that may change.
  path = std::filesystem::absolute(path, error);
  std::filesystem::create_directories(path, error);
  if (error) {
    return absl::InternalError(
        fmt::format("cannot make {}: {}", path, error.message()));
  }
  chmod(path.c_str(), 0700);
  std::unique_ptr<StateFolder> folder(new StateFolder(std::move(path)));
  if (absl::Status status = folder->Lock(patience); !status.ok()) return status;
  if (absl::Status status = folder->Identify(hello); !status.ok()) {
    return status;
  }
  if (absl::Status status = folder->OpenServices(); !status.ok()) return status;
  const std::string keeper = folder->path_ + "/keeper";
  if (mkfifo(keeper.c_str(), 0600) != 0 && errno != EEXIST) {
    return FileError("mkfifo", keeper);
  }
  return folder;
}

absl::Status StateFolder::Lock(absl::Duration patience) {
  const std::string path = path_ + "/lock";
  lock_ = UniqueFd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock_) return FileError("open", path);
  const absl::Time give_up = absl::Now() + patience;
  while (flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return FileError("flock", path);
    if (absl::Now() >= give_up) {
      return absl::FailedPreconditionError(fmt::format(
          "another worker uses the state folder {}; give this one another "
          "--name or --state",
          path_));
    }
    absl::SleepFor(kLockPoll);
  }
  return absl::OkStatus();
}

absl::Status StateFolder::Identify(v1::Hello* hello) {
  const std::string path = path_ + "/worker";
  {
    std::ifstream file(path, std::ios::binary);
    if (file && !identity_.ParseFromIstream(&file)) identity_.Clear();
  }
  const std::string boot_id = BootId();
  v1::Hello said = *hello;
  said.clear_instance();
  said.clear_version();
  const bool same_boot = !boot_id.empty() && identity_.boot_id() == boot_id;
  if (same_boot && identity_.layout() == kLayout &&
      google::protobuf::util::MessageDifferencer::Equals(identity_.hello(),
                                                         said)) {
    identity_.set_starts(identity_.starts() + 1);
    hello->set_restarted(true);
  } else {
    // What has this number now is none of ours when the machine was started
    // anew.
    if (same_boot) KillMarked(mark() + "-");
    Clear();
    identity_.Clear();
    identity_.set_layout(kLayout);
    identity_.set_boot_id(boot_id);
    identity_.set_instance(RandomName());
    identity_.set_starts(1);
    *identity_.mutable_hello() = std::move(said);
  }
  hello->set_instance(identity_.instance());
  hello->set_stream((identity_.starts() - 1) * kStreamsOfAProcess);
  return ReplaceFile(path, identity_.SerializeAsString()).status();
}

std::string StateFolder::mark() const { return "s" + identity_.instance(); }

// All but what processes may hold open.
void StateFolder::Clear() const {
  std::error_code error;
  std::vector<std::filesystem::path> found;
  std::filesystem::directory_iterator entries(path_, error);
  for (; !error && entries != std::filesystem::directory_iterator();
       entries.increment(error)) {
    const std::string name = entries->path().filename();
    if (name != "lock" && name != "keeper") found.push_back(entries->path());
  }
  for (const std::filesystem::path& each : found) {
    std::filesystem::remove_all(each, error);
  }
}

absl::Status StateFolder::OpenServices() {
  absl::StatusOr<std::unique_ptr<ServiceRecords>> records =
      ServiceRecords::Open(path_ + "/services");
  if (!records.ok()) return records.status();
  records_ = *std::move(records);
  absl::StatusOr<std::unique_ptr<OutputSpool>> spool = OutputSpool::Open(path_);
  if (!spool.ok()) return spool.status();
  spool_ = *std::move(spool);
  spool_->ForgetOthers(
      [this](uint64_t fence) { return records_->all().contains(fence); });
  place_ = {.folder = path_, .records = records_.get(), .spool = spool_.get()};
  if (records_->damaged()) KillUnknown();
  return absl::OkStatus();
}

// Nobody can go on with these, and the daemon is not told that they are held.
void StateFolder::KillUnknown() const {
  Log(LogLevel::kError, "state.damaged path={}", Quoted(path_ + "/services"));
  KillMarked(mark() + "-", [this](pid_t pid) {
    return std::none_of(records_->all().begin(), records_->all().end(),
                        [&](const auto& entry) {
                          return IsMarked(pid, MarkOf(mark(), entry.first));
                        });
  });
}

std::vector<std::unique_ptr<KeptService>> StateFolder::Take() {
  absl::flat_hash_set<uint64_t> wanted;
  for (const auto& [fence, kept] : records_->all()) {
    if (kept.has_outcome()) continue;
    for (const uint64_t pipe : {kept.stdout_pipe(), kept.stderr_pipe()}) {
      if (pipe != 0) wanted.insert(pipe);
    }
  }
  absl::flat_hash_map<uint64_t, UniqueFd> pipes = OpenPipes(std::move(wanted));
  std::vector<std::unique_ptr<KeptService>> taken;
  for (const auto& [fence, kept] : records_->all()) {
    taken.push_back(std::make_unique<KeptService>(
        &place_, fence, std::move(pipes[kept.stdout_pipe()]),
        std::move(pipes[kept.stderr_pipe()])));
  }
  return taken;
}

absl::StatusOr<std::unique_ptr<KeptService>> StateFolder::Create(
    const Offer& offer) {
  return KeptService::Create(&place_, offer);
}

void StateFolder::TakenOver() {
  spool_->DropReplay();
  const UniqueFd keeper(
      open((path_ + "/keeper").c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  if (!keeper) return;
  // There is one keeper for each process that was killed since the last one
  // that came so far.
  const char bytes[64] = {};
  [[maybe_unused]] const ssize_t written =
      write(keeper.get(), bytes, sizeof(bytes));
}

std::string DefaultStateFolder(const std::string& name) {
  std::string parent;
  if (const char* state = std::getenv("XDG_STATE_HOME");
      state != nullptr && state[0] == '/') {
    parent = state;
  } else if (const char* home = std::getenv("HOME");
             home != nullptr && home[0] == '/') {
    parent = fmt::format("{}/.local/state", home);
  } else {
    return "";
  }
  std::string file;
  for (const char c : name) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                       (c >= 'A' && c <= 'Z') || c == '-' || c == '_' ||
                       (c == '.' && !file.empty());
    if (plain) {
      file += c;
    } else {
      file += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return fmt::format("{}/w2t/workers/{}", parent, file);
}

}  // namespace w2t::worker
