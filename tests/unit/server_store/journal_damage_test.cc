// What a journal says about files that are not what it wrote.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "server/journal/journal.h"
#include "tests/support/temp_dir.h"

namespace w2t {
namespace {

using testing::HasSubstr;

class JournalDamageTest : public testing::Test {
 protected:
  void SetUp() override {
    auto journal = Journal::Open({.directory = dir_.path()});
    ASSERT_TRUE(journal.ok()) << journal.status();
    for (int i = 1; i <= 5; ++i) {
      ASSERT_TRUE((*journal)->Append(1, fmt::format("batch {}", i)).ok());
    }
  }

  void Sql(const std::string& sql) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(database().c_str(), &db), SQLITE_OK);
    char* error = nullptr;
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &error),
              SQLITE_OK)
        << error;
    sqlite3_close(db);
  }

  // Opens the journal and reads all of it.
  absl::Status Load() {
    auto journal = Journal::Open({.directory = dir_.path()});
    if (!journal.ok()) return journal.status();
    return (*journal)->Replay(
        [](uint64_t, std::string_view) { return absl::OkStatus(); });
  }

  void ExpectLoss(const std::string& words) {
    const absl::Status status = Load();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(words));
  }

  std::string database() const { return dir_ / "journal.db"; }

  test::TempDir dir_;
};

TEST_F(JournalDamageTest, WithoutDamageItLoads) { EXPECT_TRUE(Load().ok()); }

TEST_F(JournalDamageTest, AChangedPayloadNamesItsBatch) {
  Sql("UPDATE batches SET body = CAST(replace(body, x'33', x'34') AS BLOB)"
      " WHERE number = 3");
  ExpectLoss("batch 3 of 5 is damaged: its checksum does not match");
  ExpectLoss("back from a backup");
}

TEST_F(JournalDamageTest, ATruncatedRowNamesItsBatch) {
  Sql("UPDATE batches SET body = x'0102' WHERE number = 2");
  ExpectLoss("batch 2 of 5 is damaged: it has 2 bytes");
  Sql("UPDATE batches SET body = x'' WHERE number = 1");
  ExpectLoss("batch 1 of 5 is damaged: it has 0 bytes");
}

TEST_F(JournalDamageTest, AMissingRowNamesItsBatch) {
  Sql("DELETE FROM batches WHERE number = 4");
  ExpectLoss("batch 4 of 5 is damaged: it is missing");
  Sql("DELETE FROM batches WHERE number = 1");
  ExpectLoss("batch 1 of 5 is damaged: it is missing");
}

TEST_F(JournalDamageTest, RowsThatChangedPlacesAreFound) {
  Sql("UPDATE batches SET number = 99 WHERE number = 2;"
      "UPDATE batches SET number = 2 WHERE number = 3;"
      "UPDATE batches SET number = 3 WHERE number = 99;");
  ExpectLoss("batch 2 of 5 is damaged");
}

TEST_F(JournalDamageTest, AChangedEpochIsFound) {
  Sql("UPDATE batches SET epoch = 9 WHERE number = 5");
  ExpectLoss("batch 5 of 5 is damaged");
}

TEST_F(JournalDamageTest, AFileThatIsNoDatabaseIsALoss) {
  std::ofstream(database(), std::ios::trunc) << std::string(8192, 'x');
  ExpectLoss("journal.db");
}

TEST_F(JournalDamageTest, PagesOfGarbageAreALoss) {
  std::filesystem::remove(database() + "-wal");
  {
    std::fstream file(database(),
                      std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096);  // behind the first page
    file << std::string(4096, '\x5a');
  }
  ExpectLoss("journal.db");
}

TEST_F(JournalDamageTest, AnotherProgramsDatabaseIsALoss) {
  Sql("PRAGMA application_id = 5");
  ExpectLoss("is the database of another program");
}

TEST_F(JournalDamageTest, ANewerVersionIsRefused) {
  Sql("PRAGMA user_version = 3");
  const absl::Status status = Load();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("is of version 3; this program reads version 2"));
}

}  // namespace
}  // namespace w2t
