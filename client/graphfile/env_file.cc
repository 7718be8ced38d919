#include "client/graphfile/env_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace w2t::graphfile {
namespace {

class EnvReader {
 public:
  EnvReader(std::string_view text, uint32_t file, Lookup outside,
            Environment& variables, Faults& faults)
      : rest_(text),
        at_{1, 1, file},
        outside_(outside),
        variables_(variables),
        faults_(faults) {}

  void Read() {
    if (rest_.starts_with("\xef\xbb\xbf")) rest_.remove_prefix(3);
    while (!rest_.empty()) {
      SkipBlanks();
      if (!rest_.empty() && rest_[0] != '\n' && rest_[0] != '#') {
        ReadAssignment();
      }
      Take(std::min(rest_.find('\n'), rest_.size() - 1) + 1);
    }
  }

 private:
  static constexpr std::string_view kBlanks = " \t\r";

  void Take(size_t size) {
    for (const char c : rest_.substr(0, size)) {
      at_ = c == '\n' ? Position{at_.line + 1, 1, at_.file}
                      : Position{at_.line, at_.column + 1, at_.file};
    }
    rest_.remove_prefix(std::min(size, rest_.size()));
  }

  void SkipBlanks() {
    Take(std::min(rest_.find_first_not_of(kBlanks), rest_.size()));
  }

  void ReadAssignment() {
    if (rest_.starts_with("export") && rest_.size() > 6 &&
        kBlanks.find(rest_[6]) != std::string_view::npos) {
      Take(6);
      SkipBlanks();
    }
    const Position name_at = at_;
    const size_t end = std::min(rest_.find_first_of("=\n"), rest_.size());
    std::string_view name = rest_.substr(0, end);
    while (!name.empty() &&
           kBlanks.find(name.back()) != std::string_view::npos) {
      name.remove_suffix(1);
    }
    if (end == rest_.size() || rest_[end] != '=' || !IsVariableName(name)) {
      faults_.Add(name_at, "a line of an env_file must be NAME=VALUE");
      return;
    }
    const std::string kept(name);
    Take(end + 1);
    SkipBlanks();
    std::string value;
    if (ReadValue(value)) variables_.insert_or_assign(kept, std::move(value));
  }

  bool ReadValue(std::string& value) {
    if (rest_.starts_with('\'')) return ReadQuoted('\'', value);
    if (rest_.starts_with('"')) return ReadQuoted('"', value);
    std::string_view plain = rest_.substr(0, rest_.find('\n'));
    for (size_t i = 0; i < plain.size(); ++i) {
      const bool spaced = i == 0 || plain[i - 1] == ' ' || plain[i - 1] == '\t';
      if (plain[i] == '#' && spaced) plain = plain.substr(0, i);
    }
    while (!plain.empty() &&
           kBlanks.find(plain.back()) != std::string_view::npos) {
      plain.remove_suffix(1);
    }
    return PutIn(plain, at_, value);
  }

  bool ReadQuoted(char quote, std::string& value) {
    const Position begin = at_;
    std::string inside;
    size_t i = 1;
    for (; i < rest_.size() && rest_[i] != quote; ++i) {
      if (quote == '"' && rest_[i] == '\\' && i + 1 < rest_.size()) {
        inside += Escaped(rest_[++i]);
      } else {
        inside += rest_[i];
      }
    }
    if (i >= rest_.size()) {
      faults_.Add(begin, fmt::format("a quote {} that is not closed", quote));
      rest_ = {};
      return false;
    }
    Take(i + 1);
    SkipBlanks();
    if (!rest_.empty() && rest_[0] != '\n' && rest_[0] != '#') {
      faults_.Add(at_, "nothing but a comment may follow a quoted value");
      return false;
    }
    if (quote == '"') return PutIn(inside, begin, value);
    value = std::move(inside);
    return true;
  }

  static std::string Escaped(char c) {
    switch (c) {
      case 'n':
        return "\n";
      case 't':
        return "\t";
      case 'r':
        return "\r";
      case '$':
        return "$$";
      case '"':
      case '\\':
        return {c};
      default:
        return {'\\', c};
    }
  }

  bool PutIn(std::string_view text, Position at, std::string& value) {
    Expansion expansion =
        Expand(text, ExpandMode::kAll,
               [&](std::string_view name) -> std::optional<std::string_view> {
                 if (const auto value = outside_(name)) return value;
                 const auto it = variables_.find(name);
                 if (it == variables_.end()) return std::nullopt;
                 return it->second;
               });
    value = std::move(expansion.text);
    if (expansion.fault.empty()) return true;
    faults_.Add(at, std::move(expansion.fault));
    return false;
  }

  std::string_view rest_;
  Position at_;
  const Lookup outside_;
  Environment& variables_;
  Faults& faults_;
};

}  // namespace

void ReadEnvText(std::string_view text, uint32_t file, Lookup outside,
                 Environment& variables, Faults& faults) {
  EnvReader(text, file, outside, variables, faults).Read();
}

}  // namespace w2t::graphfile
