// Messages from their text form.
#ifndef W2T_TESTS_UNIT_WIRE_TEXT_PROTO_H_
#define W2T_TESTS_UNIT_WIRE_TEXT_PROTO_H_

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <string>

#include "w2t/v1/graph.pb.h"

namespace w2t::wire {

// Adds what `text` says to `*message`.
template <typename Message>
void Merge(const std::string& text, Message* message) {
  EXPECT_TRUE(google::protobuf::TextFormat::MergeFromString(text, message))
      << text;
}

template <typename Message>
Message FromText(const std::string& text) {
  Message message;
  Merge(text, &message);
  return message;
}

// A graph without faults: task "a", which runs "true".
inline v1::Graph SmallGraph() {
  return FromText<v1::Graph>(R"pb(actions { exec { argv: "true" } }
                                  tasks { name: "a" })pb");
}

}  // namespace w2t::wire

#endif  // W2T_TESTS_UNIT_WIRE_TEXT_PROTO_H_
