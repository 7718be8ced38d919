// Snapshots in the embedded journal.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "server/journal/journal.h"
#include "tests/support/temp_dir.h"

namespace w2t {
namespace {

using Kind = PartName::Kind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

using Batches = std::vector<std::pair<uint64_t, std::string>>;

class JournalSnapshotTest : public testing::Test {
 protected:
  std::unique_ptr<Journal> Open(JournalOptions options = {}) {
    options.directory = dir_.path();
    absl::StatusOr<std::unique_ptr<Journal>> journal = Journal::Open(options);
    EXPECT_TRUE(journal.ok()) << journal.status();
    return journal.ok() ? *std::move(journal) : nullptr;
  }
  static Batches Read(Journal& journal) {
    Batches batches;
    const absl::Status status =
        journal.Replay([&](uint64_t batch, std::string_view bytes) {
          batches.emplace_back(batch, bytes);
          return absl::OkStatus();
        });
    EXPECT_TRUE(status.ok()) << status;
    return batches;
  }
  static absl::StatusOr<std::string> Part(Journal& journal, PartName name) {
    const auto reader = journal.OpenReader();
    if (!reader.ok()) return reader.status();
    return (*reader)->Read(name);
  }
  static std::map<uint64_t, std::string> All(Journal& journal, Kind kind) {
    std::map<uint64_t, std::string> parts;
    const auto reader = journal.OpenReader();
    EXPECT_TRUE(reader.ok()) << reader.status();
    const absl::Status status =
        (*reader)->ReadAll(kind, [&](uint64_t number, std::string_view bytes) {
          EXPECT_TRUE(parts.empty() || parts.rbegin()->first < number);
          parts.emplace(number, bytes);
          return absl::OkStatus();
        });
    EXPECT_TRUE(status.ok()) << status;
    return parts;
  }
  // Two batches, a snapshot with parts, and another batch.
  void Fill() {
    const auto journal = Open();
    ASSERT_TRUE(journal->Append(1, "one").ok());
    ASSERT_TRUE(journal->Append(1, "two").ok());
    ASSERT_TRUE(Write(*journal, 1, "engine").ok());
    ASSERT_TRUE(journal->Append(1, "three").ok());
    ASSERT_TRUE(journal->Append(1, "four").ok());
  }
  static absl::Status Write(Journal& journal, uint64_t epoch,
                            std::string_view engine) {
    return journal.WriteSnapshot(epoch, [&](PartWriter& writer) {
      absl::Status status = writer.Put({Kind::kEngine}, engine);
      if (status.ok()) status = writer.Put({Kind::kRun, 7}, "run seven");
      if (status.ok()) status = writer.Put({Kind::kRun, 3}, "run three");
      if (status.ok()) status = writer.Put({Kind::kGraph, 3}, "graph three");
      return status;
    });
  }
  void Sql(const std::string& sql) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open((dir_ / "journal.db").c_str(), &db), SQLITE_OK);
    char* error = nullptr;
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &error),
              SQLITE_OK)
        << error;
    sqlite3_close(db);
  }

  test::TempDir dir_;
};

TEST_F(JournalSnapshotTest, TakesThePlaceOfTheBatchesThatItSumsUp) {
  Fill();
  const auto journal = Open();
  EXPECT_EQ(journal->snapshot_batch(), 2u);
  EXPECT_EQ(journal->last_batch(), 4u);
  EXPECT_THAT(Read(*journal), ElementsAre(Pair(3, "three"), Pair(4, "four")));
  EXPECT_EQ(*Part(*journal, {Kind::kEngine}), "engine");
  EXPECT_EQ(*Part(*journal, {Kind::kGraph, 3}), "graph three");
  EXPECT_THAT(All(*journal, Kind::kRun),
              ElementsAre(Pair(3, "run three"), Pair(7, "run seven")));
  EXPECT_THAT(All(*journal, Kind::kEnded), IsEmpty());
}

TEST_F(JournalSnapshotTest, KeepsNumbersAndEpochWithoutAnyBatch) {
  {
    const auto journal = Open();
    ASSERT_TRUE(journal->Append(5, "one").ok());
    ASSERT_TRUE(Write(*journal, 5, "engine").ok());
  }
  const auto journal = Open();
  EXPECT_EQ(journal->last_batch(), 1u);
  EXPECT_EQ(journal->last_epoch(), 5u);
  EXPECT_THAT(Read(*journal), IsEmpty());
  EXPECT_EQ(Write(*journal, 4, "old").code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(*Part(*journal, {Kind::kEngine}), "engine");
  ASSERT_TRUE(journal->Append(5, "two").ok());
  EXPECT_THAT(Read(*journal), ElementsAre(Pair(2, "two")));
}

TEST_F(JournalSnapshotTest, TheNextOneChangesOnlyWhatItPutsAndErases) {
  Fill();
  const auto journal = Open();
  const auto reader = journal->OpenReader();
  ASSERT_TRUE(reader.ok());
  ASSERT_TRUE(
      journal
          ->WriteSnapshot(
              1,
              [](PartWriter& writer) {
                absl::Status status = writer.Put({Kind::kRun, 7}, "later");
                if (!status.ok()) return status;
                status = writer.Erase({Kind::kRun, 3});
                if (!status.ok()) return status;
                return writer.Erase({Kind::kRun, 99});
              })
          .ok());
  EXPECT_EQ(journal->snapshot_batch(), 4u);
  EXPECT_EQ(*Part(*journal, {Kind::kEngine}), "engine");
  EXPECT_THAT(All(*journal, Kind::kRun), ElementsAre(Pair(7, "later")));
  EXPECT_EQ(*(*reader)->Read({Kind::kRun, 7}), "later");  // an older reader
}

TEST_F(JournalSnapshotTest, OneThatFailsLeavesAllAsItWas) {
  Fill();
  const auto journal = Open();
  const absl::Status status = journal->WriteSnapshot(1, [](PartWriter& writer) {
    EXPECT_TRUE(writer.Put({Kind::kEngine}, "half").ok());
    return absl::CancelledError("enough");
  });
  EXPECT_EQ(status, absl::CancelledError("enough"));
  EXPECT_EQ(journal->snapshot_batch(), 2u);
  EXPECT_EQ(*Part(*journal, {Kind::kEngine}), "engine");
  ASSERT_TRUE(journal->Append(1, "five").ok());
  EXPECT_THAT(Read(*journal),
              ElementsAre(Pair(3, "three"), Pair(4, "four"), Pair(5, "five")));
}

TEST_F(JournalSnapshotTest, IsDueAfterManyBytesOrAsManyAsTheLastOneWrote) {
  const JournalOptions options = {.snapshot_bytes = 10'000};
  {
    const auto journal = Open(options);
    ASSERT_TRUE(journal->Append(1, std::string(9'000, 'x')).ok());
    EXPECT_FALSE(journal->snapshot_due());
    ASSERT_TRUE(journal->Append(1, std::string(1'000, 'x')).ok());
    EXPECT_TRUE(journal->snapshot_due());
  }
  const auto journal = Open(options);
  EXPECT_TRUE(journal->snapshot_due());  // after a restart, too
  ASSERT_TRUE(Write(*journal, 1, std::string(20'000, 'e')).ok());
  EXPECT_FALSE(journal->snapshot_due());
  ASSERT_TRUE(journal->Append(1, std::string(15'000, 'x')).ok());
  EXPECT_FALSE(journal->snapshot_due());
  ASSERT_TRUE(journal->Append(1, std::string(6'000, 'x')).ok());
  EXPECT_TRUE(journal->snapshot_due());
}

TEST_F(JournalSnapshotTest, TheFilesStayAsLargeAsWhatIsKept) {
  const auto journal = Open({.checkpoint_bytes = 64 * 1024,
                             .max_wal_bytes = 256 * 1024,
                             .snapshot_bytes = 100'000});
  for (int round = 0; round < 50; ++round) {
    while (!journal->snapshot_due()) {
      ASSERT_TRUE(journal->Append(1, std::string(5'000, 'x')).ok());
    }
    ASSERT_TRUE(Write(*journal, 1, std::string(50'000, 'e')).ok());
  }
  EXPECT_LT(std::filesystem::file_size(dir_ / "journal.db"), 500'000u);
  EXPECT_LT(std::filesystem::file_size(dir_ / "journal.db-wal"), 1'000'000u);
}

TEST_F(JournalSnapshotTest, AJournalFromBeforeSnapshotsOpens) {
  {
    const auto journal = Open();
    ASSERT_TRUE(journal->Append(1, "one").ok());
  }
  Sql("DROP TABLE parts; PRAGMA user_version=1;");
  {
    const auto journal = Open();
    EXPECT_EQ(journal->snapshot_batch(), 0u);
    EXPECT_THAT(Read(*journal), ElementsAre(Pair(1, "one")));
    ASSERT_TRUE(Write(*journal, 1, "engine").ok());
  }
  EXPECT_EQ(*Part(*Open(), {Kind::kEngine}), "engine");
}

TEST_F(JournalSnapshotTest, ADamagedPartIsNamed) {
  Fill();
  Sql("UPDATE parts SET body = CAST(replace(body, x'72756e20', x'72756e21')"
      " AS BLOB) WHERE id & 0xff = 7");
  const auto journal = Open();
  const absl::Status status = Part(*journal, {Kind::kRun, 7}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("the state of run 7 in the snapshot is damaged: its "
                        "checksum does not match; put"));
  EXPECT_TRUE(Part(*journal, {Kind::kRun, 3}).ok());
  const auto reader = journal->OpenReader();
  EXPECT_EQ(
      (*reader)
          ->ReadAll(Kind::kRun,
                    [](uint64_t, std::string_view) { return absl::OkStatus(); })
          .code(),
      absl::StatusCode::kDataLoss);
}

TEST_F(JournalSnapshotTest, AMissingPartIsNamed) {
  Fill();
  const absl::Status status = Part(*Open(), {Kind::kGraph, 7}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("the graph of run 7 in the snapshot is damaged: it is "
                        "missing"));
}

TEST_F(JournalSnapshotTest, PartsThatChangedPlacesAreFound) {
  Fill();
  Sql("UPDATE parts SET id = id + 1 WHERE id & 0xff = 7");
  EXPECT_EQ(Part(*Open(), {Kind::kRun, 8}).status().code(),
            absl::StatusCode::kDataLoss);
}

TEST_F(JournalSnapshotTest, ADamagedHeadIsNamed) {
  Fill();
  Sql("UPDATE parts SET batch = 3 WHERE id = 0");
  const absl::Status status =
      Journal::Open({.directory = dir_.path()}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("the head of the snapshot is damaged"));
}

TEST_F(JournalSnapshotTest, ABatchThatIsMissingBehindItIsNamed) {
  Fill();
  Sql("DELETE FROM batches WHERE number = 3");
  const absl::Status status = Open()->Replay(
      [](uint64_t, std::string_view) { return absl::OkStatus(); });
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("batch 3 of 4 is damaged: it is missing"));
}

}  // namespace
}  // namespace w2t
