// Addresses of daemons as people write them.
#ifndef W2T_CLIENT_LIB_ADDRESS_H_
#define W2T_CLIENT_LIB_ADDRESS_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace w2t {

// OK when `address` is "unix:PATH", with a path that fits a socket's name, or
// "HOST:PORT", with a port from 1 to 65535 and an IPv6 host in brackets.
// INVALID_ARGUMENT otherwise.
absl::Status CheckAddress(std::string_view address);

}  // namespace w2t

#endif  // W2T_CLIENT_LIB_ADDRESS_H_
