#include "proto/wire/field.h"

#include <fmt/format.h>

#include <utility>

namespace w2t::wire {
namespace {

constexpr int64_t kMaxDurationSeconds = 315'576'000'000;  // of protobuf
constexpr int32_t kNanosPerSecond = 1'000'000'000;

bool IsControl(unsigned char c) { return c < 0x20 || c == 0x7f; }

bool HasControl(std::string_view text) {
  for (const char c : text) {
    if (IsControl(static_cast<unsigned char>(c))) return true;
  }
  return false;
}

}  // namespace

size_t Utf8Length(std::string_view text) {
  const auto byte = [&](size_t i) {
    return static_cast<unsigned char>(text[i]);
  };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  // Overlong forms, surrogates, and what lies beyond the last code point.
  const unsigned char second = byte(1);
  if (first == 0xe0 && second < 0xa0) return 0;
  if (first == 0xed && second > 0x9f) return 0;
  if (first == 0xf0 && second < 0x90) return 0;
  if (first == 0xf4 && second > 0x8f) return 0;
  return length;
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string ToUtf8(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    if (length == 0) {
      clean += '?';
    } else {
      clean += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return clean;
}

std::string Shown(std::string_view text, size_t max_bytes) {
  std::string shown;
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    if (shown.size() + (length == 0 ? 1 : length) > max_bytes) {
      return shown + "...";
    }
    if (length == 0 || (length == 1 && IsControl(text[0]))) {
      shown += '?';
    } else {
      shown += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return shown;
}

std::string FieldPath::ToString() const {
  std::string path = parent_ == nullptr ? "" : parent_->ToString() + ".";
  path += name_;
  if (index_) path += fmt::format("[{}]", *index_);
  if (key_) path += fmt::format("[\"{}\"]", Shown(*key_));
  return path;
}

void FieldChecker::Add(Diagnostic fault) {
  fault.task = task_;
  fault.task_name = Shown(task_name_, limits_.max_name_bytes);
  faults_.Add(std::move(fault));
}

void FieldChecker::Add(DiagnosticCode code, const FieldPath& path,
                       std::string_view words) {
  if (faults_.full()) {
    faults_.AddUnlisted(1);
    return;
  }
  std::string field = path.ToString();
  std::string message = fmt::format("{}: {}", field, words);
  Add({.code = code, .message = std::move(message), .field = std::move(field)});
}

void FieldChecker::Missing(const FieldPath& path, std::string_view words) {
  Add(DiagnosticCode::kMissingField, path, words);
}

void FieldChecker::Invalid(const FieldPath& path, std::string_view words) {
  Add(DiagnosticCode::kInvalidValue, path, words);
}

void FieldChecker::Exceeds(const FieldPath& path, std::string_view limit_name,
                           uint64_t limit, uint64_t value) {
  if (faults_.full()) {
    faults_.AddUnlisted(1);
    return;
  }
  std::string field = path.ToString();
  std::string message = fmt::format("{}: {} exceeds the limit {} of {}", field,
                                    value, limit_name, limit);
  Add({.code = DiagnosticCode::kLimitExceeded,
       .message = std::move(message),
       .field = std::move(field),
       .limit_name = std::string(limit_name),
       .limit = limit,
       .value = value});
}

bool FieldChecker::Name(const FieldPath& path, std::string_view name) {
  if (name.empty()) {
    Missing(path, "is required");
    return false;
  }
  return Label(path, name);
}

bool FieldChecker::Label(const FieldPath& path, std::string_view value) {
  if (!AtMost(path, "max_name_bytes", limits_.max_name_bytes, value.size())) {
    return false;
  }
  if (HasControl(value)) {
    Invalid(path, fmt::format("'{}' has a control character", Shown(value)));
    return false;
  }
  if (!IsUtf8(value)) {
    Invalid(path, fmt::format("'{}' is not UTF-8", Shown(value)));
    return false;
  }
  return true;
}

bool FieldChecker::Text(const FieldPath& path, std::string_view text) {
  if (text.find('\0') != std::string_view::npos) {
    Invalid(path, "has a NUL byte");
    return false;
  }
  if (!IsUtf8(text)) {
    Invalid(path, fmt::format("'{}' is not UTF-8", Shown(text)));
    return false;
  }
  return AtMost(path, "max_argument_bytes", kMaxArgumentBytes, text.size());
}

absl::Duration FieldChecker::Span(const FieldPath& path,
                                  const google::protobuf::Duration& value,
                                  absl::Duration least, absl::Duration most) {
  const int64_t seconds = value.seconds();
  const int32_t nanos = value.nanos();
  if (seconds > kMaxDurationSeconds || seconds < -kMaxDurationSeconds ||
      nanos >= kNanosPerSecond || nanos <= -kNanosPerSecond ||
      (seconds > 0 && nanos < 0) || (seconds < 0 && nanos > 0)) {
    Invalid(path,
            fmt::format("{} s and {} ns are no duration", seconds, nanos));
    return absl::ZeroDuration();
  }
  const absl::Duration span = absl::Seconds(seconds) + absl::Nanoseconds(nanos);
  if (span >= least && span <= most) return span;
  if (span < absl::ZeroDuration()) {
    Invalid(path, fmt::format("{} is negative", absl::FormatDuration(span)));
  } else if (span < least) {
    Invalid(path, fmt::format("{} is less than {}", absl::FormatDuration(span),
                              absl::FormatDuration(least)));
  } else {
    Invalid(path, fmt::format("{} is more than {}", absl::FormatDuration(span),
                              absl::FormatDuration(most)));
  }
  return absl::ZeroDuration();
}

}  // namespace w2t::wire
