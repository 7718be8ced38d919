#include "tests/sim/judged_journal.h"

namespace w2t::sim {

absl::Status JudgedJournal::Replay(Visitor visit) {
  uint64_t last = journal_->snapshot_batch();
  const absl::Status status =
      journal_->Replay([&](uint64_t number, std::string_view bytes) {
        if (number != ++last) oracle_->Fault("batches are out of order");
        oracle_->Read(number, bytes);
        return visit(number, bytes);
      });
  if (status.ok()) oracle_->ReadAll(last);
  return status;
}

absl::Status JudgedJournal::Append(uint64_t epoch, std::string_view bytes) {
  oracle_->Appending(bytes);
  absl::Status status = journal_->Append(epoch, bytes);
  if (status.ok()) oracle_->Appended();
  return status;
}

}  // namespace w2t::sim
