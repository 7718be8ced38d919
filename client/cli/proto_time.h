// Times between protobuf and absl.
#ifndef W2T_CLIENT_CLI_PROTO_TIME_H_
#define W2T_CLIENT_CLI_PROTO_TIME_H_

#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace w2t::cli {

inline absl::Duration ToDuration(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) +
         absl::Nanoseconds(duration.nanos());
}

inline absl::Time ToTime(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) +
         absl::Nanoseconds(time.nanos());
}

inline void SetDuration(absl::Duration from, google::protobuf::Duration* to) {
  const int64_t nanos = absl::ToInt64Nanoseconds(from);
  to->set_seconds(nanos / 1'000'000'000);
  to->set_nanos(static_cast<int32_t>(nanos % 1'000'000'000));
}

}  // namespace w2t::cli

#endif  // W2T_CLIENT_CLI_PROTO_TIME_H_
