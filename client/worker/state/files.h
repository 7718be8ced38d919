// Files and names, for what is kept.
#ifndef W2T_CLIENT_WORKER_STATE_FILES_H_
#define W2T_CLIENT_WORKER_STATE_FILES_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/worker/loop/unique_fd.h"

namespace w2t::worker {

// What errno says of `call` on `path`, as INTERNAL.
absl::Status FileError(std::string_view call, std::string_view path);

// INTERNAL with the path when the file cannot be read.
absl::StatusOr<std::string> ReadWhole(const std::string& path);

// Puts `text` where `path` is, whole or not at all, through a file beside it:
// "PATH.new". INTERNAL with the call and the path.
absl::StatusOr<UniqueFd> ReplaceFile(const std::string& path,
                                     std::string_view text);

// The machine's; "worker" when it has none.
std::string HostName();

// 16 hexadecimal digits that nobody else has.
std::string RandomName();

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_STATE_FILES_H_
