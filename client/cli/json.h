// Output for programs.
#ifndef W2T_CLIENT_CLI_JSON_H_
#define W2T_CLIENT_CLI_JSON_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "google/protobuf/message.h"
#include "w2t/v1/run.pb.h"

namespace w2t::cli {

// In one line, with the names of the .proto files, and with every field that
// has no presence, so that a reader finds it whatever its value.
std::string ToJson(const google::protobuf::Message& message);

// {"run": ...}, as commands that tell of one run print it.
std::string RunJson(const v1::Run& run);

// A string in quotes.
std::string Quoted(std::string_view text);
// As protobuf writes one: "0.500s", in quotes.
std::string JsonDuration(absl::Duration duration);

// An object of our own, put together member by member, in one line.
class JsonObject {
 public:
  JsonObject& Add(std::string_view name, std::string_view text);
  JsonObject& Add(std::string_view name, const char* text);
  JsonObject& Add(std::string_view name, uint64_t number);
  JsonObject& Add(std::string_view name, bool value);
  JsonObject& Add(std::string_view name, absl::Duration duration);
  // JSON as it is.
  JsonObject& AddRaw(std::string_view name, std::string_view json);

  std::string ToString() const { return "{" + members_ + "}"; }

 private:
  std::string members_;
};

// A list of JSON values.
class JsonArray {
 public:
  JsonArray& AddRaw(std::string_view json);
  JsonArray& Add(std::string_view text) { return AddRaw(Quoted(text)); }
  std::string ToString() const { return "[" + elements_ + "]"; }

 private:
  std::string elements_;
};

}  // namespace w2t::cli

#endif  // W2T_CLIENT_CLI_JSON_H_
