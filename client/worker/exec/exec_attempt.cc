#include "client/worker/exec/exec_attempt.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/epoll.h>

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "client/worker/exec/command.h"
#include "client/worker/exec/proc.h"
#include "client/worker/exec/process_group.h"
#include "client/worker/session/text.h"
#include "w2t/limits.h"

namespace w2t::worker {

namespace {

// As shells have it.
constexpr int kExitNotFound = 127;
constexpr int kExitCannotRun = 126;

}  // namespace

ExecAttempt::ExecAttempt(Host* host, Offer offer, SpawnSpec command,
                         std::string mark, std::unique_ptr<KeptService> kept)
    : host_(host),
      offer_(std::move(offer)),
      command_(std::move(command)),
      mark_(std::move(mark)),
      kept_(std::move(kept)),
      stdout_(
          &host->loop(),
          [this](std::string_view data) {
            return OnOutput(v1::LOG_STREAM_STDOUT, data);
          },
          [this] { OnPipeClosed(); }),
      stderr_(
          &host->loop(),
          [this](std::string_view data) {
            return OnOutput(v1::LOG_STREAM_STDERR, data);
          },
          [this] { OnPipeClosed(); }) {
  if (kept_ == nullptr) return;
  for (auto [pipe, stream] : {std::pair(&stdout_, v1::LOG_STREAM_STDOUT),
                              std::pair(&stderr_, v1::LOG_STREAM_STDERR)}) {
    pipe->ReadBy([this, of = stream](int fd, char* to, size_t most) {
      return kept_->Read(of, fd, to, most);
    });
  }
}

ExecAttempt::~ExecAttempt() {
  Loop& loop = host_->loop();
  loop.Cancel(timeout_timer_);
  loop.Cancel(grace_timer_);
  loop.Cancel(tree_timer_);
  loop.Cancel(drain_timer_);
  loop.Unwatch(child_watch_);
  loop.Unwatch(stopper_watch_);
  if (child_.pid != 0) host_->reaper().KillAndReap(std::move(child_));
  if (stopper_.pid != 0) host_->reaper().KillAndReap(std::move(stopper_));
}

void ExecAttempt::Use(std::unique_ptr<Cgroup> cgroup, std::string unkept) {
  cgroup_ = std::move(cgroup);
  unkept_ = std::move(unkept);
}

bool ExecAttempt::Start() {
  const absl::Status status = TryStart();
  if (status.ok()) return true;
  if (kept_ != nullptr) kept_->Remove();
  host_->sink().Ended(
      offer_.lease,
      {.state = v1::TASK_STATE_FAILED,
       .exit_code = absl::IsNotFound(status) ? kExitNotFound : kExitCannotRun,
       .message =
           fmt::format("cannot start: {}", std::string(status.message()))});
  return false;
}

absl::Status ExecAttempt::TryStart() {
  absl::StatusOr<Pipe> out = kept_ == nullptr ? MakePipe() : MakeLastingPipe();
  if (!out.ok()) return out.status();
  absl::StatusOr<Pipe> err = kept_ == nullptr ? MakePipe() : MakeLastingPipe();
  if (!err.ok()) return err.status();
  command_.stdout_fd = out->write_end.get();
  command_.stderr_fd = err->write_end.get();
  std::string notify = kept_ == nullptr ? "" : kept_->notify_path();
  if (notify.size() > NotifySocket::kMaxPathBytes) notify.clear();
  if (absl::Status status = MakeProbes(notify); !status.ok()) return status;

  PipeEnd out_end, err_end;
  if (kept_ != nullptr) {
    out_end = EndOf(out->read_end);
    err_end = EndOf(err->read_end);
    // Before it is there, since the guard stops services that it knows of.
    HoldOutput(out_end, err_end);
  }
  absl::StatusOr<Child> child = SpawnIt();
  if (!child.ok()) return child.status();
  child_ = *std::move(child);
  tree_ = ProcessTree(command_.orphans, child_.pid, mark_);
  tree_.Use(cgroup_.get());
  if (kept_ == nullptr) {
    guarded_ = std::move(child_.guarded);
  } else {
    KeepStart(out_end, err_end);
  }
  if (absl::Status status = WatchChild(); !status.ok()) return status;
  for (auto [pipe, end] : {std::pair(&stdout_, &out->read_end),
                           std::pair(&stderr_, &err->read_end)}) {
    if (absl::Status status = pipe->Open(std::move(*end)); !status.ok()) {
      return status;
    }
  }
  if (!unkept_.empty()) Note(unkept_);
  host_->sink().Started({&offer_.lease, 1}, offer_.action->has_ready());
  AwaitTimeout(absl::ZeroDuration());
  if (probes_ != nullptr) probes_->Start(tree_.group());
  return absl::OkStatus();
}

// Its probes and its stop command end with the worker in any case.
absl::StatusOr<Child> ExecAttempt::SpawnIt() {
  if (kept_ == nullptr && cgroup_ == nullptr) return Spawn(command_);
  SpawnSpec spec = command_;
  if (cgroup_ != nullptr) spec.cgroup_fd = cgroup_->fd();
  if (kept_ != nullptr) {
    spec.guard = nullptr;
    spec.outlives = true;
  }
  return Spawn(spec);
}

// A process that is killed just before this leaves one that the next process
// finds by its mark, and kills.
void ExecAttempt::KeepStart(PipeEnd out, PipeEnd err) {
  kept::v1::KeptAttempt news;
  news.set_pid(child_.pid);
  news.set_start_ticks(child_.start_ticks.first);
  news.set_last_start_ticks(child_.start_ticks.last);
  if (probes_ != nullptr) news.set_notify_socket(probes_->notify_name());
  if (cgroup_ != nullptr) news.set_cgroup(cgroup_->path());
  news.set_stdout_pipe(out.pipe);
  news.set_stderr_pipe(err.pipe);
  Keep(news);
}

void ExecAttempt::HoldOutput(PipeEnd out, PipeEnd err) {
  if (command_.guard == nullptr) return;
  guarded_ = command_.guard->Take();
  guarded_.Hold(offer_.lease.fence, out, err);
}

void ExecAttempt::Keep(const kept::v1::KeptAttempt& news) {
  if (kept_ == nullptr) return;
  const absl::Status status = kept_->Add(news);
  if (status.ok()) return;
  Note(fmt::format("this will be forgotten if the worker is killed: {}",
                   std::string(status.message())));
}

absl::Status ExecAttempt::WatchChild() {
  absl::StatusOr<WatchId> watch = host_->loop().Watch(
      child_.pidfd.get(), EPOLLIN, [this](uint32_t) { OnChildEnded(); });
  if (!watch.ok()) return watch.status();
  child_watch_ = *watch;
  return absl::OkStatus();
}

void ExecAttempt::AwaitTimeout(absl::Duration age) {
  const absl::Duration timeout = FromProto(offer_.action->timeout());
  if (timeout <= absl::ZeroDuration()) return;
  timeout_timer_ = host_->loop().After(
      std::max(timeout - age, absl::ZeroDuration()), [this, timeout] {
        Stop(Ending::kTimedOut,
             fmt::format("timed out after {}", DurationText(timeout)),
             absl::InfiniteDuration());
      });
}

void ExecAttempt::Adopt() {
  const kept::v1::KeptAttempt& kept = kept_->kept();
  UniqueFd pidfd =
      OpenProcess(kept.pid(), {kept.start_ticks(), kept.last_start_ticks()});
  const bool lives = static_cast<bool>(pidfd);
  tree_ = ProcessTree::Adopted(lives ? kept.pid() : 0, mark_);
  tree_.Use(cgroup_.get());
  UniqueFd out = kept_->TakeStdout();
  UniqueFd err = kept_->TakeStderr();
  HoldOutput(EndOf(out), EndOf(err));
  for (auto [pipe, end] :
       {std::pair(&stdout_, &out), std::pair(&stderr_, &err)}) {
    if (*end) static_cast<void>(pipe->Open(std::move(*end)));
  }
  ReplayOutput();
  if (!lives) {
    const bool interrupted = kept.pid() == 0;
    if (interrupted) ending_ = Ending::kInterrupted;
    unknown_ = interrupted ? "the worker was killed while it started it"
                           : "it ended while no worker was there; its exit "
                             "code is unknown";
    exit_ = Exit{.known = false};
    tree_timer_ =
        host_->loop().After(absl::ZeroDuration(), [this] { AwaitTree(); });
    return;
  }
  child_.pid = kept.pid();
  child_.pidfd = std::move(pidfd);
  unknown_ =
      "it ended; its exit code is unknown, since a worker that was killed had "
      "started it";
  Note(fmt::format("the worker was restarted; process {} goes on", kept.pid()));
  absl::Status status = MakeProbes(kept.notify_socket());
  if (status.ok()) status = WatchChild();
  if (!status.ok()) {
    Stop(Ending::kUnwell, std::string(status.message()),
         absl::InfiniteDuration());
    return;
  }
  AwaitTimeout(AgeOf(kept.start_ticks()));
  if (probes_ == nullptr) return;
  probes_->Start(tree_.group(), kept.up());
  if (kept.up()) return;
  kept_->Replay([this](v1::LogStream stream, std::string_view data) {
    probes_->OnOutput(stream, data);
  });
}

void ExecAttempt::ReplayOutput() {
  kept_->Replay([this](v1::LogStream stream, std::string_view data) {
    host_->sink().Printed(offer_.lease, stream, data);
  });
}

absl::Status ExecAttempt::MakeProbes(const std::string& notify) {
  auto probes = Probes::Create(
      {&host_->loop(), &host_->reaper(), &host_->resolver(), &host_->http(),
       &host_->grpc()},
      &host_->notify_folder(), notify, *offer_.action, &command_,
      {.up = [this] { OnReady(); },
       .failed =
           [this](std::string why) {
             Stop(Ending::kUnwell, std::move(why), absl::InfiniteDuration());
           },
       .missed =
           [this](MissedProbe probe) {
             host_->sink().ProbeMissed(offer_.lease, std::move(probe));
           },
       .note = [this](std::string line) { Note(line); }});
  if (!probes.ok()) return probes.status();
  probes_ = *std::move(probes);
  return absl::OkStatus();
}

bool ExecAttempt::OnOutput(v1::LogStream stream, std::string_view data) {
  // Others wait for its being up.
  if (probes_ != nullptr) probes_->OnOutput(stream, data);
  if (forgotten_) ReleaseOutput(UINT64_MAX);
  return host_->sink().Printed(offer_.lease, stream, data);
}

void ExecAttempt::ResumeOutput() {
  stdout_.Resume();
  stderr_.Resume();
}

// It is kept first: the line that it matched is not looked at again.
void ExecAttempt::OnReady() {
  if (ending_ != Ending::kByItself) return;
  kept::v1::KeptAttempt news;
  news.set_up(true);
  Keep(news);
  host_->sink().Up(offer_.lease);
  host_->OnAttemptUp(offer_.lease.fence);
}

void ExecAttempt::ReleaseOutput(uint64_t bytes) {
  if (kept_ != nullptr) kept_->Release(bytes);
}

void ExecAttempt::Forget() {
  forgotten_ = true;
  ReleaseOutput(UINT64_MAX);
}

void ExecAttempt::Note(std::string_view line) {
  const std::string text = fmt::format("{}\n", line);
  if (kept_ != nullptr) {
    kept_->Append(v1::LOG_STREAM_WORKER, text);
  }
  host_->sink().Printed(offer_.lease, v1::LOG_STREAM_WORKER, text);
}

}  // namespace w2t::worker
