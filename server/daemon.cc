#include "server/daemon.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "fmt/format.h"
#include "server/budget.h"
#include "server/config/addresses.h"
#include "server/journal/journal.h"
#include "server/logs/log_store.h"
#include "server/loop/archive.h"
#include "server/loop/loop.h"
#include "server/rpc/dispatcher.h"
#include "server/rpc/server.h"

namespace w2t::server {
namespace {

// How long calls have at the end to be answered.
constexpr absl::Duration kLastCalls = absl::Seconds(2);

EngineOptions EngineOptionsOf(const Config& config) {
  EngineOptions options;
  options.limits = config.limits;
  options.ping_interval = config.ping_interval;
  options.lease_ttl = config.lease_ttl;
  options.reattach_window = config.reattach_window;
  options.retention = config.retention;
  return options;
}

absl::Status MakeDirectory(const std::string& path) {
  std::error_code error;
  const bool made = std::filesystem::create_directories(path, error);
  if (error) {
    return absl::UnavailableError(fmt::format(
        "cannot make the data directory {}: {}", path, error.message()));
  }
  if (made && chmod(path.c_str(), 0700) != 0) {
    return absl::UnavailableError(fmt::format(
        "cannot use the data directory {}: {}", path, std::strerror(errno)));
  }
  return absl::OkStatus();
}

absl::Status About(std::string_view what, const absl::Status& status) {
  return absl::Status(
      status.code(),
      fmt::format("{}: {}", what, std::string(status.message())));
}

absl::flat_hash_set<std::string> RunIdsOf(const Engine& engine) {
  absl::flat_hash_set<std::string> ids;
  for (const auto& [number, run] : engine.runs())
    ids.insert(run->spec().run_id);
  for (const auto& [number, run] : engine.archived()) ids.insert(run.run_id);
  return ids;
}

}  // namespace

// In the order in which they are made; destroyed in reverse.
struct Daemon::Parts {
  explicit Parts(const Config& c)
      : config(c),
        inbox(config.limits.max_inbox, config.limits.max_inbox_bytes),
        calls(&config.limits),
        waiting(config.limits.max_waiting_bytes),
        hub(&waiting) {}
  // What it calls throws only when the program is at fault.
  ~Parts();  // NOLINT(bugprone-exception-escape)

  absl::Status Open(Handlers handlers);
  absl::Status Serve();
  // What grpc.health.v1 says follows from both.
  void SetStalled(const absl::Status& status);
  void SetTaking(bool takes);
  void TellSnapshot(const absl::Status& status) const;

  const Config config;
  std::unique_ptr<Journal> journal;
  std::unique_ptr<Archive> archive;
  std::unique_ptr<LogStore> logs;
  Inbox inbox;
  OpenCalls calls;
  Budget waiting;
  WatchHub hub;
  std::unique_ptr<SessionSet> sessions;
  std::unique_ptr<Dispatcher> dispatcher;
  std::unique_ptr<Loop> loop;
  std::unique_ptr<RpcServer> server;

  absl::Mutex health_mutex;
  bool stalled ABSL_GUARDED_BY(health_mutex) = false;
  bool taking ABSL_GUARDED_BY(health_mutex) = false;  // there is a server
};

absl::Status Daemon::Parts::Open(Handlers handlers) {
  absl::Status made = MakeDirectory(config.data);
  if (!made.ok()) return made;
  absl::StatusOr<std::unique_ptr<Journal>> opened =
      Journal::Open({.directory = config.data,
                     .snapshot_bytes = config.limits.max_journal_tail_bytes});
  if (!opened.ok()) return opened.status();
  journal = *std::move(opened);
  absl::StatusOr<std::unique_ptr<PartReader>> reader = journal->OpenReader();
  if (!reader.ok()) return reader.status();
  archive = std::make_unique<Archive>(*std::move(reader), &config.limits);

  LogStoreOptions log_options;
  log_options.directory = fmt::format("{}/logs", config.data);
  log_options.max_log_bytes = config.limits.max_log_bytes;
  log_options.max_queue_bytes = config.limits.max_log_queue_bytes;
  log_options.on_error = [](const absl::Status& status) {
    Log(log_event::kLogsFailed, {{"reason", std::string(status.message())}});
  };
  absl::StatusOr<std::unique_ptr<LogStore>> log_store =
      LogStore::Open(std::move(log_options));
  if (!log_store.ok()) return log_store.status();
  logs = *std::move(log_store);

  sessions = std::make_unique<SessionSet>(&config.limits, &inbox, logs.get(),
                                          &waiting);
  dispatcher = std::make_unique<Dispatcher>(&config.limits, sessions.get(),
                                            &hub, logs.get());
  Loop::Options options;
  options.engine = EngineOptionsOf(config);
  options.on_failure = [failed = std::move(handlers.on_failure)](
                           const absl::Status& status) mutable {
    Log(log_event::kJournalFailed, {{"reason", std::string(status.message())}});
    failed(status);
  };
  options.on_stall = [this](const absl::Status& s) { SetStalled(s); };
  options.on_snapshot = [this](const absl::Status& s) { TellSnapshot(s); };
  options.on_idle = std::move(handlers.on_idle);
  loop = std::make_unique<Loop>(std::move(options), journal.get(), &inbox,
                                dispatcher.get());
  const absl::Time begin = absl::Now();
  if (absl::Status replayed = loop->Replay(begin); !replayed.ok()) {
    return About(fmt::format("cannot replay the journal in {}", config.data),
                 replayed);
  }
  dispatcher->Begin(loop->view());
  logs->ForgetOthers(RunIdsOf(loop->view().engine));
  Log(log_event::kJournalReplayed,
      {{"batches", journal->last_batch()},
       {"runs", loop->view().engine.runs().size() +
                    loop->view().engine.archived().size()},
       {"epoch", loop->view().engine.epoch()},
       {"dur_ms", absl::ToInt64Milliseconds(absl::Now() - begin)}});
  loop->Start();
  return absl::OkStatus();
}

absl::Status Daemon::Parts::Serve() {
  const CallContext context = {.limits = &config.limits,
                               .inbox = &inbox,
                               .hub = &hub,
                               .logs = logs.get(),
                               .archive = archive.get(),
                               .calls = &calls,
                               .sessions = sessions.get(),
                               .waiting = &waiting,
                               .version = W2T_VERSION};
  absl::StatusOr<std::unique_ptr<RpcServer>> started =
      RpcServer::Start(context, sessions.get(), config.listen);
  if (!started.ok()) return started.status();
  server = *std::move(started);
  for (const std::string& address : server->addresses()) {
    Log(log_event::kServerStarted,
        {{"address", address}, {"version", W2T_VERSION}});
    if (!IsLocalAddress(address)) {
      Log(log_event::kServerExposed,
          {{"address", address},
           {"reason", "anybody who can reach it can run programs"}});
    }
  }
  SetTaking(true);
  return absl::OkStatus();
}

void Daemon::Parts::SetStalled(const absl::Status& status) {
  if (status.ok()) {
    Log(log_event::kJournalResumed, {});
  } else {
    Log(log_event::kJournalStalled,
        {{"reason", std::string(status.message())}});
  }
  const absl::MutexLock lock(&health_mutex);
  stalled = !status.ok();
  if (taking) server->SetServing(!stalled);
}

void Daemon::Parts::TellSnapshot(const absl::Status& status) const {
  if (status.ok()) {
    Log(log_event::kSnapshotMade, {{"batch", journal->snapshot_batch()}});
  } else {
    Log(log_event::kSnapshotFailed,
        {{"reason", std::string(status.message())}});
  }
}

void Daemon::Parts::SetTaking(bool takes) {
  const absl::MutexLock lock(&health_mutex);
  taking = takes;
  server->SetServing(taking && !stalled);
}

Daemon::Parts::~Parts() {  // NOLINT(bugprone-exception-escape)
  if (server != nullptr) {
    SetTaking(false);
    sessions->CloseAll(StoppingStatus());
    calls.AbortAll(StoppingStatus());
    server->Shutdown(kLastCalls);
  }
  // What it refuses, the loop need not answer.
  if (archive != nullptr) archive->Stop();
  if (loop != nullptr) loop->Stop();
  server.reset();
  if (logs != nullptr) logs->Flush();
}

Daemon::Daemon(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Daemon::~Daemon() = default;

absl::StatusOr<std::unique_ptr<Daemon>> Daemon::Start(const Config& config,
                                                      Handlers handlers) {
  auto parts = std::make_unique<Parts>(config);
  // Before the journal counts a start.
  for (const std::string& address : config.listen) {
    absl::Status can = CheckCanListen(address);
    if (!can.ok()) return can;
  }
  absl::Status opened = parts->Open(std::move(handlers));
  if (!opened.ok()) return opened;
  absl::Status serves = parts->Serve();
  if (!serves.ok()) return serves;
  return std::unique_ptr<Daemon>(new Daemon(std::move(parts)));
}

const std::vector<std::string>& Daemon::addresses() const {
  return parts_->server->addresses();
}

void Daemon::BeginDrain() {
  parts_->SetTaking(false);
  parts_->inbox.Post(DrainServerEvent());
}

}  // namespace w2t::server
