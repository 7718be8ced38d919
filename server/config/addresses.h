// The addresses that a daemon listens on: "unix:PATH" or "HOST:PORT".
#ifndef W2T_SERVER_CONFIG_ADDRESSES_H_
#define W2T_SERVER_CONFIG_ADDRESSES_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace w2t::server {

// INVALID_ARGUMENT unless `address` has one of the two forms. Port 0 means any.
absl::Status CheckAddress(std::string_view address);

// True for a socket of this machine: a unix one, or of a loopback address.
bool IsLocalAddress(std::string_view address);

// `address` with the port that it was bound to.
std::string BoundAddress(std::string_view address, int port);

// Makes way for a unix socket: removes what a daemon left behind that is gone.
// FAILED_PRECONDITION when something listens there, or when the path is not a
// socket. Nothing to do for other addresses.
absl::Status ClearStaleSocket(std::string_view address);

// Looks whether this process could listen at `address` now, and clears a stale
// socket, with the errors of ClearStaleSocket. May ask the system's resolver,
// and so wait. UNAVAILABLE says what is in the way: no such directory or host,
// no permission, in use, not an address of this machine.
absl::Status CheckCanListen(const std::string& address);

// Writes the addresses, one a line, so that a reader sees all or nothing.
absl::Status WriteAddressFile(const std::string& path,
                              const std::vector<std::string>& addresses);

}  // namespace w2t::server

#endif  // W2T_SERVER_CONFIG_ADDRESSES_H_
