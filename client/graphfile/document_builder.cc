// Builds a Document from yaml-cpp's events.
#include <fmt/format.h>
#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <istream>
#include <optional>
#include <streambuf>
#include <utility>

#include "client/graphfile/document.h"
#include "client/graphfile/json_text.h"
#include "proto/wire/field.h"

namespace w2t::graphfile {
namespace {

// A fault that the parser itself does not know of.
struct Refusal {
  Position at;
  std::string message;
};

Position PositionOf(const YAML::Mark& mark) {
  if (mark.is_null()) return {};
  return {static_cast<uint32_t>(mark.line) + 1,
          static_cast<uint32_t>(mark.column) + 1};
}

// The first byte that no text has. The parser takes some of them for the end of
// the file, and lets others through.
std::optional<Refusal> FindWhatIsNoText(std::string_view text) {
  Position at{1, 1};
  while (!text.empty()) {
    const size_t length = wire::Utf8Length(text);
    if (length == 0) {
      return Refusal{at, fmt::format("the byte 0x{:02x} is not UTF-8; a graph "
                                     "file is UTF-8",
                                     static_cast<unsigned char>(text[0]))};
    }
    const char c = text[0];
    const auto byte = static_cast<unsigned char>(c);
    if (byte < ' ' && c != '\t' && c != '\n' && c != '\r') {
      return Refusal{at, "a control character; a graph file is text"};
    }
    at =
        c == '\n' ? Position{at.line + 1, 1} : Position{at.line, at.column + 1};
    text.remove_prefix(length);
  }
  return std::nullopt;
}

// Reads a string_view without copying it.
class ViewBuffer : public std::streambuf {
 public:
  explicit ViewBuffer(std::string_view text) {
    char* begin = const_cast<char*>(text.data());  // never written to
    setg(begin, begin, begin + text.size());
  }
};

}  // namespace

class DocumentBuilder : public YAML::EventHandler {
 public:
  DocumentBuilder(const DocumentLimits& limits, uint32_t file,
                  Document& document)
      : limits_(limits),
        file_(static_cast<uint16_t>(file)),
        document_(document) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (documents_++ > 0) {
      throw Refusal{PositionOf(mark), "a second document; a file has one"};
    }
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const uint32_t node = Append(mark, NodeType::kNull);
    Remember(anchor, node);
    Close(node);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const uint32_t node = Append(mark, NodeType::kNull);
    const uint32_t target = anchors_[anchor];
    if (std::find(open_.begin(), open_.end(), target) != open_.end()) {
      throw Refusal{PositionOf(mark), "an alias to something it is part of"};
    }
    const Document::Node& meant = document_.Resolved(target);
    Document::Node& alias = document_.nodes_[node];
    alias.alias = true;
    alias.first = document_.nodes_[target].alias
                      ? document_.nodes_[target].first
                      : target;
    alias.weight = meant.weight;
    alias.height = meant.height;
    Close(node);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag,
                YAML::anchor_t anchor, const std::string& value) override {
    CheckTag(mark, tag);
    const uint32_t node = Append(mark, NodeType::kScalar);
    Document::Node& scalar = document_.nodes_[node];
    scalar.quoted = tag == "!" || tag == "tag:yaml.org,2002:str";
    scalar.text_begin = static_cast<uint32_t>(document_.texts_.size());
    scalar.text_size = static_cast<uint32_t>(value.size());
    document_.texts_ += value;
    Remember(anchor, node);
    Close(node);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag,
                       YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    Open(mark, tag, anchor, NodeType::kList);
  }
  void OnSequenceEnd() override { CloseOpen(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag,
                  YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    Open(mark, tag, anchor, NodeType::kMap);
  }
  void OnMapEnd() override { CloseOpen(); }

 private:
  static void CheckTag(const YAML::Mark& mark, const std::string& tag) {
    if (tag.empty() || tag == "?" || tag == "!" ||
        tag.starts_with("tag:yaml.org,2002:")) {
      return;
    }
    throw Refusal{PositionOf(mark),
                  fmt::format("the tag \"{}\" has no meaning here", tag)};
  }

  uint32_t Append(const YAML::Mark& mark, NodeType type) {
    const auto node = static_cast<uint32_t>(document_.nodes_.size());
    const Position at = PositionOf(mark);
    document_.nodes_.push_back(
        {.line = at.line, .column = at.column, .file = file_, .type = type});
    if (open_.empty()) {
      document_.root_ = node;
    } else if (last_child_.back() == Document::kNone) {
      document_.nodes_[open_.back()].first = node;
    } else {
      document_.nodes_[last_child_.back()].next = node;
    }
    if (!last_child_.empty()) last_child_.back() = node;
    return node;
  }

  void Remember(YAML::anchor_t anchor, uint32_t node) {
    if (anchor == 0) return;
    if (anchors_.size() <= anchor) anchors_.resize(anchor + 1);
    anchors_[anchor] = node;
  }

  void Open(const YAML::Mark& mark, const std::string& tag,
            YAML::anchor_t anchor, NodeType type) {
    CheckTag(mark, tag);
    const uint32_t node = Append(mark, type);
    Remember(anchor, node);
    open_.push_back(node);
    last_child_.push_back(Document::kNone);
    CheckDepth(node, open_.size());
  }

  void CloseOpen() {
    const uint32_t node = open_.back();
    open_.pop_back();
    last_child_.pop_back();
    Close(node);
  }

  // Adds a finished node to what its parent comes to.
  void Close(uint32_t node) {
    const Document::Node& closed = document_.nodes_[node];
    if (open_.empty()) return;
    Document::Node& parent = document_.nodes_[open_.back()];
    parent.weight += closed.weight;
    parent.height = std::max(parent.height, closed.height + 1);
    if (parent.weight > limits_.max_nodes) {
      throw Refusal{{closed.line, closed.column},
                    fmt::format("the file comes to more than {} values with "
                                "its aliases written out; the limit max_nodes "
                                "is {}",
                                limits_.max_nodes, limits_.max_nodes)};
    }
    CheckDepth(node, open_.size() + closed.height);
  }

  void CheckDepth(uint32_t node, size_t depth) const {
    if (depth <= limits_.max_depth) return;
    throw Refusal{{document_.nodes_[node].line, document_.nodes_[node].column},
                  fmt::format("nested {} deep; the limit max_depth is {}",
                              depth, limits_.max_depth)};
  }

  const DocumentLimits limits_;
  const uint16_t file_;
  Document& document_;
  std::vector<uint32_t> anchors_;     // by the parser's number
  std::vector<uint32_t> open_;        // from the root down
  std::vector<uint32_t> last_child_;  // of each of those
  uint32_t documents_ = 0;
};

std::unique_ptr<Document> Document::Parse(std::string_view text,
                                          const DocumentLimits& limits,
                                          Faults& faults, uint32_t file) {
  const auto refuse = [&faults, file](Position at, std::string message) {
    at.file = file;
    faults.Add(at, std::move(message));
    return nullptr;
  };
  if (const std::optional<Refusal> refusal = FindWhatIsNoText(text)) {
    return refuse(refusal->at, refusal->message);
  }
  const std::optional<std::string> joined = JoinSurrogates(text);
  if (joined) text = *joined;
  std::unique_ptr<Document> document(new Document());
  try {
    ViewBuffer buffer(text);
    std::istream stream(&buffer);
    YAML::Parser parser(stream);
    DocumentBuilder builder(limits, file, *document);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Refusal& refusal) {
    return refuse(refusal.at, refusal.message);
  } catch (const YAML::DeepRecursion& deep) {
    return refuse(PositionOf(deep.mark),
                  fmt::format("nested {} deep; the limit max_depth is {}",
                              deep.depth(), limits.max_depth));
  } catch (const YAML::Exception& wrong) {
    return refuse(PositionOf(wrong.mark),
                  fmt::format("not well-formed: {}", wrong.msg));
  } catch (const std::exception& wrong) {
    return refuse({}, fmt::format("cannot be read: {}", wrong.what()));
  }
  if (document->nodes_.empty()) {
    document->nodes_.push_back({.file = static_cast<uint16_t>(file)});
  }
  return document;
}

}  // namespace w2t::graphfile
