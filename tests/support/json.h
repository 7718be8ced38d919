// Reading the JSON that programs print.
#ifndef W2T_TESTS_SUPPORT_JSON_H_
#define W2T_TESTS_SUPPORT_JSON_H_

#include <string>
#include <string_view>

#include "google/protobuf/struct.pb.h"

namespace w2t::test {

// Throws when `text` is not one JSON value.
google::protobuf::Value ParseJson(std::string_view text);
// The value at a path such as "run.failures.0.name"; null when there is none.
const google::protobuf::Value* At(const google::protobuf::Value& value,
                                  std::string_view path);
// The same as text: strings as they are, numbers without a fraction if they
// have none; "" when there is none.
std::string TextAt(const google::protobuf::Value& value, std::string_view path);

}  // namespace w2t::test

#endif  // W2T_TESTS_SUPPORT_JSON_H_
