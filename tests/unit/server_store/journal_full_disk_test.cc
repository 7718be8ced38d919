// A disk without room, played by a bound on the size of files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <string>
#include <vector>

#include "server/journal/journal.h"
#include "server/logs/log_store.h"
#include "tests/support/temp_dir.h"

namespace w2t {
namespace {

// Writing beyond `bytes` of a file fails with EFBIG as long as this lives.
class FileSizeBound {
 public:
  explicit FileSizeBound(rlim_t bytes) {
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    rlimit bound = before_;
    bound.rlim_cur = bytes;
    EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &bound), 0);
  }
  ~FileSizeBound() {
    setrlimit(RLIMIT_FSIZE, &before_);
    signal(SIGXFSZ, SIG_DFL);
  }

 private:
  rlimit before_;
};

TEST(FullDiskTest, TheJournalRefusesBatchesAndTakesThemAgainLater) {
  test::TempDir dir;
  const JournalOptions options = {.directory = dir.path(),
                                  .checkpoint_bytes = 64 * 1024};
  auto journal = Journal::Open(options);
  ASSERT_TRUE(journal.ok()) << journal.status();
  const std::string batch(100'000, 'x');
  ASSERT_TRUE((*journal)->Append(1, "first").ok());
  uint64_t written = 1;
  {
    const FileSizeBound full(512 * 1024);
    absl::Status status;
    while (written < 100) {
      status = (*journal)->Append(1, batch);
      if (!status.ok()) break;
      ++written;
    }
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr("journal"));
    EXPECT_EQ((*journal)->last_batch(), written);
    EXPECT_FALSE((*journal)->Append(1, batch).ok());
  }
  ASSERT_TRUE((*journal)->Append(1, batch).ok());
  EXPECT_EQ((*journal)->last_batch(), written + 1);
  journal->reset();

  journal = Journal::Open(options);
  ASSERT_TRUE(journal.ok()) << journal.status();
  uint64_t read = 0;
  const absl::Status status =
      (*journal)->Replay([&](uint64_t number, std::string_view bytes) {
        EXPECT_EQ(bytes, number == 1 ? "first" : batch);
        ++read;
        return absl::OkStatus();
      });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(read, written + 1);
}

TEST(FullDiskTest, ASnapshotThatFindsNoRoomLeavesTheJournalAsItWas) {
  test::TempDir dir;
  const JournalOptions options = {.directory = dir.path(),
                                  .checkpoint_bytes = 64 * 1024};
  auto journal = Journal::Open(options);
  ASSERT_TRUE(journal.ok()) << journal.status();
  ASSERT_TRUE((*journal)->Append(1, "one").ok());
  const auto write = [&](size_t bytes) {
    return (*journal)->WriteSnapshot(1, [&](PartWriter& writer) {
      return writer.Put({PartName::Kind::kEngine}, std::string(bytes, 'x'));
    });
  };
  ASSERT_TRUE(write(1'000).ok());
  ASSERT_TRUE((*journal)->Append(1, "two").ok());
  {
    const FileSizeBound full(512 * 1024);
    for (int i = 0; i < 3; ++i) {
      const absl::Status status = write(20'000'000);
      EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
    }
    EXPECT_EQ((*journal)->snapshot_batch(), 1u);
    EXPECT_TRUE((*journal)->Append(1, "three").ok());
  }
  EXPECT_TRUE((*journal)->Append(1, "four").ok());
  journal->reset();

  journal = Journal::Open(options);
  ASSERT_TRUE(journal.ok()) << journal.status();
  std::vector<std::string> batches;
  EXPECT_TRUE((*journal)
                  ->Replay([&](uint64_t, std::string_view bytes) {
                    batches.emplace_back(bytes);
                    return absl::OkStatus();
                  })
                  .ok());
  EXPECT_THAT(batches, testing::ElementsAre("two", "three", "four"));
  EXPECT_TRUE(write(20'000'000).ok());
  EXPECT_EQ((*journal)->snapshot_batch(), 4u);
}

TEST(FullDiskTest, TheLogStoreCountsWhatItCouldNotWrite) {
  test::TempDir dir;
  std::vector<absl::Status> errors;
  auto store = LogStore::Open(
      {.directory = dir / "logs",
       .on_error = [&](const absl::Status& e) { errors.push_back(e); }});
  ASSERT_TRUE(store.ok()) << store.status();
  const LogName name = {"shop-1", 0, 1};
  const auto append = [&](size_t bytes) {
    std::vector<LogPiece> pieces(1);
    pieces[0].name = name;
    pieces[0].chunk.set_stream(v1::LOG_STREAM_STDOUT);
    pieces[0].chunk.set_data(std::string(bytes, 'x'));
    EXPECT_TRUE((*store)->Append(std::move(pieces), nullptr));
    (*store)->Flush();
  };
  append(1'000);
  {
    const FileSizeBound full(10'000);
    append(20'000);
    append(30'000);
  }
  append(500);
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_EQ(errors[0].code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ((*store)->stats().dropped_bytes, 50'000u);

  LogCursor cursor;
  const absl::StatusOr<LogRead> read =
      (*store)->Read(name, &cursor, 1 << 20, true);
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->chunks.size(), 2u);
  EXPECT_EQ(read->chunks[0].data().size(), 1'000u);
  EXPECT_EQ(read->chunks[1].data().size(), 500u);
  EXPECT_EQ(read->chunks[1].dropped_bytes(), 50'000u);
  EXPECT_TRUE(read->eof);
}

}  // namespace
}  // namespace w2t
