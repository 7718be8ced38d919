#include "tests/tidy/source.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

namespace w2t::tidy {
namespace {

namespace fs = std::filesystem;

bool IsSkipped(const std::string& path) {
  return path == "build" || path == ".git" || path == "tests/fuzz/corpus";
}

// Blanks comments and literals, one construct at a time.
class Blanker {
 public:
  explicit Blanker(std::string text) : text_(std::move(text)) {}

  std::string Run() {
    while (at_ < text_.size()) {
      if (StartsWith("//")) {
        BlankUntil("\n", false);
      } else if (StartsWith("/*")) {
        BlankUntil("*/", true);
      } else if (IsRawString()) {
        BlankRawString();
      } else if (text_[at_] == '"' || IsCharacter()) {
        BlankQuoted(text_[at_]);
      } else {
        ++at_;
      }
    }
    return std::move(text_);
  }

 private:
  bool StartsWith(std::string_view prefix) const {
    return HasPrefix(std::string_view(text_).substr(at_), prefix);
  }

  // Not a digit separator, as in 1'000.
  bool IsCharacter() const {
    return text_[at_] == '\'' && (at_ == 0 || !IsWordCharacter(text_[at_ - 1]));
  }

  bool IsRawString() const {
    return StartsWith("R\"") && (at_ == 0 || !IsWordCharacter(text_[at_ - 1]));
  }

  void Blank() {
    if (text_[at_] != '\n') text_[at_] = ' ';
    ++at_;
  }

  void BlankUntil(std::string_view end, bool inclusive) {
    while (at_ < text_.size() && !StartsWith(end)) Blank();
    for (size_t i = 0; inclusive && i < end.size() && at_ < text_.size(); ++i) {
      Blank();
    }
  }

  void BlankRawString() {
    const size_t open = text_.find('(', at_);
    if (open == std::string::npos) {
      ++at_;
      return;
    }
    const std::string end = ")" + text_.substr(at_ + 2, open - at_ - 2) + "\"";
    BlankUntil(end, true);
  }

  void BlankQuoted(char quote) {
    ++at_;
    while (at_ < text_.size() && text_[at_] != quote && text_[at_] != '\n') {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) Blank();
      Blank();
    }
    if (at_ < text_.size()) ++at_;
  }

  std::string text_;
  size_t at_ = 0;
};

bool EndsWith(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() &&
         text.substr(text.size() - suffix.size()) == suffix;
}

// Includes are needed with their names, so these lines keep their text.
void RestoreIncludes(const std::string& text, std::string& code) {
  size_t at = 0;
  while (at < text.size()) {
    size_t end = text.find('\n', at);
    if (end == std::string::npos) end = text.size();
    if (HasPrefix(std::string_view(text).substr(at), "#include")) {
      code.replace(at, end - at, text, at, end - at);
    }
    at = end + 1;
  }
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Finding& finding) {
  out << finding.path;
  if (finding.line != 0) out << ':' << finding.line;
  return out << ": " << finding.message;
}

bool IsHeader(const File& file) { return EndsWith(file.path, ".h"); }

bool IsCpp(const File& file) {
  return IsHeader(file) || EndsWith(file.path, ".cc");
}

bool IsFlow(const File& file) {
  return IsCpp(file) && (HasPrefix(file.path, "core/flow/") ||
                         HasPrefix(file.path, "core/include/w2t/flow"));
}

File MakeFile(std::string path, std::string text) {
  File file{std::move(path), std::move(text), ""};
  if (IsCpp(file) || EndsWith(file.path, ".proto")) {
    file.code = Blanker(file.text).Run();
    RestoreIncludes(file.text, file.code);
  }
  return file;
}

std::vector<File> ReadTree(const std::string& root) {
  std::vector<File> files;
  for (auto at = fs::recursive_directory_iterator(root);
       at != fs::recursive_directory_iterator(); ++at) {
    const std::string path = fs::relative(at->path(), root).generic_string();
    if (IsSkipped(path)) {
      at.disable_recursion_pending();
    } else if (at->is_regular_file()) {
      std::ifstream in(at->path(), std::ios::binary);
      std::stringstream text;
      text << in.rdbuf();
      files.push_back(MakeFile(path, text.str()));
    }
  }
  std::sort(files.begin(), files.end(),
            [](const File& a, const File& b) { return a.path < b.path; });
  return files;
}

std::vector<std::string_view> Lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

size_t LineOf(std::string_view text, size_t offset) {
  return 1 + static_cast<size_t>(std::count(
                 text.begin(), text.begin() + static_cast<ptrdiff_t>(offset),
                 '\n'));
}

bool HasPrefix(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

bool IsWordCharacter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

std::vector<size_t> FindWord(std::string_view code, std::string_view word) {
  std::vector<size_t> found;
  for (size_t at = code.find(word); at != std::string_view::npos;
       at = code.find(word, at + 1)) {
    const size_t end = at + word.size();
    const bool begins = at == 0 || !IsWordCharacter(code[at - 1]);
    const bool ends = end == code.size() || !IsWordCharacter(code[end]);
    if (begins && ends) found.push_back(at);
  }
  return found;
}

}  // namespace w2t::tidy
