#include "tests/tidy/habits.h"

#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>
#include <vector>

#include "fmt/format.h"

namespace w2t::tidy {
namespace {

std::string GuardOf(std::string_view path) {
  std::string_view name = path;
  const size_t at = path.find("/include/w2t/");
  if (at != std::string_view::npos) name = path.substr(at + 13);
  std::string guard = "W2T_";
  for (char c : name) {
    guard +=
        IsWordCharacter(c)
            ? static_cast<char>(std::toupper(static_cast<unsigned char>(c)))
            : '_';
  }
  return guard + "_";
}

std::string_view Trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// The start of a message, enum, service, rpc, field or enum value.
bool IsProtoElement(std::string_view code) {
  for (std::string_view word : {"syntax", "package", "import", "option",
                                "reserved", "}", "returns", "oneof"}) {
    if (HasPrefix(code, word)) return false;
  }
  for (std::string_view word : {"message ", "enum ", "service ", "rpc "}) {
    if (HasPrefix(code, word)) return true;
  }
  return code.find(" = ") != std::string_view::npos &&
         IsWordCharacter(code.front());
}

// True when the build list `list` names `file`: by its whole path, by its path
// below the list's folder, or as NAME of ${name}_test.cc.
bool Lists(const File& list, const File& file) {
  if (list.text.find(file.path) != std::string::npos) return true;
  const std::string folder = list.path.substr(0, list.path.rfind('/') + 1);
  if (folder == list.path || !HasPrefix(file.path, folder)) return false;
  const std::string below = file.path.substr(folder.size());
  if (list.text.find(below) != std::string::npos) return true;
  constexpr std::string_view kSuffix = "_test.cc";
  return below.ends_with(kSuffix) &&
         list.text.find("${name}_test.cc") != std::string::npos &&
         !FindWord(list.text, below.substr(0, below.size() - kSuffix.size()))
              .empty();
}

}  // namespace

Findings CheckGuards(const std::vector<File>& files) {
  Findings findings;
  for (const File& file : files) {
    if (!IsHeader(file)) continue;
    const std::string guard = GuardOf(file.path);
    const std::string opening =
        fmt::format("#ifndef {}\n#define {}\n", guard, guard);
    const std::string closing = fmt::format("#endif  // {}\n", guard);
    if (file.text.find(opening) == std::string::npos ||
        file.text.find(closing) == std::string::npos) {
      findings.push_back(
          {file.path, 0, fmt::format("its guard must be {}", guard)});
    }
  }
  return findings;
}

Findings CheckProtoComments(const std::vector<File>& files) {
  Findings findings;
  for (const File& file : files) {
    if (!HasPrefix(file.path, "proto/") || !file.path.ends_with(".proto")) {
      continue;
    }
    const std::vector<std::string_view> lines = Lines(file.text);
    const std::vector<std::string_view> code = Lines(file.code);
    bool commented = false;  // the line before is a comment
    bool in_statement = false;
    for (size_t i = 0; i < lines.size(); ++i) {
      const std::string_view text = Trim(lines[i]);
      const std::string_view bare = Trim(code[i]);
      if (!bare.empty() && !in_statement && IsProtoElement(bare) &&
          !commented && text.find("//") == std::string_view::npos) {
        findings.push_back(
            {file.path, i + 1, fmt::format("no comment on: {}", bare)});
      }
      if (!bare.empty()) {
        const char last = bare.back();
        in_statement = last != ';' && last != '{' && last != '}';
      }
      commented = HasPrefix(text, "//");
    }
  }
  return findings;
}

Findings CheckBuildLists(const std::vector<File>& files) {
  Findings findings;
  for (const File& file : files) {
    if (!file.path.ends_with(".cc") || HasPrefix(file.path, "tests/install/")) {
      continue;
    }
    const bool listed =
        std::any_of(files.begin(), files.end(), [&](const File& list) {
          return list.path.ends_with("CMakeLists.txt") && Lists(list, file);
        });
    if (!listed) findings.push_back({file.path, 0, "is in no CMakeLists.txt"});
  }
  return findings;
}

Findings CheckLimitsTable(const std::vector<File>& files) {
  std::string_view readme;
  for (const File& file : files) {
    if (file.path == "README.md") readme = file.text;
  }
  Findings findings;
  for (const File& file : files) {
    if (!file.path.ends_with("/limits.h")) continue;
    for (size_t at : FindWord(file.code, "uint64_t")) {
      const size_t begin = file.code.find_first_not_of(' ', at + 8);
      if (!HasPrefix(std::string_view(file.code).substr(begin), "max_")) {
        continue;
      }
      const size_t end = file.code.find(' ', begin);
      const std::string name = file.code.substr(begin, end - begin);
      if (readme.find(fmt::format("`{}`", name)) == std::string_view::npos) {
        findings.push_back({file.path, LineOf(file.code, begin),
                            fmt::format("README.md lacks {}", name)});
      }
    }
  }
  return findings;
}

}  // namespace w2t::tidy
