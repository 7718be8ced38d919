#include "client/lib/address.h"

#include <fmt/format.h>
#include <sys/un.h>

#include <charconv>
#include <cstdint>

namespace w2t {

namespace {

constexpr std::string_view kUnix = "unix:";
// A socket's path is kept with a terminating zero.
constexpr size_t kMaxUnixPath = sizeof(sockaddr_un::sun_path) - 1;

absl::Status CheckUnixPath(std::string_view path) {
  if (path.empty()) {
    return absl::InvalidArgumentError(
        "\"unix:\" names no path; write unix:PATH");
  }
  if (path.size() > kMaxUnixPath) {
    return absl::InvalidArgumentError(
        fmt::format("the socket path {} has {} bytes; the system's limit is {}",
                    path, path.size(), kMaxUnixPath));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckAddress(std::string_view address) {
  if (address.starts_with(kUnix)) {
    return CheckUnixPath(address.substr(kUnix.size()));
  }
  const size_t colon = address.rfind(':');
  const std::string_view host = address.substr(0, colon);
  const bool has_port = colon != std::string_view::npos;
  const bool bare_ipv6 = host.find(':') != std::string_view::npos &&
                         !(host.starts_with('[') && host.ends_with(']'));
  if (!has_port || host.empty() || bare_ipv6 ||
      host.find('/') != std::string_view::npos) {
    return absl::InvalidArgumentError(fmt::format(
        "\"{}\" is no address of a w2td; write HOST:PORT or unix:PATH",
        address));
  }
  const std::string_view port = address.substr(colon + 1);
  uint32_t number = 0;
  const auto parsed =
      std::from_chars(port.data(), port.data() + port.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != port.data() + port.size() ||
      number < 1 || number > 65535) {
    return absl::InvalidArgumentError(fmt::format(
        "\"{}\" has the port \"{}\"; a port is 1 to 65535", address, port));
  }
  return absl::OkStatus();
}

}  // namespace w2t
