#include "server/journal/journal.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/temp_dir.h"

namespace w2t {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class JournalTest : public testing::Test {
 protected:
  std::unique_ptr<Journal> Open(JournalOptions options = {}) {
    options.directory = dir_ / "data";
    absl::StatusOr<std::unique_ptr<Journal>> journal = Journal::Open(options);
    EXPECT_TRUE(journal.ok()) << journal.status();
    return journal.ok() ? *std::move(journal) : nullptr;
  }
  absl::Status OpenError() {
    return Journal::Open({.directory = dir_ / "data"}).status();
  }
  static std::vector<std::string> Read(Journal& journal) {
    std::vector<std::string> batches;
    const absl::Status status =
        journal.Replay([&](uint64_t batch, std::string_view bytes) {
          EXPECT_EQ(batch, batches.size() + 1);
          batches.emplace_back(bytes);
          return absl::OkStatus();
        });
    EXPECT_TRUE(status.ok()) << status;
    return batches;
  }

  test::TempDir dir_;
};

TEST_F(JournalTest, ANewOneIsEmpty) {
  const auto journal = Open();
  EXPECT_EQ(journal->last_batch(), 0u);
  EXPECT_EQ(journal->last_epoch(), 0u);
  EXPECT_THAT(Read(*journal), ElementsAre());
}

TEST_F(JournalTest, ItsLogFileIsMadeLargeAtOnce) {
  const auto journal = Open({.checkpoint_bytes = 300'000});
  EXPECT_EQ(std::filesystem::file_size(dir_ / "data/journal.db-wal"), 300'000u);
}

TEST_F(JournalTest, GivesBackWhatWasAppendedInOrder) {
  const auto journal = Open();
  const std::string binary("\0\xff\n", 3);
  ASSERT_TRUE(journal->Append(1, "one").ok());
  ASSERT_TRUE(journal->Append(1, "").ok());
  ASSERT_TRUE(journal->Append(2, binary).ok());
  EXPECT_EQ(journal->last_batch(), 3u);
  EXPECT_EQ(journal->last_epoch(), 2u);
  EXPECT_THAT(Read(*journal), ElementsAre("one", "", binary));
}

TEST_F(JournalTest, ContinuesWhereAnEarlierProcessEnded) {
  ASSERT_TRUE(Open()->Append(1, "one").ok());
  {
    const auto journal = Open();
    EXPECT_EQ(journal->last_batch(), 1u);
    EXPECT_EQ(journal->last_epoch(), 1u);
    ASSERT_TRUE(journal->Append(2, "two").ok());
  }
  EXPECT_THAT(Read(*Open()), ElementsAre("one", "two"));
}

TEST_F(JournalTest, KeepsWhatAKilledProcessAppended) {
  const pid_t child = fork();
  if (child == 0) {
    auto journal = Journal::Open({.directory = dir_ / "data"});
    const bool written =
        journal.ok() && (*journal)->Append(1, "one").ok() &&
        (*journal)->Append(1, std::string(1'000'000, 'x')).ok();
    kill(getpid(), written ? SIGKILL : SIGTERM);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  ASSERT_EQ(WTERMSIG(status), SIGKILL);
  EXPECT_THAT(Read(*Open()), ElementsAre("one", std::string(1'000'000, 'x')));
}

TEST_F(JournalTest, TakesLargeBatchesUpToItsLimit) {
  const auto journal = Open({.max_batch_bytes = 8'000'000});
  ASSERT_TRUE(journal->Append(1, std::string(8'000'000, 'x')).ok());
  const absl::Status status = journal->Append(1, std::string(8'000'001, 'x'));
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("8000001 bytes exceeds the limit max_batch_bytes of "
                        "8000000"));
  EXPECT_TRUE(journal->Append(1, "small").ok());
  EXPECT_EQ(journal->last_batch(), 2u);
}

TEST_F(JournalTest, RefusesADaemonOfAnEpochThatIsOver) {
  const auto journal = Open();
  ASSERT_TRUE(journal->Append(5, "new").ok());
  const absl::Status status = journal->Append(4, "old");
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("epoch 4 is over"));
  EXPECT_TRUE(journal->Append(5, "new").ok());
  EXPECT_THAT(Read(*journal), ElementsAre("new", "new"));
}

TEST_F(JournalTest, RefusesASecondOwnerAndNamesTheFirst) {
  {
    const auto journal = Open();
    const absl::Status status = OpenError();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()),
                HasSubstr(dir_ / "data/journal.lock"));
    EXPECT_THAT(std::string(status.message()),
                HasSubstr(fmt::format("process {}", getpid())));
    EXPECT_TRUE(journal->Append(1, "still mine").ok());
  }
  EXPECT_TRUE(OpenError().ok());  // given back
}

TEST_F(JournalTest, StopsReplayAtTheVisitorsError) {
  const auto journal = Open();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(journal->Append(1, "x").ok());
  uint64_t seen = 0;
  const absl::Status status =
      journal->Replay([&](uint64_t batch, std::string_view) {
        seen = batch;
        return batch == 2 ? absl::InternalError("enough") : absl::OkStatus();
      });
  EXPECT_EQ(status, absl::InternalError("enough"));
  EXPECT_EQ(seen, 2u);
}

TEST_F(JournalTest, ItsLogDoesNotGrowWithWhatIsWritten) {
  constexpr uint64_t kBound = 256 * 1024;
  const auto journal = Open({.checkpoint_bytes = kBound});
  std::vector<std::string> written;
  for (int i = 0; i < 400; ++i) {  // 40 times the bound in all
    written.push_back(std::string(25'000, static_cast<char>('a' + i % 26)));
    ASSERT_TRUE(journal->Append(1, written.back()).ok());
  }
  EXPECT_LT(std::filesystem::file_size(dir_ / "data/journal.db-wal"),
            20 * kBound);
  EXPECT_EQ(Read(*journal), written);
}

TEST_F(JournalTest, ItsDirectoryIsItsOwnersAlone) {
  const auto journal = Open();
  struct stat info;
  ASSERT_EQ(stat((dir_ / "data").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
}

TEST_F(JournalTest, ADirectoryThatCannotBeMadeIsUnavailable) {
  dir_.Write("data", "a file");
  const absl::Status status = OpenError();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(dir_ / "data"));
}

}  // namespace
}  // namespace w2t
