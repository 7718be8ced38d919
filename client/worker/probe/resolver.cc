#include "client/worker/probe/resolver.h"

#include <fmt/format.h>
#include <netdb.h>

#include <cstring>
#include <utility>

namespace w2t::worker {

namespace {

// With AI_NUMERICHOST only what needs no look-up.
absl::StatusOr<std::vector<Address>> LookUp(const std::string& host,
                                            const std::string& port,
                                            int flags) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &found);
  if (error != 0) {
    return absl::UnavailableError(
        fmt::format("look up {}: {}", host, gai_strerror(error)));
  }
  std::vector<Address> addresses;
  for (const addrinfo* info = found; info != nullptr; info = info->ai_next) {
    Address& address = addresses.emplace_back();
    std::memcpy(&address.storage, info->ai_addr, info->ai_addrlen);
    address.length = info->ai_addrlen;
  }
  freeaddrinfo(found);
  return addresses;
}

absl::StatusOr<std::vector<Address>> ThisMachine(const std::string& port) {
  auto addresses = LookUp("127.0.0.1", port, AI_NUMERICHOST);
  if (!addresses.ok()) return addresses;
  if (auto v6 = LookUp("::1", port, AI_NUMERICHOST); v6.ok()) {
    addresses->push_back(v6->front());
  }
  return addresses;
}

}  // namespace

Resolver::~Resolver() {
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
    requests_.clear();
  }
  for (std::thread& thread : threads_) thread.join();
}

void Resolver::Resolve(const std::string& host, const std::string& port,
                       Done done) {
  auto known = host.empty() || host == "localhost"
                   ? ThisMachine(port)
                   : LookUp(host, port, AI_NUMERICHOST);
  if (known.ok()) {
    loop_->Post([done = std::move(done), known = std::move(known)]() mutable {
      done(std::move(known));
    });
    return;
  }
  absl::MutexLock lock(&mutex_);
  requests_.push_back({host, port, std::move(done)});
  if (requests_.size() > idle_ && threads_.size() < kMostLookUps) {
    ++idle_;
    threads_.emplace_back([this] { Serve(); });
  }
}

void Resolver::Serve() {
  for (;;) {
    Request request;
    {
      absl::MutexLock lock(&mutex_);
      const auto ready = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return stopped_ || !requests_.empty();
      };
      mutex_.Await(absl::Condition(&ready));
      if (stopped_) return;
      request = std::move(requests_.front());
      requests_.pop_front();
      --idle_;
    }
    auto found = LookUp(request.host, request.port, 0);
    loop_->Post(
        [done = std::move(request.done), found = std::move(found)]() mutable {
          done(std::move(found));
        });
    absl::MutexLock lock(&mutex_);
    ++idle_;
  }
}

}  // namespace w2t::worker
