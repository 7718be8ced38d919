// Copies parts of Documents: with other texts, or one on top of another.
#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "client/graphfile/document.h"
#include "core/base/absl_view.h"

namespace w2t::graphfile {
namespace {

std::optional<std::string> KeepText(const Value& /*scalar*/,
                                    absl::Span<const std::string_view> /*keys*/,
                                    bool /*in_list*/) {
  return std::nullopt;
}

}  // namespace

// Appends nodes to a document, in the order in which they stand.
class DocumentCopier {
 public:
  DocumentCopier(Document& to, uint64_t max_nodes, Document::Rewrite rewrite)
      : to_(to), max_nodes_(max_nodes), rewrite_(rewrite) {}

  // Copies `value` and all below it, whose depth is bounded. False when it is
  // too much.
  bool Copy(const Value& value, bool in_list) {
    uint32_t node = 0;
    if (!Append(value, value.type(), node)) return false;
    bool fits = true;
    switch (value.type()) {
      case NodeType::kNull:
        return true;
      case NodeType::kScalar:
        return SetText(node, value, in_list);
      case NodeType::kList:
        fits = CopyItems(node, value);
        break;
      case NodeType::kMap:
        fits = CopyEntries(node, value);
        break;
    }
    Weigh(node);
    return fits;
  }

  // Copies `over` on top of `under`.
  bool Merge(const Value& under, const Value& over,
             Document::MergeRules rules) {
    if (over.is_null()) return Copy(under, false);
    const Document::MergeRule rule = rules(keys_);
    uint32_t node = 0;
    if (rule == Document::MergeRule::kByName && HasParts(under) &&
        HasParts(over)) {
      if (!Append(over, NodeType::kMap, node)) return false;
      return MergeNamed(node, under, over, rules);
    }
    const bool alike = under.type() == over.type() && HasParts(over);
    if (!alike || rule == Document::MergeRule::kReplace) {
      return Copy(over, false);
    }
    if (!Append(over, over.type(), node)) return false;
    if (over.is_map()) return MergeNamed(node, under, over, rules);
    uint32_t last = Document::kNone;
    const bool fits = AddItems(node, under, last) && AddItems(node, over, last);
    Weigh(node);
    return fits;
  }

 private:
  // An entry of a map, or an item of a list that names something.
  struct Named {
    Value key;  // or the whole item
    std::string_view name;
    Value value;  // of a map
    bool of_list = false;
    std::string_view text;  // behind the name in an item
    bool has_text = false;
  };

  static bool HasParts(const Value& value) {
    return value.is_map() || value.is_list();
  }

  bool Append(const Value& at, NodeType type, uint32_t& node) {
    if (to_.nodes_.size() >= max_nodes_) return false;
    node = static_cast<uint32_t>(to_.nodes_.size());
    const Position place = at.at();
    to_.nodes_.push_back({.line = place.line,
                          .column = place.column,
                          .file = static_cast<uint16_t>(place.file),
                          .type = type,
                          .quoted = at.quoted()});
    return true;
  }

  // Says what a finished node comes to.
  void Weigh(uint32_t node) {
    to_.nodes_[node].weight = to_.nodes_.size() - node;
  }

  bool SetText(uint32_t node, const Value& value, bool in_list) {
    const std::optional<std::string> changed = rewrite_(value, keys_, in_list);
    return SetText(node, changed ? *changed : value.text());
  }

  bool SetText(uint32_t node, std::string_view text) {
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
    return AddItems(node, list, last);
  }

  bool AddItems(uint32_t node, const Value& list, uint32_t& last) {
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
    return DocumentCopier(to_, max_nodes_, KeepText).Copy(key, false);
  }

  static std::vector<Named> NamedParts(const Value& value) {
    std::vector<Named> parts;
    for (const Entry& entry : value.Entries()) {
      parts.push_back(
          {.key = entry.key, .name = entry.key.text(), .value = entry.value});
    }
    for (const Value& item : value.Items()) {
      const std::string_view text = item.text();
      const size_t equals = std::min(text.find('='), text.size());
      parts.push_back({.key = item,
                       .name = text.substr(0, equals),
                       .of_list = true,
                       .text = text.substr(std::min(equals + 1, text.size())),
                       .has_text = equals < text.size()});
    }
    return parts;
  }

  bool CopyNamed(const Named& part, const Value* over,
                 Document::MergeRules rules) {
    if (!part.of_list) {
      keys_.push_back(part.name);
      const bool fits = over == nullptr ? Copy(part.value, false)
                                        : Merge(part.value, *over, rules);
      keys_.pop_back();
      return fits;
    }
    if (over != nullptr && !over->is_null()) return Copy(*over, false);
    uint32_t node = 0;
    if (!Append(part.key, part.has_text ? NodeType::kScalar : NodeType::kNull,
                node)) {
      return false;
    }
    // As an item, it was text.
    to_.nodes_[node].quoted = true;
    return SetText(node, part.text);
  }

  // Links what both have below `node`, a map.
  bool MergeNamed(uint32_t node, const Value& under, const Value& over,
                  Document::MergeRules rules) {
    const std::vector<Named> lower = NamedParts(under);
    const std::vector<Named> upper = NamedParts(over);
    absl::flat_hash_map<absl::string_view, const Named*> of_upper;
    for (const Named& part : upper) {
      of_upper.try_emplace(AbslView(part.name), &part);
    }
    absl::flat_hash_map<absl::string_view, bool> done;
    uint32_t last = Document::kNone;
    const auto add = [&](const Named& part, const Named* on_top) {
      const Named& said = on_top != nullptr && on_top->of_list ? *on_top : part;
      const Value* over_it =
          on_top == nullptr || on_top->of_list ? nullptr : &on_top->value;
      Link(node, last);
      uint32_t key = 0;
      if (part.of_list) {
        if (!Append(part.key, NodeType::kScalar, key) ||
            !SetText(key, part.name)) {
          return false;
        }
      } else if (!CopyKey(part.key)) {
        return false;
      }
      Link(node, last);
      return CopyNamed(said, over_it, rules);
    };
    for (const Named& part : lower) {
      const auto it = of_upper.find(AbslView(part.name));
      const bool first = done.try_emplace(AbslView(part.name), true).second;
      const Named* on_top =
          it == of_upper.end() || !first ? nullptr : it->second;
      if (!add(part, on_top)) return false;
    }
    for (const Named& part : upper) {
      // What is there twice is at fault, and stays so.
      const bool merged = done.contains(AbslView(part.name)) &&
                          of_upper[AbslView(part.name)] == &part;
      if (!merged && !add(part, nullptr)) return false;
    }
    Weigh(node);
    return true;
  }

  Document& to_;
  const uint64_t max_nodes_;
  const Document::Rewrite rewrite_;
  std::vector<std::string_view> keys_;
};

std::unique_ptr<Document> Document::Copy(const Value& value, uint64_t max_nodes,
                                         Rewrite rewrite) {
  std::unique_ptr<Document> copy(new Document());
  DocumentCopier copier(*copy, max_nodes, rewrite);
  return copier.Copy(value, false) ? std::move(copy) : nullptr;
}

std::unique_ptr<Document> Document::Merge(const Value& under, const Value& over,
                                          uint64_t max_nodes,
                                          MergeRules rules) {
  std::unique_ptr<Document> merged(new Document());
  DocumentCopier copier(*merged, max_nodes, KeepText);
  return copier.Merge(under, over, rules) ? std::move(merged) : nullptr;
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
