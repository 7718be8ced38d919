#include "client/worker/exec/output_pipe.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace w2t::worker {

OutputPipe::OutputPipe(Loop* loop,
                       absl::AnyInvocable<bool(std::string_view)> data,
                       absl::AnyInvocable<void()> closed)
    : loop_(loop), data_(std::move(data)), closed_(std::move(closed)) {}

OutputPipe::~OutputPipe() { Close(); }

absl::Status OutputPipe::Open(UniqueFd fd) {
  absl::StatusOr<WatchId> watch =
      loop_->Watch(fd.get(), EPOLLIN, [this](uint32_t) { OnReadable(); });
  if (!watch.ok()) return watch.status();
  fd_ = std::move(fd);
  watch_ = *watch;
  return absl::OkStatus();
}

void OutputPipe::Resume() {
  if (!fd_ || watch_ != 0) return;
  absl::StatusOr<WatchId> watch =
      loop_->Watch(fd_.get(), EPOLLIN, [this](uint32_t) { OnReadable(); });
  if (watch.ok()) {
    watch_ = *watch;
  } else {
    Close();
  }
}

void OutputPipe::Drain() {
  draining_ = true;
  size_t chunks = kDrainBytes / kChunkBytes;
  while (chunks-- > 0 && ReadOnce()) {
  }
  Resume();
}

void OutputPipe::OnReadable() {
  ReadOnce();
  if (closed()) closed_();
}

bool OutputPipe::ReadOnce() {
  if (!fd_) return false;
  std::array<char, kChunkBytes> buffer;
  const ssize_t count = reader_
                            ? reader_(fd_.get(), buffer.data(), buffer.size())
                            : read(fd_.get(), buffer.data(), buffer.size());
  if (count > 0) {
    const bool more =
        data_(std::string_view(buffer.data(), static_cast<size_t>(count)));
    if (!more && !draining_) Pause();
    return true;
  }
  const bool again = count < 0 && (errno == EAGAIN || errno == EINTR);
  if (!again) Close();
  return false;
}

void OutputPipe::Pause() {
  loop_->Unwatch(watch_);
  watch_ = 0;
}

void OutputPipe::Close() {
  if (!fd_) return;
  Pause();
  fd_.reset();
}

}  // namespace w2t::worker
