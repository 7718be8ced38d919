#include "client/worker/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>
#include <thread>

#include "client/lib/address.h"
#include "client/worker/state/files.h"
#include "w2t/limits.h"

namespace w2t::worker {

namespace {

constexpr char kDefaultServer[] = "127.0.0.1:7420";
constexpr uint32_t kProtocol = 1;

std::string DefaultServer() {
  const char* const named = std::getenv("W2T_SERVER");
  return named != nullptr && *named != '\0' ? named : kDefaultServer;
}

}  // namespace

void WithDefaults(WorkerOptions& options) {
  if (options.server.empty()) options.server = DefaultServer();
  if (options.name.empty()) options.name = HostName();
  if (options.slots == 0) {
    options.slots = std::max(1U, std::thread::hardware_concurrency());
  }
  if (options.threads == 0) options.threads = options.slots;
}

absl::Status CheckOptions(const WorkerOptions& options) {
  if (absl::Status status = CheckAddress(options.server); !status.ok()) {
    return status;
  }
  const Limits limits;
  if (options.name.size() > limits.max_name_bytes) {
    return absl::InvalidArgumentError(
        fmt::format("the worker's name has {} bytes; limits.max_name_bytes is "
                    "{}",
                    options.name.size(), limits.max_name_bytes));
  }
  if (options.max_leases < 1 || options.max_leases > limits.max_leases) {
    return absl::InvalidArgumentError(
        fmt::format("max_leases is {}; limits.max_leases is {}",
                    options.max_leases, limits.max_leases));
  }
  if (options.max_starting < 1) {
    return absl::InvalidArgumentError("max_starting is 0; it is at least 1");
  }
  for (const auto& [name, units] : options.resources) {
    if (name.empty() || !(units >= 0 && units <= 1'000'000)) {
      return absl::InvalidArgumentError(fmt::format(
          "resource \"{}\" is {}; it is 0 to 1,000,000", name, units));
    }
  }
  return absl::OkStatus();
}

v1::Hello MakeHello(const WorkerOptions& options, const Handlers& handlers) {
  v1::Hello hello;
  hello.set_name(options.name);
  hello.set_instance(RandomName());
  for (const auto& [key, value] : options.labels) {
    (*hello.mutable_labels())[key] = value;
  }
  v1::Resource& cpus = *hello.add_resources();
  cpus.set_name("cpus");
  cpus.set_milli(uint64_t{1'000} * options.slots);
  for (const auto& [name, units] : options.resources) {
    v1::Resource& resource = *hello.add_resources();
    resource.set_name(name);
    resource.set_milli(static_cast<uint64_t>(std::llround(units * 1'000)));
  }
  hello.set_max_leases(options.max_leases);
  hello.set_version(W2T_VERSION);
  hello.set_protocol(kProtocol);
  for (const auto& [name, handler] : handlers) hello.add_handlers(name);
  std::sort(hello.mutable_handlers()->begin(), hello.mutable_handlers()->end());
  hello.set_exec(options.exec);
  hello.set_waits(true);
  return hello;
}

}  // namespace w2t::worker
