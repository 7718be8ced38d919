// Checks of single fields, with the path of each field at hand.
#ifndef W2T_PROTO_WIRE_FIELD_H_
#define W2T_PROTO_WIRE_FIELD_H_

#include <google/protobuf/duration.pb.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "w2t/diagnostic.h"
#include "w2t/limits.h"

namespace w2t::wire {

// Bytes of the UTF-8 character at the start of `text`, which is not empty; 0
// when there is none.
size_t Utf8Length(std::string_view text);
bool IsUtf8(std::string_view text);
// `text` with '?' for every byte that is not UTF-8, so that protobuf takes it
// as a string.
std::string ToUtf8(std::string_view text);
// `text` fit to be shown in a message: control characters and what is not UTF-8
// become '?', and what is beyond `max_bytes` becomes "...".
std::string Shown(std::string_view text, size_t max_bytes = 64);

// What Linux starts a program with (MAX_ARG_STRLEN, without the NUL).
inline constexpr uint64_t kMaxArgumentBytes = 131'071;

// Where a field stands: "graph.tasks[3].host.labels[\"role\"]". Lives on the
// stack and is only spelled out for a fault.
class FieldPath {
 public:
  explicit FieldPath(std::string_view name, const FieldPath* parent = nullptr)
      : parent_(parent), name_(name) {}

  FieldPath Field(std::string_view name) const { return FieldPath(name, this); }
  FieldPath Entry(std::string_view name, size_t index) const {
    FieldPath path(name, this);
    path.index_ = index;
    return path;
  }
  FieldPath Entry(std::string_view name, std::string_view key) const {
    FieldPath path(name, this);
    path.key_ = key;
    return path;
  }
  std::string ToString() const;

 private:
  const FieldPath* parent_;
  std::string_view name_;
  std::optional<size_t> index_;
  std::optional<std::string_view> key_;
};

// Collects faults. Cheap per fault once the list is full, so that a request
// cannot make it spell out millions.
class FieldChecker {
 public:
  FieldChecker(const Limits& limits, Diagnostics* faults)
      : limits_(limits), faults_(*faults) {}

  // Faults found from here on belong to this task; Diagnostic::kNone: to none.
  void SetTask(uint32_t task, std::string_view name) {
    task_ = task;
    task_name_ = name;
  }
  const Limits& limits() const { return limits_; }

  // "`what`" in words, like "must not be negative"; the message is path and
  // words.
  void Missing(const FieldPath& path, std::string_view words);
  void Invalid(const FieldPath& path, std::string_view words);
  void Exceeds(const FieldPath& path, std::string_view limit_name,
               uint64_t limit, uint64_t value);

  // Each returns whether the field is in order.
  bool AtMost(const FieldPath& path, std::string_view limit_name,
              uint64_t limit, uint64_t value) {
    if (value <= limit) return true;
    Exceeds(path, limit_name, limit, value);
    return false;
  }
  // 1 to limits.max_name_bytes bytes of UTF-8 without control characters.
  bool Name(const FieldPath& path, std::string_view name);
  // UTF-8 of at most limits.max_name_bytes without control characters.
  bool Label(const FieldPath& path, std::string_view value);
  // What becomes one string of a program's arguments or environment: UTF-8
  // without NUL, with at most kMaxArgumentBytes.
  bool Text(const FieldPath& path, std::string_view text);
  // A well-formed duration from `least` to `most`; else zero.
  absl::Duration Span(const FieldPath& path,
                      const google::protobuf::Duration& value,
                      absl::Duration least, absl::Duration most);

 private:
  void Add(DiagnosticCode code, const FieldPath& path, std::string_view words);
  void Add(Diagnostic fault);

  const Limits& limits_;
  Diagnostics& faults_;
  uint32_t task_ = Diagnostic::kNone;
  std::string_view task_name_;
};

}  // namespace w2t::wire

#endif  // W2T_PROTO_WIRE_FIELD_H_
