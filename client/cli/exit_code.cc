#include "client/cli/exit_code.h"

#include "w2t/client.h"

namespace w2t::cli {

int ExitCodeOf(const absl::Status& status) {
  if (status.ok()) return kSucceeded;
  if (IsUnreachable(status)) return kUnreachable;
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
      return kUnreachable;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
      return kBadUsage;
    case absl::StatusCode::kCancelled:
      return kInterrupted;
    default:
      return kFailed;
  }
}

int ExitCodeOf(const v1::Run& run) {
  if (run.state() == v1::RUN_STATE_SUCCEEDED) return kSucceeded;
  // The system keeps only the lowest byte of an exit code.
  const int code = run.exit_code() & 0xff;
  return code != 0 ? code : kFailed;
}

}  // namespace w2t::cli
