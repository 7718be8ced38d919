#include "client/cli/json.h"

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/time_util.h>

namespace w2t::cli {

std::string ToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string json;
  const auto status =
      google::protobuf::util::MessageToJsonString(message, &json, options);
  if (status.ok()) return json;
  return JsonObject()
      .Add("error", fmt::format("not printable as JSON: {}",
                                std::string(status.message())))
      .ToString();
}

std::string RunJson(const v1::Run& run) {
  return JsonObject().AddRaw("run", ToJson(run)).ToString();
}

std::string Quoted(std::string_view text) {
  std::string json = "\"";
  for (const char c : text) {
    switch (c) {
      case '"':
        json += "\\\"";
        break;
      case '\\':
        json += "\\\\";
        break;
      case '\n':
        json += "\\n";
        break;
      case '\r':
        json += "\\r";
        break;
      case '\t':
        json += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          json += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
        } else {
          json += c;
        }
    }
  }
  return json + "\"";
}

std::string JsonDuration(absl::Duration duration) {
  return Quoted(google::protobuf::util::TimeUtil::ToString(
      google::protobuf::util::TimeUtil::NanosecondsToDuration(
          absl::ToInt64Nanoseconds(duration))));
}

JsonObject& JsonObject::Add(std::string_view name, std::string_view text) {
  return AddRaw(name, Quoted(text));
}
JsonObject& JsonObject::Add(std::string_view name, const char* text) {
  return AddRaw(name, Quoted(text));
}
JsonObject& JsonObject::Add(std::string_view name, uint64_t number) {
  return AddRaw(name, fmt::to_string(number));
}
JsonObject& JsonObject::Add(std::string_view name, bool value) {
  return AddRaw(name, value ? "true" : "false");
}
JsonObject& JsonObject::Add(std::string_view name, absl::Duration duration) {
  return AddRaw(name, JsonDuration(duration));
}
JsonObject& JsonObject::AddRaw(std::string_view name, std::string_view json) {
  if (!members_.empty()) members_ += ",";
  members_ += fmt::format("{}:{}", Quoted(name), json);
  return *this;
}

JsonArray& JsonArray::AddRaw(std::string_view json) {
  if (!elements_.empty()) elements_ += ",";
  elements_ += json;
  return *this;
}

}  // namespace w2t::cli
