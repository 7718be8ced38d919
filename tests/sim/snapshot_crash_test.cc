// Snapshots on a disk that stops at each of its writes, or fails: what they sum
// up and what comes behind is whole, and nothing acknowledged is missing.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fmt/format.h"
#include "server/journal/journal.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_vfs.h"
#include "tests/support/sanitized.h"

namespace w2t::sim {
namespace {

using Kind = PartName::Kind;

const JournalOptions kSmall = {.directory = "data",
                               .checkpoint_bytes = 48 * 1024,
                               .max_wal_bytes = 128 * 1024,
                               .vfs = SimVfs::kName};
constexpr uint64_t kBatches = 40;
constexpr uint64_t kPerSnapshot = 7;  // batches

// What batches and parts hold follows from their numbers.
std::string Noise(uint64_t seed, size_t most) {
  Random random(seed);
  std::string bytes(random.Below(most), '\0');
  for (char& c : bytes) c = static_cast<char>(random.Next());
  return bytes;
}
std::string BatchOf(uint64_t number) { return Noise(number, 6'000); }
std::string EngineOf(uint64_t batch) { return Noise(1'000 + batch, 9'000); }
std::string RunOf(uint64_t batch) { return Noise(2'000 + batch, 40'000); }

// One part is written again each time, one is written once, and one more each
// time takes the place of the one before.
absl::Status WriteAt(Journal& journal, uint64_t epoch) {
  const uint64_t batch = journal.last_batch();
  const uint64_t before = journal.snapshot_batch();
  return journal.WriteSnapshot(epoch, [&](PartWriter& writer) {
    absl::Status status = writer.Put({Kind::kEngine}, EngineOf(batch));
    if (status.ok() && before == 0) {
      status = writer.Put({Kind::kGraph, 1}, Noise(5'000, 20'000));
    }
    if (status.ok()) status = writer.Put({Kind::kRun, batch}, RunOf(batch));
    if (status.ok() && before != 0 && before != batch) {
      status = writer.Erase({Kind::kRun, before});
    }
    return status;
  });
}

// Appends and makes snapshots until the disk dies or all is done. Returns the
// number of batches that were acknowledged.
uint64_t Work() {
  uint64_t acknowledged = 0;
  for (uint64_t epoch = 1; acknowledged < kBatches; ++epoch) {
    const auto journal = Journal::Open(kSmall);
    if (!journal.ok()) return acknowledged;
    for (int i = 0; i < 15 && acknowledged < kBatches; ++i) {
      const absl::Status appended =
          (*journal)->Append(epoch, BatchOf(acknowledged + 1));
      if (!appended.ok()) return acknowledged;
      if (++acknowledged % kPerSnapshot != 0) continue;
      if (!WriteAt(**journal, epoch).ok()) return acknowledged;
    }
  }
  return acknowledged;
}

void CheckParts(Journal& journal) {
  const uint64_t batch = journal.snapshot_batch();
  if (batch == 0) return;
  const auto reader = journal.OpenReader();
  ASSERT_TRUE(reader.ok()) << reader.status();
  const auto expect = [&](PartName name, const std::string& bytes) {
    const absl::StatusOr<std::string> part = (*reader)->Read(name);
    ASSERT_TRUE(part.ok()) << part.status();
    ASSERT_EQ(*part, bytes) << name.ToString();
  };
  expect({Kind::kEngine}, EngineOf(batch));
  expect({Kind::kGraph, 1}, Noise(5'000, 20'000));
  expect({Kind::kRun, batch}, RunOf(batch));
  uint64_t runs = 0;
  const absl::Status status =
      (*reader)->ReadAll(Kind::kRun, [&](uint64_t, std::string_view) {
        ++runs;
        return absl::OkStatus();
      });
  ASSERT_TRUE(status.ok()) << status;
  ASSERT_EQ(runs, 1u) << "a part that was erased is still there";
}

// That everything that was acknowledged is there, and that the journal goes on.
void CheckAll(uint64_t acknowledged) {
  const auto journal = Journal::Open(kSmall);
  ASSERT_TRUE(journal.ok()) << journal.status();
  ASSERT_NO_FATAL_FAILURE(CheckParts(**journal));
  uint64_t last = (*journal)->snapshot_batch();
  const absl::Status status =
      (*journal)->Replay([&](uint64_t number, std::string_view bytes) {
        EXPECT_EQ(number, last + 1);
        EXPECT_EQ(bytes, BatchOf(number));
        last = number;
        return absl::OkStatus();
      });
  ASSERT_TRUE(status.ok()) << status;
  ASSERT_GE(last, acknowledged);
  ASSERT_LE(last, acknowledged + 1);
  ASSERT_TRUE((*journal)->Append(100, BatchOf(last + 1)).ok());
  ASSERT_TRUE(WriteAt(**journal, 100).ok());
  ASSERT_NO_FATAL_FAILURE(CheckParts(**journal));
}

TEST(SnapshotCrashTest, ACrashAtAnyWriteLeavesTheOldOneOrTheNewOne) {
  bool through = false;
  for (uint64_t at = 0; !through; at += test::kStep) {
    SCOPED_TRACE(fmt::format("the disk stops after {} operations", at));
    SimDisk disk(at);
    SimVfs vfs(&disk);
    disk.DieAfter(at);
    const uint64_t acknowledged = Work();
    through = !disk.dead();
    const SimDisk::Files files = disk.files();
    for (const Tail tail :
         {Tail::kKept, Tail::kDropped, Tail::kCutOff, Tail::kTorn}) {
      SCOPED_TRACE(fmt::format("tail {}", static_cast<int>(tail)));
      disk.Load(files);
      disk.Restart(tail);
      ASSERT_NO_FATAL_FAILURE(CheckAll(acknowledged));
    }
    if (through) {
      EXPECT_EQ(acknowledged, kBatches);
    }
  }
}

TEST(SnapshotCrashTest, OneThatABadDiskRefusesChangesNothing) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    SimDisk disk(seed);
    SimVfs vfs(&disk);
    Random random(seed);
    {
      const auto journal = Journal::Open(kSmall);
      ASSERT_TRUE(journal.ok()) << journal.status();
      for (uint64_t batch = 1; batch <= 20; ++batch) {
        ASSERT_TRUE((*journal)->Append(1, BatchOf(batch)).ok());
        if (random.Chance(50)) continue;
        if (random.Chance(30)) {
          disk.SetCapacity(disk.used() + random.Below(9'000));
        }
        if (random.Chance(20)) disk.FailSyncs(1);
        if (random.Chance(20)) disk.FailWrites(1);
        WriteAt(**journal, 1).IgnoreError();
        disk.SetCapacity(UINT64_MAX);
        disk.FailSyncs(0);
        disk.FailWrites(0);
      }
    }
    const std::vector<Tail> tails = {Tail::kKept, Tail::kDropped, Tail::kCutOff,
                                     Tail::kTorn};
    disk.Restart(tails[seed % tails.size()]);
    ASSERT_NO_FATAL_FAILURE(CheckAll(20));
  }
}

}  // namespace
}  // namespace w2t::sim
