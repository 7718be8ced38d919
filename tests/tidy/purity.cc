#include "tests/tidy/purity.h"

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "fmt/format.h"

namespace w2t::tidy {
namespace {

using Names = std::set<std::string>;

bool InPureCore(const File& file) {
  return IsCpp(file) && HasPrefix(file.path, "core/") &&
         !HasPrefix(file.path, "core/runtime/");
}

void FindWords(const File& file, const std::vector<std::string_view>& words,
               std::string_view why, Findings& findings) {
  for (std::string_view word : words) {
    for (size_t at : FindWord(file.code, word)) {
      findings.push_back(
          {file.path, LineOf(file.code, at), fmt::format("{}: {}", word, why)});
    }
  }
}

// The offset behind the '>' that closes the '<' at `open`.
size_t BehindAngles(std::string_view code, size_t open) {
  int depth = 0;
  for (size_t i = open; i < code.size(); ++i) {
    if (code[i] == '<') ++depth;
    if (code[i] == '>' && --depth == 0) return i + 1;
    if (code[i] == ';' || code[i] == '{') break;
  }
  return std::string_view::npos;
}

std::string WordAt(std::string_view code, size_t at) {
  at = code.find_first_not_of(" \t\n&*", at);
  if (at == std::string_view::npos) return "";
  size_t end = at;
  while (end < code.size() && IsWordCharacter(code[end])) ++end;
  return std::string(code.substr(at, end - at));
}

// The identifier that ends at `end`.
std::string WordBefore(std::string_view code, size_t end) {
  while (end > 0 && code[end - 1] == ' ') --end;
  size_t begin = end;
  while (begin > 0 && IsWordCharacter(code[begin - 1])) --begin;
  return std::string(code.substr(begin, end - begin));
}

// Names declared in `file` with a hash container as their type.
Names HashNames(const File& file) {
  Names names;
  Names aliases;
  for (std::string_view type :
       {"flat_hash_map", "flat_hash_set", "node_hash_map", "node_hash_set",
        "unordered_map", "unordered_set"}) {
    for (size_t at : FindWord(file.code, type)) {
      const size_t open = at + type.size();
      if (open >= file.code.size() || file.code[open] != '<') continue;
      const size_t behind = BehindAngles(file.code, open);
      if (behind == std::string_view::npos) continue;
      names.insert(WordAt(file.code, behind));
      const size_t equals = file.code.rfind('=', at);
      const size_t semicolon = file.code.rfind(';', at);
      const size_t alias = file.code.rfind("using ", at);
      if (equals != std::string::npos && alias != std::string::npos &&
          alias < equals &&
          (semicolon == std::string::npos || semicolon < alias)) {
        aliases.insert(WordBefore(file.code, equals));
      }
    }
  }
  for (const std::string& alias : aliases) {
    for (size_t at : FindWord(file.code, alias)) {
      names.insert(WordAt(file.code, at + alias.size()));
    }
  }
  names.erase("");
  return names;
}

// Names of a file and of the core headers that it includes, however deep.
void AddNamesSeen(const File& file,
                  const std::map<std::string, const File*>& by,
                  std::set<std::string>& visited, Names& names) {
  if (!visited.insert(file.path).second) return;
  names.merge(HashNames(file));
  for (std::string_view line : Lines(file.code)) {
    if (!HasPrefix(line, "#include \"")) continue;
    const std::string name(line.substr(10, line.find('"', 10) - 10));
    for (const std::string& path : {name, "core/include/" + name}) {
      const auto found = by.find(path);
      if (found != by.end()) AddNamesSeen(*found->second, by, visited, names);
    }
  }
}

// The expression that a range-for at `at` goes over; empty if it is another.
std::string_view RangeOf(std::string_view code, size_t at) {
  const size_t open = code.find('(', at);
  if (open == std::string_view::npos) return "";
  int depth = 0;
  size_t colon = 0;
  for (size_t i = open; i < code.size(); ++i) {
    if (code[i] == '(') ++depth;
    if (code[i] == ';') return "";
    if (code[i] == ':' && depth == 1 && colon == 0 && code[i + 1] != ':' &&
        code[i - 1] != ':') {
      colon = i;
    }
    if (code[i] == ')' && --depth == 0) {
      return colon == 0 ? "" : code.substr(colon + 1, i - colon - 1);
    }
  }
  return "";
}

}  // namespace

Findings CheckPurity(const std::vector<File>& files) {
  Findings findings;
  for (const File& file : files) {
    if (!InPureCore(file)) continue;
    FindWords(file,
              {"system_clock", "steady_clock", "high_resolution_clock",
               "clock_gettime", "gettimeofday", "GetCurrentTimeNanos"},
              "core reads no clock; time is an argument", findings);
    for (size_t at : FindWord(file.code, "Now")) {
      if (at >= 6 && file.code.compare(at - 6, 6, "absl::") == 0) {
        findings.push_back({file.path, LineOf(file.code, at),
                            "absl::Now: core reads no clock"});
      }
    }
    FindWords(file,
              {"sleep_for", "sleep_until", "SleepFor", "usleep", "nanosleep"},
              "core never waits", findings);
    FindWords(file,
              {"thread", "jthread", "mutex", "Mutex", "thread_local",
               "condition_variable"},
              "core has one thread", findings);
    if (!IsFlow(file)) {
      FindWords(file, {"atomic", "async"}, "core has one thread", findings);
    }
    FindWords(file,
              {"rand", "srand", "random_device", "mt19937", "BitGen",
               "default_random_engine"},
              "core draws no random numbers", findings);
  }
  return findings;
}

Findings CheckHashIteration(const std::vector<File>& files) {
  std::map<std::string, const File*> by_path;
  for (const File& file : files) by_path[file.path] = &file;
  Findings findings;
  for (const File& file : files) {
    if (!InPureCore(file)) continue;
    Names names;
    std::set<std::string> visited;
    AddNamesSeen(file, by_path, visited, names);
    for (size_t at : FindWord(file.code, "for")) {
      const std::string_view range = RangeOf(file.code, at);
      const std::string name = WordBefore(range, range.size());
      if (names.contains(name)) {
        findings.push_back(
            {file.path, LineOf(file.code, at),
             fmt::format("goes over the hash container {}", name)});
      }
    }
    for (size_t at : FindWord(file.code, "begin")) {
      if (at == 0 || file.code[at - 1] != '.') continue;
      const std::string name = WordBefore(file.code, at - 1);
      if (names.contains(name)) {
        findings.push_back({file.path, LineOf(file.code, at),
                            fmt::format("begins to go over the hash container "
                                        "{}",
                                        name)});
      }
    }
  }
  return findings;
}

Findings CheckCoroutines(const std::vector<File>& files) {
  Findings findings;
  for (const File& file : files) {
    if (!IsCpp(file) || IsFlow(file) || HasPrefix(file.path, "core/runtime/") ||
        HasPrefix(file.path, "deploy/") || HasPrefix(file.path, "tests/")) {
      continue;
    }
    FindWords(file, {"co_await", "co_return", "co_yield"},
              "coroutines are for the embedded API only", findings);
  }
  return findings;
}

Findings CheckAwaitedTemporaries(const std::vector<File>& files) {
  Findings findings;
  for (const File& file : files) {
    if (!IsCpp(file)) continue;
    for (const size_t at : FindWord(file.code, "co_await")) {
      const std::string_view code = file.code;
      if (WordBefore(code, at) == "operator") continue;
      const std::string_view awaited =
          code.substr(at, code.find_first_of(";{", at) - at);
      // A lambda with captures, or braces right behind a type.
      const size_t capture = awaited.find('[');
      const bool captures = capture != std::string_view::npos &&
                            capture + 1 < awaited.size() &&
                            awaited[capture + 1] != ']';
      const size_t end = at + awaited.size();
      const bool braces =
          capture == std::string_view::npos && end < code.size() &&
          code[end] == '{' &&
          (IsWordCharacter(awaited.back()) || awaited.back() == '>');
      if (captures || braces) {
        findings.push_back(
            {file.path, LineOf(code, at),
             "g++ 12 miscompiles a temporary like this one inside co_await; "
             "give it a name first"});
      }
    }
  }
  return findings;
}

}  // namespace w2t::tidy
