#include "client/graphfile/expand.h"

#include <fmt/format.h>

namespace w2t::graphfile {
namespace {

bool IsNameStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

// What stands between the braces.
struct Reference {
  std::string_view name;
  bool or_empty = false;  // with a colon
  char operation = 0;     // '-', '?', '+', or 0
  std::string_view word;
};

std::optional<Reference> ParseReference(std::string_view inside) {
  Reference reference;
  reference.name = VariableNameAt(inside);
  if (reference.name.empty()) return std::nullopt;
  std::string_view rest = inside.substr(reference.name.size());
  if (rest.empty()) return reference;
  if (rest[0] == ':') {
    reference.or_empty = true;
    rest.remove_prefix(1);
  }
  if (rest.empty() ||
      std::string_view("-?+").find(rest[0]) == std::string_view::npos) {
    return std::nullopt;
  }
  reference.operation = rest[0];
  reference.word = rest.substr(1);
  return reference;
}

// Where the brace closes that is open at the front of `text`.
size_t FindClosing(std::string_view text) {
  int depth = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '$' && i + 1 < text.size()) {
      if (text[i + 1] == '{') ++depth;
      if (text[i + 1] == '{' || text[i + 1] == '$') ++i;
    } else if (text[i] == '}') {
      if (depth == 0) return i;
      --depth;
    }
  }
  return std::string_view::npos;
}

class Expander {
 public:
  Expander(ExpandMode mode, Lookup lookup) : mode_(mode), lookup_(lookup) {}

  // False when there is a fault.
  bool Expand(std::string_view text, int depth) {
    if (depth > kMaxExpandDepth) {
      return Fail(
          fmt::format("variables stand more than {} deep in each "
                      "other; the limit max_expand_depth is {}",
                      kMaxExpandDepth, kMaxExpandDepth));
    }
    while (!text.empty()) {
      const size_t dollar = text.find('$');
      if (!Append(text.substr(0, dollar))) return false;
      if (dollar == std::string_view::npos) return true;
      text.remove_prefix(dollar);
      if (!TakeDollar(text, depth)) return false;
    }
    return true;
  }

  Expansion Take() {
    return {std::move(out_), std::move(fault_), std::move(unset_)};
  }

 private:
  bool known_only() const { return mode_ == ExpandMode::kKnownOnly; }
  // Whether what is not set is left to somebody else.
  bool keeps_unset() const {
    return known_only() || mode_ == ExpandMode::kSetOnly;
  }

  bool Fail(std::string fault) {
    fault_ = std::move(fault);
    return false;
  }

  bool Append(std::string_view text) {
    if (out_.size() + text.size() > kMaxExpandedBytes) {
      return Fail(
          fmt::format("with its variables it takes more than {} bytes; "
                      "the limit max_expanded_bytes is {}",
                      kMaxExpandedBytes, kMaxExpandedBytes));
    }
    out_ += text;
    return true;
  }

  // Takes the dollar at the front of `text` off, with what belongs to it.
  bool TakeDollar(std::string_view& text, int depth) {
    if (text.starts_with("$$")) {
      text.remove_prefix(2);
      return Append(known_only() ? "$$" : "$");
    }
    if (text.starts_with("${")) return TakeBraces(text, depth);
    const std::string_view name =
        known_only() ? std::string_view() : VariableNameAt(text.substr(1));
    if (!name.empty() && keeps_unset() && !lookup_(name)) {
      const std::string_view kept = text.substr(0, 1 + name.size());
      text.remove_prefix(kept.size());
      return Append(kept);
    }
    text.remove_prefix(1 + name.size());
    if (name.empty()) return Append("$");
    return AppendValue({.name = name}, depth);
  }

  bool TakeBraces(std::string_view& text, int depth) {
    const std::string_view rest = text.substr(2);
    const size_t closing = FindClosing(rest);
    const std::optional<Reference> reference =
        closing == std::string_view::npos
            ? std::nullopt
            : ParseReference(rest.substr(0, closing));
    if (keeps_unset() && (!reference || !lookup_(reference->name))) {
      text = rest;
      return Append("${");
    }
    if (closing == std::string_view::npos) {
      return Fail("\"${\" is not closed; a dollar is written $$");
    }
    if (!reference) {
      return Fail(
          fmt::format("\"${{{}}}\" is no variable such as ${{NAME}} or "
                      "${{NAME:-default}}; a dollar is written $$",
                      rest.substr(0, std::min<size_t>(closing, 40))));
    }
    text = rest.substr(closing + 1);
    return AppendValue(*reference, depth);
  }

  bool AppendValue(const Reference& reference, int depth) {
    const std::optional<std::string_view> value = lookup_(reference.name);
    const bool there = value && !(reference.or_empty && value->empty());
    switch (reference.operation) {
      case '+':
        return !there || Expand(reference.word, depth + 1);
      case '-':
        return there ? Append(*value) : Expand(reference.word, depth + 1);
      case '?':
        return there ? Append(*value) : FailRequired(reference, depth);
      default:
        break;
    }
    if (value) return Append(*value);
    if (mode_ == ExpandMode::kUnsetIsEmpty) {
      unset_.emplace_back(reference.name);
      return true;
    }
    return Fail(
        fmt::format("the variable {} is not set; ${{{}:-default}} "
                    "gives it a default",
                    reference.name, reference.name));
  }

  bool FailRequired(const Reference& reference, int depth) {
    Expander message(mode_, lookup_);
    if (!message.Expand(reference.word, depth + 1)) {
      return Fail(std::move(message.fault_));
    }
    return Fail(fmt::format("the variable {} is not set{}{}{}", reference.name,
                            reference.or_empty ? " or empty" : "",
                            message.out_.empty() ? "" : ": ", message.out_));
  }

  const ExpandMode mode_;
  const Lookup lookup_;
  std::string out_;
  std::string fault_;
  std::vector<std::string> unset_;
};

}  // namespace

Expansion Expand(std::string_view text, ExpandMode mode, Lookup lookup) {
  Expander expander(mode, lookup);
  expander.Expand(text, 0);
  return expander.Take();
}

std::string_view VariableNameAt(std::string_view text) {
  if (text.empty() || !IsNameStart(text[0])) return {};
  size_t size = 1;
  while (size < text.size() && (IsNameStart(text[size]) ||
                                (text[size] >= '0' && text[size] <= '9'))) {
    ++size;
  }
  return text.substr(0, size);
}

bool IsVariableName(std::string_view name) {
  return !name.empty() && VariableNameAt(name).size() == name.size();
}

}  // namespace w2t::graphfile
