#include "tests/tidy/budgets.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <string_view>
#include <vector>

#include "fmt/format.h"

namespace w2t::tidy {
namespace {

// Preprocessor lines, with those that they continue on, made blank.
std::string WithoutDirectives(std::string code) {
  bool inside = false;
  size_t at = 0;
  while (at < code.size()) {
    size_t end = code.find('\n', at);
    if (end == std::string::npos) end = code.size();
    inside = inside || code[at] == '#';
    const bool continues = inside && end > at && code[end - 1] == '\\';
    if (inside) std::fill(code.begin() + at, code.begin() + end, ' ');
    inside = continues;
    at = end + 1;
  }
  return code;
}

std::string OnOneLine(std::string_view text) {
  std::string line;
  for (char c : text) {
    const bool space = std::isspace(static_cast<unsigned char>(c)) != 0;
    if (!space) {
      line += c;
    } else if (!line.empty() && line.back() != ' ') {
      line += ' ';
    }
  }
  return line;
}

bool OpensFunction(std::string_view head) {
  for (std::string_view word :
       {"namespace", "class", "struct", "union", "enum", "extern"}) {
    if (!FindWord(head, word).empty() && HasPrefix(head, word)) return false;
  }
  return head.find('(') != std::string_view::npos;
}

size_t LinesOf(const File& file) { return Lines(file.text).size(); }

}  // namespace

std::vector<Function> FunctionsOf(const File& file) {
  const std::string code = WithoutDirectives(file.code);
  std::vector<Function> functions;
  size_t statement = 0;  // where the current statement begins
  size_t depth = 0;      // of braces inside the current function
  size_t begin = 0;      // of the current function
  for (size_t i = 0; i < code.size(); ++i) {
    if (depth > 0) {
      if (code[i] == '{') ++depth;
      if (code[i] == '}' && --depth == 0) {
        Function& function = functions.back();
        function.lines = LineOf(code, i) - function.line + 1;
        statement = i + 1;
      }
      continue;
    }
    if (code[i] == '{') {
      begin = code.find_first_not_of(" \t\n", statement);
      const std::string head =
          OnOneLine(std::string_view(code).substr(begin, i - begin));
      if (OpensFunction(head)) {
        functions.push_back({head, LineOf(code, begin), 0});
        depth = 1;
      }
    }
    if (code[i] == '{' || code[i] == '}' || code[i] == ';') statement = i + 1;
  }
  return functions;
}

Findings CheckFileLengths(const std::vector<File>& files) {
  Findings findings;
  for (const File& file : files) {
    const bool script = HasPrefix(file.text, "#!");
    if (!IsCpp(file) && !script) continue;
    const size_t budget =
        HasPrefix(file.path, "tests/") ? kMaxTestFileLines : kMaxFileLines;
    const size_t lines = LinesOf(file);
    if (lines > budget) {
      findings.push_back(
          {file.path, 0,
           fmt::format("has {} lines; the budget is {}", lines, budget)});
    }
  }
  return findings;
}

Findings CheckFunctionLengths(const std::vector<File>& files) {
  Findings findings;
  for (const File& file : files) {
    if (!IsCpp(file)) continue;
    for (const Function& function : FunctionsOf(file)) {
      if (function.lines <= kMaxFunctionLines) continue;
      findings.push_back(
          {file.path, function.line,
           fmt::format("{} has {} lines; the budget is {}", function.head,
                       function.lines, kMaxFunctionLines)});
    }
  }
  return findings;
}

Findings CheckLeftovers(const std::vector<File>& files) {
  // Put together here, so that this file does not contain them.
  static const std::array<std::string, 4> marks = {
      std::string("TO") + "DO", std::string("FIX") + "ME",
      std::string("XX") + "X", std::string("HA") + "CK"};
  Findings findings;
  for (const File& file : files) {
    for (const std::string& mark : marks) {
      for (size_t at : FindWord(file.text, mark)) {
        findings.push_back({file.path, LineOf(file.text, at),
                            fmt::format("leftover {}", mark)});
      }
    }
  }
  return findings;
}

}  // namespace w2t::tidy
