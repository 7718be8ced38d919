#include "client/worker/probe/line_matcher.h"

#include <fmt/format.h>
#include <regex.h>

#include <algorithm>
#include <utility>

namespace w2t::worker {

namespace {

// An expression without any of these is a text.
constexpr std::string_view kOperators = "^$.*+?()[]{}|\\";

class TextMatcher final : public LineMatcher {
 public:
  explicit TextMatcher(std::string_view text) : text_(text) {}

  std::string what() const override {
    return fmt::format("a line with \"{}\"", text_);
  }
  std::unique_ptr<LineMatcher> Clone() const override {
    return std::make_unique<TextMatcher>(text_);
  }

 private:
  bool Matches(std::string_view line, bool) const override {
    return line.find(text_) != std::string_view::npos;
  }

  const std::string text_;
};

class Regex {
 public:
  explicit Regex(const std::string& expression)
      : error_(regcomp(&compiled_, expression.c_str(),
                       REG_EXTENDED | REG_NOSUB)) {}
  ~Regex() {
    if (error_ == 0) regfree(&compiled_);
  }
  Regex(const Regex&) = delete;
  Regex& operator=(const Regex&) = delete;

  bool ok() const { return error_ == 0; }
  std::string error() const {
    char words[256];
    regerror(error_, &compiled_, words, sizeof(words));
    return words;
  }
  bool Matches(std::string_view line) const {
    regmatch_t range{.rm_so = 0, .rm_eo = static_cast<regoff_t>(line.size())};
    return regexec(&compiled_, line.data(), 0, &range, REG_STARTEND) == 0;
  }

 private:
  regex_t compiled_{};
  const int error_;
};

class RegexMatcher final : public LineMatcher {
 public:
  RegexMatcher(std::string_view expression, std::shared_ptr<const Regex> regex)
      : expression_(expression), regex_(std::move(regex)) {}

  std::string what() const override {
    return fmt::format("a line that matches /{}/", expression_);
  }
  std::unique_ptr<LineMatcher> Clone() const override {
    return std::make_unique<RegexMatcher>(expression_, regex_);
  }

 private:
  bool Matches(std::string_view line, bool complete) const override {
    return complete && regex_->Matches(line);
  }

  const std::string expression_;
  const std::shared_ptr<const Regex> regex_;
};

}  // namespace

std::unique_ptr<LineMatcher> LineMatcher::ForText(std::string_view text) {
  return std::make_unique<TextMatcher>(text);
}

absl::StatusOr<std::unique_ptr<LineMatcher>> LineMatcher::ForRegex(
    std::string_view expression) {
  // To compile it takes as long as many a program takes to say this.
  if (expression.find_first_of(kOperators) == std::string_view::npos) {
    return ForText(expression);
  }
  auto regex = std::make_shared<const Regex>(std::string(expression));
  if (!regex->ok()) {
    return absl::InvalidArgumentError(
        fmt::format("log: \"{}\": {}", expression, regex->error()));
  }
  return std::make_unique<RegexMatcher>(expression, std::move(regex));
}

bool LineMatcher::Feed(std::string_view data) {
  while (!data.empty()) {
    const size_t end = data.find('\n');
    const std::string_view piece = data.substr(0, end);
    const size_t room = kMaxLineBytes - std::min(kMaxLineBytes, line_.size());
    const bool grown = room > 0 && !piece.empty();
    line_ += piece.substr(0, room);
    const bool complete = end != std::string_view::npos;
    if ((complete || grown) && Matches(line_, complete)) return true;
    if (!complete) return false;
    line_.clear();
    data.remove_prefix(end + 1);
  }
  return false;
}

bool LineMatcher::End() {
  const bool matched = !line_.empty() && Matches(line_, true);
  line_.clear();
  return matched;
}

}  // namespace w2t::worker
