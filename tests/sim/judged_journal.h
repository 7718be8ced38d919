// JudgedJournal: shows the oracle what goes through a journal.
#ifndef W2T_TESTS_SIM_JUDGED_JOURNAL_H_
#define W2T_TESTS_SIM_JUDGED_JOURNAL_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/journal/journal.h"
#include "tests/sim/oracle.h"

namespace w2t::sim {

class JudgedJournal : public Journal {
 public:
  JudgedJournal(std::unique_ptr<Journal> journal, Oracle* oracle)
      : journal_(std::move(journal)), oracle_(oracle) {}

  absl::Status Replay(Visitor visit) override;
  absl::Status Append(uint64_t epoch, std::string_view bytes) override;
  absl::Status WriteSnapshot(
      uint64_t epoch,
      absl::FunctionRef<absl::Status(PartWriter&)> fill) override {
    return journal_->WriteSnapshot(epoch, fill);
  }
  bool snapshot_due() const override { return journal_->snapshot_due(); }
  absl::StatusOr<std::unique_ptr<PartReader>> OpenReader() override {
    return journal_->OpenReader();
  }
  uint64_t snapshot_batch() const override {
    return journal_->snapshot_batch();
  }
  uint64_t last_batch() const override { return journal_->last_batch(); }
  uint64_t last_epoch() const override { return journal_->last_epoch(); }

 private:
  const std::unique_ptr<Journal> journal_;
  Oracle* const oracle_;
};

}  // namespace w2t::sim

#endif  // W2T_TESTS_SIM_JUDGED_JOURNAL_H_
