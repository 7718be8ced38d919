// MemoryJournal: a journal in memory, which fails when told to. For tests of
// what stands on a journal; everything in it lies open.
#ifndef W2T_TESTS_SUPPORT_MEMORY_JOURNAL_H_
#define W2T_TESTS_SUPPORT_MEMORY_JOURNAL_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/journal/journal.h"

namespace w2t::test {

class MemoryJournal : public Journal {
 public:
  using Parts = std::map<std::pair<PartName::Kind, uint64_t>, std::string>;

  absl::Status Replay(Visitor visit) override {
    for (size_t i = 0; i < batches.size(); ++i) {
      absl::Status status = visit(summed_up + i + 1, batches[i]);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }
  absl::Status Append(uint64_t, std::string_view bytes) override {
    ++tries;
    if (!error.ok()) return error;
    batches.emplace_back(bytes);
    return absl::OkStatus();
  }
  absl::Status WriteSnapshot(
      uint64_t, absl::FunctionRef<absl::Status(PartWriter&)> fill) override {
    ++snapshot_tries;
    if (!snapshot_error.ok()) return snapshot_error;
    Writer writer{parts};
    if (absl::Status status = fill(writer); !status.ok()) return status;
    parts = std::move(writer.parts);
    summed_up = last_batch();
    batches.clear();
    return absl::OkStatus();
  }
  bool snapshot_due() const override { return batches.size() >= due_at; }
  absl::StatusOr<std::unique_ptr<PartReader>> OpenReader() override {
    return std::make_unique<Reader>(&parts);
  }
  uint64_t snapshot_batch() const override { return summed_up; }
  uint64_t last_batch() const override { return summed_up + batches.size(); }
  uint64_t last_epoch() const override { return 1; }

  std::vector<std::string> batches;  // behind the snapshot
  Parts parts;
  uint64_t summed_up = 0;      // batches
  size_t due_at = UINT32_MAX;  // batches behind the snapshot
  absl::Status error;          // of Append
  absl::Status snapshot_error;
  int tries = 0;  // of Append
  int snapshot_tries = 0;

 private:
  struct Writer : PartWriter {
    explicit Writer(Parts before) : parts(std::move(before)) {}
    absl::Status Put(PartName name, std::string_view bytes) override {
      parts[{name.kind, name.number}] = std::string(bytes);
      return absl::OkStatus();
    }
    absl::Status Erase(PartName name) override {
      parts.erase({name.kind, name.number});
      return absl::OkStatus();
    }
    Parts parts;
  };
  struct Reader : PartReader {
    explicit Reader(const Parts* from) : parts(from) {}
    absl::StatusOr<std::string> Read(PartName name) override {
      const auto it = parts->find({name.kind, name.number});
      if (it == parts->end()) {
        return absl::DataLossError(name.ToString() + " is missing");
      }
      return it->second;
    }
    absl::Status ReadAll(PartName::Kind kind, Visitor visit) override {
      for (const auto& [name, bytes] : *parts) {
        if (name.first != kind) continue;
        absl::Status status = visit(name.second, bytes);
        if (!status.ok()) return status;
      }
      return absl::OkStatus();
    }
    const Parts* parts;
  };
};

}  // namespace w2t::test

#endif  // W2T_TESTS_SUPPORT_MEMORY_JOURNAL_H_
