// A parsed YAML or JSON file: a tree of nodes that know where they stand.
//
// Nodes lie in one flat array. An alias is a node of its own that refers to an
// earlier one, so that a file's size bounds the memory it takes; what it would
// come to when written out is bounded as well (DocumentLimits::max_nodes), so
// nothing that walks a document can be made to walk for ever.
//
// Immutable once parsed. A Value must not outlive its Document.
#ifndef W2T_CLIENT_GRAPHFILE_DOCUMENT_H_
#define W2T_CLIENT_GRAPHFILE_DOCUMENT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "client/graphfile/faults.h"

namespace w2t::graphfile {

enum class NodeType : uint8_t { kNull, kScalar, kList, kMap };

struct DocumentLimits {
  uint64_t max_nodes = 64'000'000;  // with every alias written out
  uint32_t max_depth = 64;          // likewise
};

class Document;
struct Entry;

// One node. Cheap to copy. A default Value is absent and reads as null.
class Value {
 public:
  Value() = default;

  NodeType type() const;
  bool is_null() const { return type() == NodeType::kNull; }
  bool is_scalar() const { return type() == NodeType::kScalar; }
  bool is_list() const { return type() == NodeType::kList; }
  bool is_map() const { return type() == NodeType::kMap; }
  // True when a scalar is text for certain: quoted, or a block.
  bool quoted() const;
  // The values in it and itself, with every alias written out.
  uint64_t Weight() const;
  // Whether a scalar in it has a dollar. O(values in it).
  bool HasDollar() const;
  // The text of a scalar; else empty.
  std::string_view text() const;
  // Where it stands; for an alias, where the alias stands.
  Position at() const;

  // The items of a list; of anything else, none.
  std::vector<Value> Items() const;
  // The entries of a map in the order of the file, with merge keys ("<<")
  // followed: what they bring in comes last, and only keys that are not there
  // yet. Keys may be there twice; of anything but a map, none.
  std::vector<Entry> Entries() const;
  // The value of the first entry with this key, or an absent one. Linear.
  Value Get(std::string_view key) const;

 private:
  friend class Document;
  Value(const Document* document, uint32_t node)
      : document_(document), node_(node) {}

  const Document* document_ = nullptr;
  uint32_t node_ = 0;
};

struct Entry {
  Value key;
  Value value;
};

class Document {
 public:
  // Parses `text`. Null when it is not well-formed, has more than one document
  // or exceeds a limit; then a fault says so. Never throws. `file` is below
  // 65,536.
  static std::unique_ptr<Document> Parse(std::string_view text,
                                         const DocumentLimits& limits,
                                         Faults& faults, uint32_t file = 0);

  // What a scalar becomes, or nothing when it stays as it is. `keys` are those
  // it stands under, the outermost first; an item of a list has the list's.
  using Rewrite = absl::FunctionRef<std::optional<std::string>(
      const Value& scalar, absl::Span<const std::string_view> keys,
      bool in_list)>;
  // A copy of `value` whose scalars are rewritten and stand where the old ones
  // stood. Aliases and merge keys are written out. Null when that takes more
  // than `max_nodes`.
  static std::unique_ptr<Document> Copy(const Value& value, uint64_t max_nodes,
                                        Rewrite rewrite);

  // How a value on top of another one counts where both are more than a scalar.
  enum class MergeRule : uint8_t {
    kDeep,     // maps by key, and what lists have comes behind
    kReplace,  // in place of it
    kByName,   // both become maps; an item of a list is NAME or NAME=VALUE
  };
  // How what stands under these keys is merged.
  using MergeRules =
      absl::FunctionRef<MergeRule(absl::Span<const std::string_view> keys)>;
  // `over` on top of `under`, each part of it where it stood. A null says
  // nothing. Aliases and merge keys are written out. Null when that takes more
  // than `max_nodes`.
  static std::unique_ptr<Document> Merge(const Value& under, const Value& over,
                                         uint64_t max_nodes, MergeRules rules);

  Value root() const { return Value(this, root_); }

 private:
  friend class DocumentBuilder;
  friend class DocumentCopier;
  friend class Value;

  static constexpr uint32_t kNone = UINT32_MAX;

  struct Node {
    uint64_t weight = 1;  // nodes in it, aliases written out
    uint32_t line = 0;
    uint32_t column = 0;
    uint32_t first = kNone;  // list, map: first child; alias: its target
    uint32_t next = kNone;   // next child of the same parent
    uint32_t text_begin = 0;
    uint32_t text_size = 0;
    uint32_t height = 1;
    uint16_t file = 0;
    NodeType type = NodeType::kNull;
    bool quoted : 1 = false;
    bool alias : 1 = false;
  };
  static_assert(sizeof(Node) == 40);

  Document() = default;
  const Node& Resolved(uint32_t node) const {
    return nodes_[node].alias ? nodes_[nodes_[node].first] : nodes_[node];
  }

  std::vector<Node> nodes_;
  std::string texts_;
  uint32_t root_ = 0;
};

}  // namespace w2t::graphfile

#endif  // W2T_CLIENT_GRAPHFILE_DOCUMENT_H_
