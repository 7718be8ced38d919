// The journal on a disk that stops at each of its writes, with every kind of
// tail: what was acknowledged is there bit for bit, nothing is invented, and
// the journal goes on.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "server/journal/journal.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_vfs.h"
#include "tests/support/sanitized.h"

namespace w2t::sim {
namespace {

using Batches = std::vector<std::string>;

const JournalOptions kOptions = {.directory = "data",
                                 .checkpoint_bytes = 48 * 1024,
                                 .max_wal_bytes = 128 * 1024,
                                 .vfs = SimVfs::kName};

struct Written {
  Batches acknowledged;
  std::string last;  // tried last, whether acknowledged or not
};

std::string Bytes(uint64_t number, size_t size) {
  Random random(number);
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(random.Next());
  return bytes;
}

// Appends until the disk dies or all is done; closes and opens again between.
void Work(Written* written) {
  const std::vector<size_t> sizes = {0,     1,     100, 3'000,  4'096, 9'000,
                                     70,    50,    200, 30'000, 10,    5'000,
                                     8'000, 2'000, 100, 12'000, 300,   7'000};
  uint64_t number = 0;
  for (uint64_t epoch = 1; epoch <= 4; ++epoch) {
    const auto journal = Journal::Open(kOptions);
    if (!journal.ok()) return;
    for (const size_t size : sizes) {
      written->last = Bytes(++number, size);
      if (!(*journal)->Append(epoch, written->last).ok()) return;
      written->acknowledged.push_back(written->last);
    }
  }
}

absl::StatusOr<Batches> Read(Journal& journal) {
  Batches batches;
  const absl::Status status =
      journal.Replay([&](uint64_t number, std::string_view bytes) {
        EXPECT_EQ(number, batches.size() + 1);
        batches.emplace_back(bytes);
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  return batches;
}

// That `found` is what was acknowledged, and at most the last one more.
void Check(const Written& written, const Batches& found) {
  const Batches& must = written.acknowledged;
  ASSERT_GE(found.size(), must.size()) << "acknowledged batches are lost";
  ASSERT_LE(found.size(), must.size() + 1) << "batches are invented";
  for (size_t i = 0; i < must.size(); ++i) {
    ASSERT_EQ(found[i], must[i]) << "batch " << i + 1 << " has changed";
  }
  if (found.size() > must.size()) {
    ASSERT_EQ(found.back(), written.last) << "the last batch is invented";
  }
}

void CheckGoesOn(SimDisk& disk, const Written& written) {
  Batches found;
  {
    const auto journal = Journal::Open(kOptions);
    ASSERT_TRUE(journal.ok()) << journal.status();
    const absl::StatusOr<Batches> read = Read(**journal);
    ASSERT_TRUE(read.ok()) << read.status();
    found = *read;
    ASSERT_NO_FATAL_FAILURE(Check(written, found));
    const absl::Status appended = (*journal)->Append(100, "one more");
    ASSERT_TRUE(appended.ok()) << appended;
    found.emplace_back("one more");
    disk.DieAfter(disk.operations());  // nothing is written when it is closed
  }
  disk.Restart(Tail::kDropped);
  const auto journal = Journal::Open(kOptions);
  ASSERT_TRUE(journal.ok()) << journal.status();
  const absl::StatusOr<Batches> read = Read(**journal);
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(*read, found);
}

TEST(JournalCrashTest, AcknowledgedBatchesSurviveACrashAtEveryWrite) {
  bool through = false;
  for (uint64_t at = 0; !through; at += test::kStep) {
    SCOPED_TRACE(fmt::format("the disk stops after {} operations", at));
    SimDisk disk(at);
    SimVfs vfs(&disk);
    disk.DieAfter(at);
    Written written;
    Work(&written);
    through = !disk.dead();
    const SimDisk::Files files = disk.files();
    const uint64_t operations = disk.operations();
    for (const Tail tail : {Tail::kKept, Tail::kDropped, Tail::kCutOff,
                            Tail::kTorn, Tail::kCutOff, Tail::kTorn}) {
      SCOPED_TRACE(fmt::format("tail {}", static_cast<int>(tail)));
      disk.Load(files);
      disk.Restart(tail);
      ASSERT_NO_FATAL_FAILURE(CheckGoesOn(disk, written));
    }
    if (through) {
      EXPECT_GT(operations, 500u);
      EXPECT_EQ(written.acknowledged.size(), 72u);
    }
  }
}

// A disk with room for little more, or one sync in so many that fails, while
// the journal is used and opened again; then a crash with any tail.
void WorkOnABadDisk(SimDisk& disk, uint64_t seed, Written* written) {
  Random random(seed);
  uint64_t number = 0;
  for (uint64_t epoch = 1; epoch <= 3; ++epoch) {
    const auto journal = Journal::Open(kOptions);
    if (!journal.ok()) {  // no room even for that
      disk.SetCapacity(UINT64_MAX);
      continue;
    }
    for (int i = 0; i < 20; ++i) {
      if (random.Chance(10))
        disk.SetCapacity(disk.used() + random.Below(9'000));
      if (random.Chance(5)) disk.FailSyncs(1 + random.Below(3));
      if (random.Chance(3)) disk.FailWrites(1);
      written->last = Bytes(++number, random.Below(20'000));
      absl::Status status;
      for (int tries = 0; tries < 10; ++tries) {
        status = (*journal)->Append(epoch, written->last);
        if (status.ok()) break;
        if (random.Chance(5)) return;  // it ends while it cannot write
        if (absl::IsResourceExhausted(status)) disk.SetCapacity(UINT64_MAX);
      }
      ASSERT_TRUE(status.ok()) << status;
      written->acknowledged.push_back(written->last);
    }
  }
}

TEST(JournalCrashTest, AcknowledgedBatchesSurviveABadDisk) {
  for (uint64_t seed = 1; seed <= 400; seed += test::kStep) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    SimDisk disk(seed);
    SimVfs vfs(&disk);
    Written written;
    ASSERT_NO_FATAL_FAILURE(WorkOnABadDisk(disk, seed, &written));
    disk.SetCapacity(UINT64_MAX);
    const std::vector<Tail> tails = {Tail::kKept, Tail::kDropped, Tail::kCutOff,
                                     Tail::kTorn};
    disk.Restart(tails[seed % tails.size()]);
    ASSERT_NO_FATAL_FAILURE(CheckGoesOn(disk, written));
  }
}

TEST(JournalCrashTest, AReadThatFailsIsAnErrorAndNoLoss) {
  SimDisk disk(1);
  SimVfs vfs(&disk);
  Written written;
  Work(&written);
  for (uint64_t after = 0; after < 200; ++after) {
    const auto journal = Journal::Open(kOptions);
    ASSERT_TRUE(journal.ok()) << journal.status();
    Batches found;
    const absl::Status status =
        (*journal)->Replay([&](uint64_t, std::string_view bytes) {
          found.emplace_back(bytes);
          if (found.size() == after) disk.FailReads(1);
          return absl::OkStatus();
        });
    disk.FailReads(0);
    if (status.ok()) {
      EXPECT_EQ(found, written.acknowledged);
    } else {
      EXPECT_TRUE(absl::IsUnavailable(status)) << status;
    }
  }
}

}  // namespace
}  // namespace w2t::sim
