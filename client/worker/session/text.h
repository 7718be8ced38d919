// Words for people.
#ifndef W2T_CLIENT_WORKER_SESSION_TEXT_H_
#define W2T_CLIENT_WORKER_SESSION_TEXT_H_

#include <cstddef>
#include <string>

#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"

namespace w2t::worker {

// At most `max_bytes` of valid UTF-8: protobuf strings carry nothing else, and
// what programs and file names hold need not be. Bytes that are none become
// '?'; a text that is too long ends in "...".
std::string Shorten(std::string text, size_t max_bytes);

// "5s", "250ms", "1.5s": seconds, or milliseconds below one.
std::string DurationText(absl::Duration duration);

// Zero for a message that was not set. Values that no duration can have are
// brought to the nearest one.
absl::Duration FromProto(const google::protobuf::Duration& duration);

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_SESSION_TEXT_H_
