#include "tests/bench/floor.h"

#include <fcntl.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <stdexcept>

#include "fmt/format.h"

namespace w2t::bench {
namespace {

using Clock = std::chrono::steady_clock;

double MicrosSince(Clock::time_point begin) {
  return std::chrono::duration<double, std::micro>(Clock::now() - begin)
      .count();
}

// The rest of the first line of `path` that begins with `key`.
std::string LineAfter(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key)) continue;
    const size_t value = line.find_first_not_of(" \t:", key.size());
    return value == std::string::npos ? "" : line.substr(value);
  }
  return "";
}

}  // namespace

Spread Spread::Of(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  const double median = values.size() % 2 == 1
                            ? values[middle]
                            : (values[middle - 1] + values[middle]) / 2;
  return {median, values.front(), values.back()};
}

SyncTimes MeasureSync(const std::string& dir, int times) {
  const std::string path = dir + "/sync";
  const int fd = open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0) throw std::runtime_error("cannot write in " + dir);
  const std::string block(4096, 'x');
  const auto write_all = [&] {
    std::vector<double> micros;
    for (int i = 0; i < times; ++i) {
      const Clock::time_point begin = Clock::now();
      const auto at = static_cast<off_t>(block.size()) * i;
      if (pwrite(fd, block.data(), block.size(), at) < 0 ||
          fdatasync(fd) != 0) {
        close(fd);
        throw std::runtime_error("cannot sync in " + dir);
      }
      micros.push_back(MicrosSince(begin));
    }
    return Spread::Of(std::move(micros));
  };
  SyncTimes times_us;
  times_us.append_us = write_all();
  times_us.overwrite_us = write_all();
  close(fd);
  unlink(path.c_str());
  return times_us;
}

Spread CallMicros(test::RpcClient& client, int times) {
  std::vector<double> micros;
  for (int i = 0; i < times; ++i) {
    grpc::ClientContext context;
    test::SetDeadline(context);
    v1::GetServerInfoResponse info;
    const Clock::time_point begin = Clock::now();
    if (!client.admin().GetServerInfo(&context, {}, &info).ok()) {
      throw std::runtime_error("the daemon does not answer");
    }
    micros.push_back(MicrosSince(begin));
  }
  return Spread::Of(std::move(micros));
}

std::string VersionOf(test::RpcClient& client) {
  grpc::ClientContext context;
  test::SetDeadline(context);
  v1::GetServerInfoResponse info;
  client.admin().GetServerInfo(&context, {}, &info);
  return info.version();
}

std::string FilesystemOf(const std::string& dir) {
  struct statfs info;
  if (statfs(dir.c_str(), &info) != 0) return "unknown";
  switch (static_cast<unsigned long>(info.f_type)) {
    case 0xef53:
      return "ext4";
    case 0x58465342:
      return "xfs";
    case 0x9123683e:
      return "btrfs";
    case 0x01021994:
      return "tmpfs";
    case 0x794c7630:
      return "overlay";
    default:
      return fmt::format("{:#x}", static_cast<unsigned long>(info.f_type));
  }
}

std::string ProcessorName() { return LineAfter("/proc/cpuinfo", "model name"); }

std::string KernelRelease() {
  utsname names;
  return uname(&names) == 0 ? names.release : "unknown";
}

size_t PeakMemory(int pid) {
  const std::string kib =
      LineAfter(fmt::format("/proc/{}/status", pid), "VmHWM");
  return kib.empty() ? 0 : std::stoull(kib) * 1024;
}

}  // namespace w2t::bench
