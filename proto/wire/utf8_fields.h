// Whether a message can be sent: proto3 takes UTF-8 only for its strings, yet
// finds out only when the receiver parses them.
#ifndef W2T_PROTO_WIRE_UTF8_FIELDS_H_
#define W2T_PROTO_WIRE_UTF8_FIELDS_H_

#include "absl/status/status.h"

namespace google::protobuf {
class Message;
}

namespace w2t::wire {

// INVALID_ARGUMENT with the path of the first string field of `message`, at any
// depth, that is not UTF-8. Thread-safe. Linear in the message.
absl::Status CheckUtf8(const google::protobuf::Message& message);

}  // namespace w2t::wire

#endif  // W2T_PROTO_WIRE_UTF8_FIELDS_H_
