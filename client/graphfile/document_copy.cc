// Copies part of a Document, with other texts.
#include <utility>

#include "client/graphfile/document.h"

namespace w2t::graphfile {

class DocumentCopier {
 public:
  DocumentCopier(Document& to, uint64_t max_nodes, Document::Rewrite rewrite)
      : to_(to), max_nodes_(max_nodes), rewrite_(rewrite) {}

  // Copies `value` and all below it, whose depth is bounded. False when it is
  // too much.
  bool Copy(const Value& value, bool in_list) {
    if (to_.nodes_.size() >= max_nodes_) return false;
    const auto node = static_cast<uint32_t>(to_.nodes_.size());
    const Position at = value.at();
    to_.nodes_.push_back({.line = at.line,
                          .column = at.column,
                          .type = value.type(),
                          .quoted = value.quoted()});
    switch (value.type()) {
      case NodeType::kNull:
        return true;
      case NodeType::kScalar:
        return SetText(node, value, in_list);
      case NodeType::kList:
        return CopyItems(node, value);
      case NodeType::kMap:
        return CopyEntries(node, value);
    }
    return true;
  }

 private:
  bool SetText(uint32_t node, const Value& value, bool in_list) {
    const std::optional<std::string> changed = rewrite_(value, keys_, in_list);
    const std::string_view text = changed ? *changed : value.text();
    if (to_.texts_.size() + text.size() > UINT32_MAX) return false;
    to_.nodes_[node].text_begin = static_cast<uint32_t>(to_.texts_.size());
    to_.nodes_[node].text_size = static_cast<uint32_t>(text.size());
    to_.texts_ += text;
    return true;
  }

  // Links the node that comes next behind `last`, or below `parent`.
  void Link(uint32_t parent, uint32_t& last) {
    const auto next = static_cast<uint32_t>(to_.nodes_.size());
    if (last == Document::kNone) {
      to_.nodes_[parent].first = next;
    } else {
      to_.nodes_[last].next = next;
    }
    last = next;
  }

  bool CopyItems(uint32_t node, const Value& list) {
    uint32_t last = Document::kNone;
    for (const Value& item : list.Items()) {
      Link(node, last);
      if (!Copy(item, true)) return false;
    }
    return true;
  }

  bool CopyEntries(uint32_t node, const Value& map) {
    uint32_t last = Document::kNone;
    for (const Entry& entry : map.Entries()) {
      Link(node, last);
      if (!CopyKey(entry.key)) return false;
      Link(node, last);
      keys_.push_back(entry.key.text());
      const bool fits = Copy(entry.value, false);
      keys_.pop_back();
      if (!fits) return false;
    }
    return true;
  }

  // Keys stay as they are.
  bool CopyKey(const Value& key) {
    DocumentCopier as_it_is(
        to_, max_nodes_,
        [](const Value&, absl::Span<const std::string_view>,
           bool) -> std::optional<std::string> { return std::nullopt; });
    return as_it_is.Copy(key, false);
  }

  Document& to_;
  const uint64_t max_nodes_;
  const Document::Rewrite rewrite_;
  std::vector<std::string_view> keys_;
};

std::unique_ptr<Document> Document::Copy(const Value& value, uint64_t max_nodes,
                                         Rewrite rewrite) {
  std::unique_ptr<Document> copy(new Document());
  copy->file_ = value.at().file;
  DocumentCopier copier(*copy, max_nodes, rewrite);
  return copier.Copy(value, false) ? std::move(copy) : nullptr;
}

bool Value::HasDollar() const {
  if (is_scalar()) return text().find('$') != std::string_view::npos;
  for (const Value& item : Items()) {
    if (item.HasDollar()) return true;
  }
  for (const Entry& entry : Entries()) {
    if (entry.value.HasDollar()) return true;
  }
  return false;
}

}  // namespace w2t::graphfile
