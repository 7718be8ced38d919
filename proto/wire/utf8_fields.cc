#include "proto/wire/utf8_fields.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "proto/wire/field.h"
#include "proto/wire/status_codec.h"

namespace w2t::wire {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// Looks through one message. Our messages do not nest without end, and so
// neither does this.
class Utf8Search {
 public:
  // Whether all is well; else path() and text() say what is not.
  bool Passes(const Message& message) {
    for (const FieldDescriptor* field : FieldsOf(message.GetDescriptor())) {
      const Reflection& reflection = *message.GetReflection();
      if (field->is_repeated()) {
        const int size = reflection.FieldSize(message, field);
        for (int i = 0; i < size; ++i) {
          if (!EntryPasses(message, field, i)) return false;
        }
      } else if (field->type() == FieldDescriptor::TYPE_STRING) {
        if (!TextPasses(
                reflection.GetStringReference(message, field, &scratch_))) {
          return Fails(field->name());
        }
      } else if (reflection.HasField(message, field) &&
                 !Passes(reflection.GetMessage(message, field))) {
        return Fails(field->name());
      }
    }
    return true;
  }

  const std::string& path() const { return path_; }
  const std::string& text() const { return text_; }

 private:
  // Those that are text or may hold some.
  const std::vector<const FieldDescriptor*>& FieldsOf(const Descriptor* type) {
    auto& fields = fields_[type];
    if (fields != nullptr) return *fields;
    fields = std::make_unique<std::vector<const FieldDescriptor*>>();
    for (int i = 0; i < type->field_count(); ++i) {
      const FieldDescriptor* field = type->field(i);
      if (field->type() == FieldDescriptor::TYPE_STRING ||
          field->type() == FieldDescriptor::TYPE_MESSAGE) {
        fields->push_back(field);
      }
    }
    return *fields;
  }

  bool EntryPasses(const Message& message, const FieldDescriptor* field,
                   int i) {
    const Reflection& reflection = *message.GetReflection();
    if (field->type() == FieldDescriptor::TYPE_STRING) {
      return TextPasses(reflection.GetRepeatedStringReference(message, field, i,
                                                              &scratch_)) ||
             Fails(fmt::format("{}[{}]", field->name(), i));
    }
    const Message& entry = reflection.GetRepeatedMessage(message, field, i);
    if (Passes(entry)) return true;
    if (!field->is_map()) return Fails(fmt::format("{}[{}]", field->name(), i));
    path_.clear();  // key and value are no fields of ours
    const FieldDescriptor* key = entry.GetDescriptor()->map_key();
    if (key->type() != FieldDescriptor::TYPE_STRING)
      return Fails(field->name());
    return Fails(
        fmt::format("{}[\"{}\"]", field->name(),
                    Shown(entry.GetReflection()->GetString(entry, key))));
  }

  bool TextPasses(const std::string& text) {
    if (IsUtf8(text)) return true;
    text_ = Shown(text);
    return false;
  }

  bool Fails(const std::string& step) {
    path_ = path_.empty() ? step : fmt::format("{}.{}", step, path_);
    return false;
  }

  absl::flat_hash_map<const Descriptor*,
                      std::unique_ptr<std::vector<const FieldDescriptor*>>>
      fields_;
  std::string scratch_;
  std::string path_;
  std::string text_;
};

}  // namespace

absl::Status CheckUtf8(const Message& message) {
  Utf8Search search;
  if (search.Passes(message)) return absl::OkStatus();
  Diagnostic fault;
  fault.code = DiagnosticCode::kInvalidValue;
  fault.field = search.path();
  fault.message =
      fmt::format("{}: '{}' is not UTF-8", search.path(), search.text());
  return ToStatus(fault, absl::StatusCode::kInvalidArgument);
}

}  // namespace w2t::wire
