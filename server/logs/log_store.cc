#include "server/logs/log_store.h"

#include <fmt/format.h>
#include <signal.h>

#include <filesystem>
#include <system_error>
#include <thread>
#include <utility>
#include <variant>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "server/logs/log_file_reader.h"
#include "server/logs/log_watch.h"
#include "server/logs/log_writer.h"

namespace w2t {
namespace {

namespace fs = std::filesystem;

// What a piece occupies in the queue beside its data.
constexpr uint64_t kPieceOverheadBytes = 128;

struct Batch {
  std::vector<LogPiece> pieces;
  absl::AnyInvocable<void()> done;
};
struct Ended {
  LogName name;
};
struct Forgotten {
  std::string run_id;
};
struct OthersForgotten {
  absl::flat_hash_set<std::string> run_ids;
};
struct Flushed {
  absl::Notification* done;
};
using Item = std::variant<Batch, Ended, Forgotten, OthersForgotten, Flushed>;

uint64_t BytesOf(const std::vector<LogPiece>& pieces) {
  uint64_t bytes = 0;
  for (const LogPiece& piece : pieces) {
    bytes += piece.chunk.data().size() + kPieceOverheadBytes;
  }
  return bytes;
}

}  // namespace

class LogStore::Impl {
 public:
  explicit Impl(LogStoreOptions options)
      : options_(std::move(options)),
        writer_(options_.directory, options_.max_log_bytes,
                options_.max_open_files),
        thread_([this] { Loop(); }) {}

  ~Impl() {
    {
      absl::MutexLock lock(&mu_);
      stopping_ = true;
    }
    thread_.join();
  }

  bool Append(std::vector<LogPiece>& pieces, absl::AnyInvocable<void()>& done) {
    const uint64_t bytes = BytesOf(pieces);
    absl::MutexLock lock(&mu_);
    if (stats_.queued_bytes > 0 &&
        stats_.queued_bytes + bytes > options_.max_queue_bytes) {
      return false;
    }
    watch_->Enter(pieces);
    stats_.queued_bytes += bytes;
    queue_.push_back(Batch{std::move(pieces), std::move(done)});
    return true;
  }

  void Push(Item item) {
    absl::MutexLock lock(&mu_);
    queue_.push_back(std::move(item));
  }

  // Most attempts of a busy daemon print nothing, so that is made cheap.
  void MarkEnded(const LogName& name) {
    {
      absl::MutexLock lock(&mu_);
      if (growing_files_ == 0 && watch_->IsIdle()) return;
    }
    Push(Ended{name});
  }

  void WhenRoom(absl::AnyInvocable<void()> room) {
    {
      absl::MutexLock lock(&mu_);
      // Half a queue may be too little for what was just refused.
      if (stats_.queued_bytes > 0) {
        waiting_.push_back(std::move(room));
        return;
      }
    }
    room();
  }

  Stats stats() const {
    absl::MutexLock lock(&mu_);
    return stats_;
  }
  const LogStoreOptions& options() const { return options_; }
  LogWatch& watch() const { return *watch_; }

 private:
  bool HasRoom() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return stats_.queued_bytes <= options_.max_queue_bytes / 2;
  }

  void Loop() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    const auto has_work = [this]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
      return stopping_ || !queue_.empty();
    };
    while (true) {
      std::vector<Item> items;
      {
        absl::MutexLock lock(&mu_);
        mu_.Await(absl::Condition(&has_work));
        if (queue_.empty()) return;
        items.swap(queue_);
      }
      for (Item& item : items) {
        std::visit([this](auto& kind) { Handle(kind); }, item);
      }
    }
  }

  void Handle(Batch& batch) {
    Report(writer_.Write(batch.pieces));
    std::vector<absl::AnyInvocable<void()>> waiting;
    {
      absl::MutexLock lock(&mu_);
      stats_.queued_bytes -= BytesOf(batch.pieces);
      UpdateStats();
      if (HasRoom()) waiting.swap(waiting_);
    }
    watch_->Leave(batch.pieces);
    const LogName* last = nullptr;
    for (const LogPiece& piece : batch.pieces) {
      if (last == nullptr || !(*last == piece.name)) {
        watch_->Notify(piece.name, /*ended=*/false);
      }
      last = &piece.name;
    }
    if (batch.done) batch.done();
    for (absl::AnyInvocable<void()>& room : waiting) room();
  }

  void Handle(Ended& ended) {
    writer_.Finish(ended.name);
    watch_->SetEnded(ended.name);
    watch_->Notify(ended.name, /*ended=*/true);
    absl::MutexLock lock(&mu_);
    UpdateStats();
  }

  void Handle(Forgotten& forgotten) {
    writer_.Forget(forgotten.run_id);
    watch_->SetForgotten(forgotten.run_id);
    watch_->NotifyRun(forgotten.run_id);
    absl::MutexLock lock(&mu_);
    UpdateStats();
  }

  void Handle(OthersForgotten& others) { writer_.ForgetOthers(others.run_ids); }

  void Handle(Flushed& flushed) { flushed.done->Notify(); }

  void Report(const absl::Status& status) {
    if (!status.ok() && !failing_ && options_.on_error) {
      options_.on_error(status);
    }
    failing_ = !status.ok();
  }

  void UpdateStats() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    stats_.written_bytes = writer_.written_bytes();
    stats_.dropped_bytes = writer_.dropped_bytes();
    stats_.open_files = writer_.open_files();
    growing_files_ = writer_.growing_files();
  }

  LogStoreOptions options_;
  const std::shared_ptr<LogWatch> watch_ = std::make_shared<LogWatch>();

  // Of the writer's thread.
  LogWriter writer_;
  bool failing_ = false;

  mutable absl::Mutex mu_;
  std::vector<Item> queue_ ABSL_GUARDED_BY(mu_);
  std::vector<absl::AnyInvocable<void()>> waiting_ ABSL_GUARDED_BY(mu_);
  Stats stats_ ABSL_GUARDED_BY(mu_);
  uint64_t growing_files_ ABSL_GUARDED_BY(mu_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;

  std::thread thread_;  // starts when all the rest is there
};

absl::StatusOr<std::unique_ptr<LogStore>> LogStore::Open(
    LogStoreOptions options) {
  std::error_code error;
  if (fs::create_directories(options.directory, error)) {
    fs::permissions(options.directory, fs::perms::owner_all, error);
  }
  if (!error && !fs::is_directory(options.directory, error) && !error) {
    error = std::make_error_code(std::errc::not_a_directory);
  }
  if (error) {
    return absl::UnavailableError(
        fmt::format("cannot make the directory {}: {}", options.directory,
                    error.message()));
  }
  return std::unique_ptr<LogStore>(
      new LogStore(std::make_unique<Impl>(std::move(options))));
}

LogStore::LogStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LogStore::~LogStore() = default;

bool LogStore::Append(std::vector<LogPiece>&& pieces,
                      absl::AnyInvocable<void()>&& done) {
  return impl_->Append(pieces, done);
}

void LogStore::WhenRoom(absl::AnyInvocable<void()> room) {
  impl_->WhenRoom(std::move(room));
}

void LogStore::MarkEnded(const LogName& name) { impl_->MarkEnded(name); }

void LogStore::Forget(const std::string& run_id) {
  impl_->Push(Forgotten{run_id});
}

void LogStore::ForgetOthers(absl::flat_hash_set<std::string> run_ids) {
  impl_->Push(OthersForgotten{std::move(run_ids)});
}

absl::StatusOr<LogRead> LogStore::Read(const LogName& name, LogCursor* cursor,
                                       uint64_t max_bytes, bool ended) const {
  // Asked before the file is read, so that nothing can slip in between.
  const bool complete = impl_->watch().IsComplete(name, ended);
  LogRead read;
  LogFileReader reader(LogPath(impl_->options().directory, name));
  absl::Status status = reader.Read(max_bytes, cursor, &read);
  if (!status.ok()) return status;
  read.eof = complete && read.end;
  return read;
}

LogSubscription LogStore::Subscribe(const LogName& name,
                                    absl::AnyInvocable<void()> changed) {
  return LogSubscription(impl_->watch().Subscribe(
      name, [changed = std::move(changed)](const LogName&, bool) mutable {
        changed();
      }));
}

LogSubscription LogStore::SubscribeToRun(
    const std::string& run_id,
    absl::AnyInvocable<void(const LogName&, bool ended)> changed) {
  return LogSubscription(
      impl_->watch().Subscribe(LogName::OfRun(run_id), std::move(changed)));
}

LogStore::Stats LogStore::stats() const { return impl_->stats(); }

void LogStore::Flush() {
  absl::Notification done;
  impl_->Push(Flushed{&done});
  done.WaitForNotification();
}

}  // namespace w2t
