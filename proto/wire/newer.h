// Messages of a newer version.
#ifndef W2T_PROTO_WIRE_NEWER_H_
#define W2T_PROTO_WIRE_NEWER_H_

namespace w2t::wire {

// True when `message` itself has fields that only a newer version knows.
template <typename Message>
bool IsNewer(const Message& message) {
  return !message.GetReflection()->GetUnknownFields(message).empty();
}

}  // namespace w2t::wire

#endif  // W2T_PROTO_WIRE_NEWER_H_
