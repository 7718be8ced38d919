#include "tests/support/json.h"

#include <cstdlib>
#include <stdexcept>

#include "fmt/format.h"
#include "google/protobuf/util/json_util.h"

namespace w2t::test {

using google::protobuf::Value;

Value ParseJson(std::string_view text) {
  Value value;
  const auto status = google::protobuf::util::JsonStringToMessage(
      google::protobuf::StringPiece(text.data(), text.size()), &value);
  if (!status.ok()) {
    throw std::runtime_error(
        fmt::format("not JSON: {}\n{}", status.ToString(), text));
  }
  return value;
}

const Value* At(const Value& value, std::string_view path) {
  const Value* at = &value;
  while (!path.empty()) {
    const size_t dot = path.find('.');
    const std::string key(path.substr(0, dot));
    path = dot == std::string_view::npos ? "" : path.substr(dot + 1);
    if (at->has_struct_value()) {
      const auto found = at->struct_value().fields().find(key);
      if (found == at->struct_value().fields().end()) return nullptr;
      at = &found->second;
    } else if (at->has_list_value()) {
      const int index = std::atoi(key.c_str());
      if (index >= at->list_value().values_size()) return nullptr;
      at = &at->list_value().values(index);
    } else {
      return nullptr;
    }
  }
  return at;
}

std::string TextAt(const Value& value, std::string_view path) {
  const Value* at = At(value, path);
  if (at == nullptr) return "";
  if (at->kind_case() == Value::kStringValue) return at->string_value();
  if (at->kind_case() == Value::kNumberValue) {
    return fmt::format("{}", at->number_value());
  }
  if (at->kind_case() == Value::kBoolValue) {
    return at->bool_value() ? "true" : "false";
  }
  return "";
}

}  // namespace w2t::test
