#include "client/graphfile/document.h"

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "core/base/absl_view.h"

namespace w2t::graphfile {
namespace {

bool IsMergeKey(const Value& key) {
  return key.is_scalar() && !key.quoted() && key.text() == "<<";
}

// Follows the merge keys of `map`. The depth of a document is bounded, and so
// is this recursion.
void AddMerged(const std::vector<Entry>& entries,
               absl::flat_hash_set<absl::string_view>& seen,
               std::vector<Entry>& out) {
  for (const Entry& entry : entries) {
    if (!IsMergeKey(entry.key)) continue;
    std::vector<Value> sources = entry.value.Items();
    if (entry.value.is_map()) sources.push_back(entry.value);
    for (const Value& source : sources) {
      for (const Entry& brought : source.Entries()) {
        if (seen.insert(AbslView(brought.key.text())).second) {
          out.push_back(brought);
        }
      }
    }
  }
}

}  // namespace

NodeType Value::type() const {
  return document_ == nullptr ? NodeType::kNull
                              : document_->Resolved(node_).type;
}

bool Value::quoted() const {
  return document_ != nullptr && document_->Resolved(node_).quoted;
}

std::string_view Value::text() const {
  if (!is_scalar()) return {};
  const Document::Node& node = document_->Resolved(node_);
  return std::string_view(document_->texts_)
      .substr(node.text_begin, node.text_size);
}

uint64_t Value::Weight() const {
  return document_ == nullptr ? 1 : document_->Resolved(node_).weight;
}

Position Value::at() const {
  if (document_ == nullptr) return {};
  const Document::Node& node = document_->nodes_[node_];
  return {node.line, node.column, node.file};
}

std::vector<Value> Value::Items() const {
  std::vector<Value> items;
  if (!is_list()) return items;
  for (uint32_t child = document_->Resolved(node_).first;
       child != Document::kNone; child = document_->nodes_[child].next) {
    items.push_back(Value(document_, child));
  }
  return items;
}

std::vector<Entry> Value::Entries() const {
  std::vector<Entry> entries;
  if (!is_map()) return entries;
  bool merges = false;
  for (uint32_t child = document_->Resolved(node_).first;
       child != Document::kNone;) {
    const uint32_t value = document_->nodes_[child].next;
    entries.push_back({Value(document_, child), Value(document_, value)});
    merges |= IsMergeKey(entries.back().key);
    child = document_->nodes_[value].next;
  }
  if (!merges) return entries;

  absl::flat_hash_set<absl::string_view> seen;
  std::vector<Entry> merged;
  for (const Entry& entry : entries) {
    if (IsMergeKey(entry.key)) continue;
    seen.insert(AbslView(entry.key.text()));
    merged.push_back(entry);
  }
  AddMerged(entries, seen, merged);
  return merged;
}

Value Value::Get(std::string_view key) const {
  for (const Entry& entry : Entries()) {
    if (entry.key.text() == key) return entry.value;
  }
  return {};
}

}  // namespace w2t::graphfile
