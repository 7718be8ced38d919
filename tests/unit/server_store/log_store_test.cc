// What goes in comes out: reading, following, restarting.
#include "server/logs/log_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "fmt/format.h"
#include "server/logs/log_format.h"
#include "tests/unit/server_store/log_store_fixture.h"

namespace w2t {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(30);

TEST_F(LogStoreTest, GivesBackPiecesAsTheyCame) {
  Open();
  LogPiece err =
      Piece(name_, std::string("\0\xff", 2), 5, v1::LOG_STREAM_STDERR);
  err.chunk.set_time_us(123);
  Append({Piece(name_, "one\n"), err});
  LogCursor cursor;
  const LogRead read = Read(name_, &cursor);
  ASSERT_EQ(read.chunks.size(), 2u);
  EXPECT_EQ(read.chunks[0].data(), "one\n");
  EXPECT_EQ(read.chunks[0].stream(), v1::LOG_STREAM_STDOUT);
  EXPECT_EQ(read.chunks[1].SerializeAsString(), err.chunk.SerializeAsString());
  EXPECT_EQ(cursor.offset(), 11u);
  EXPECT_FALSE(read.eof);
}

TEST_F(LogStoreTest, KeepsAttemptsTasksAndRunsApart) {
  Open();
  Append({Piece({"a-1", 0, 1}, "x"), Piece({"a-1", 0, 2}, "y"),
          Piece({"a-1", 1, 1}, "z"), Piece({"b-2", 0, 1}, "w"),
          Piece({"a-1", 0, 1}, "X")});
  EXPECT_EQ(Text({"a-1", 0, 1}), "xX");
  EXPECT_EQ(Text({"a-1", 0, 2}), "y");
  EXPECT_EQ(Text({"a-1", 1, 1}), "z");
  EXPECT_EQ(Text({"b-2", 0, 1}), "w");
}

// What a worker sends again because nobody told it that it had arrived.
LogPiece At(uint64_t offset, LogPiece piece) {
  piece.offset = offset;
  return piece;
}

TEST_F(LogStoreTest, WhatIsRepeatedIsTakenOnce) {
  Open();
  Append({At(0, Piece(name_, "abc")), At(3, Piece(name_, "def"))});
  Append({At(0, Piece(name_, "abc")), At(3, Piece(name_, "def")),
          At(6, Piece(name_, "ghi"))});
  Append({At(5, Piece(name_, "fghijk"))});
  EXPECT_EQ(Text(name_), "abcdefghijk");
  LogCursor cursor;
  for (const v1::LogChunk& chunk : Read(name_, &cursor).chunks) {
    EXPECT_EQ(chunk.dropped_bytes(), 0u);
  }
}

TEST_F(LogStoreTest, WhatIsRepeatedAfterARestartIsTakenOnce) {
  Open();
  // 4 bytes left out by the worker count as printed.
  Append({At(0, Piece(name_, "abc")), At(7, Piece(name_, "def", 4))});
  Open();
  Append({At(0, Piece(name_, "abc")), At(7, Piece(name_, "def", 4)),
          At(10, Piece(name_, "ghi"))});
  EXPECT_EQ(Text(name_), "abcdefghi");
  LogCursor cursor;
  const LogRead read = Read(name_, &cursor);
  ASSERT_EQ(read.chunks.size(), 3u);
  EXPECT_EQ(read.chunks[1].dropped_bytes(), 4u);
}

TEST_F(LogStoreTest, WhatIsMissingIsTold) {
  Open();
  Append({At(0, Piece(name_, "abc")), At(10, Piece(name_, "xyz"))});
  LogCursor cursor;
  const LogRead read = Read(name_, &cursor);
  ASSERT_EQ(read.chunks.size(), 2u);
  EXPECT_EQ(read.chunks[1].dropped_bytes(), 7u);
  EXPECT_EQ(Text(name_), "abcxyz");
}

TEST_F(LogStoreTest, AnAttemptWithoutOutputIsNoError) {
  Open();
  LogCursor cursor;
  EXPECT_FALSE(Read(name_, &cursor).eof);
  EXPECT_TRUE(Read(name_, &cursor, /*ended=*/true).eof);
}

TEST_F(LogStoreTest, StartsAtAnyByte) {
  Open();
  Append({Piece(name_, "abc"), Piece(name_, "def"), Piece(name_, "ghi")});
  const std::string all = "abcdefghi";
  for (uint64_t offset = 0; offset <= all.size(); ++offset) {
    EXPECT_EQ(Text(name_, offset), all.substr(offset)) << offset;
  }
  LogCursor beyond(1000);
  EXPECT_TRUE(Read(name_, &beyond, true).chunks.empty());
}

TEST_F(LogStoreTest, ReadsInPartsOfTheSizeThatIsAskedFor) {
  Open();
  std::string all;
  for (int i = 0; i < 100; ++i) {
    const std::string line = "line " + std::to_string(i) + "\n";
    all += line;
    Append(name_, line);
  }
  LogCursor cursor;
  std::string read;
  int parts = 0;
  while (true) {
    const LogRead part = Read(name_, &cursor, true, 50);
    uint64_t bytes = 0;
    for (const v1::LogChunk& chunk : part.chunks) {
      bytes += chunk.data().size();
      read += chunk.data();
    }
    EXPECT_LE(bytes, 50u);
    ++parts;
    if (part.eof) break;
    ASSERT_GT(bytes, 0u);
  }
  EXPECT_EQ(read, all);
  EXPECT_GT(parts, 10);
  EXPECT_EQ(cursor.offset(), all.size());
}

TEST_F(LogStoreTest, APieceLargerThanAskedForComesWhole) {
  Open();
  Append(name_, std::string(5000, 'x'));
  LogCursor cursor;
  const LogRead read = Read(name_, &cursor, false, 10);
  ASSERT_EQ(read.chunks.size(), 1u);
  EXPECT_EQ(read.chunks[0].data().size(), 5000u);
}

TEST_F(LogStoreTest, ReadsOnAsTheFileGrows) {
  Open();
  LogCursor cursor;
  for (int i = 0; i < 20; ++i) {
    Append(name_, "more");
    const LogRead read = Read(name_, &cursor);
    ASSERT_EQ(read.chunks.size(), 1u);
    EXPECT_EQ(read.chunks[0].data(), "more");
    EXPECT_TRUE(Read(name_, &cursor).chunks.empty());
  }
}

TEST_F(LogStoreTest, TellsWhenPiecesAreReadable) {
  Open();
  absl::Notification done;
  std::string seen;
  ASSERT_TRUE(store_->Append({Piece(name_, "now")}, [&] {
    seen = Text(name_);
    done.Notify();
  }));
  ASSERT_TRUE(done.WaitForNotificationWithTimeout(kPatience));
  EXPECT_EQ(seen, "now");
}

TEST_F(LogStoreTest, CallsBackInTheOrderOfAppending) {
  Open();
  std::vector<int> order;
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(store_->Append({Piece({"r-1", uint32_t(i % 7), 1}, "x")},
                               [&order, i] { order.push_back(i); }));
  }
  store_->Flush();
  ASSERT_EQ(order.size(), 100u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST_F(LogStoreTest, AFollowerIsToldOfOutputAndOfTheEnd) {
  Open();
  absl::Mutex mu;
  int calls = 0;
  const LogSubscription subscription = store_->Subscribe(name_, [&] {
    absl::MutexLock lock(&mu);
    ++calls;
  });
  Append({"shop-7", 4, 1}, "another task's");
  EXPECT_EQ(calls, 0);
  Append(name_, "mine");
  EXPECT_EQ(calls, 1);
  LogCursor cursor;
  EXPECT_FALSE(Read(name_, &cursor).eof);
  store_->MarkEnded(name_);
  store_->Flush();
  EXPECT_EQ(calls, 2);
  EXPECT_TRUE(Read(name_, &cursor).eof);
}

TEST_F(LogStoreTest, AFollowerSeesEverythingThenTheEnd) {
  Open();
  absl::Mutex mu;
  bool changed = true;
  const LogSubscription subscription = store_->Subscribe(name_, [&] {
    absl::MutexLock lock(&mu);
    changed = true;
  });
  std::thread writer([&] {
    for (int i = 0; i < 500; ++i) {
      ASSERT_TRUE(store_->Append({Piece(name_, "0123456789")}, nullptr));
    }
    store_->MarkEnded(name_);
  });
  LogCursor cursor;
  std::string seen;
  for (bool eof = false; !eof;) {
    {
      absl::MutexLock lock(&mu);
      ASSERT_TRUE(mu.AwaitWithTimeout(absl::Condition(&changed), kPatience));
      changed = false;
    }
    const LogRead read = Read(name_, &cursor);
    for (const v1::LogChunk& chunk : read.chunks) seen += chunk.data();
    eof = read.eof;
  }
  writer.join();
  EXPECT_EQ(seen.size(), 5000u);
}

TEST_F(LogStoreTest, AFollowerOfARunIsToldWhichAttemptsChange) {
  Open();
  std::vector<std::string> told;
  const LogSubscription subscription = store_->SubscribeToRun(
      "shop-7", [&told](const LogName& name, bool ended) {
        const std::string which =
            name == LogName::OfRun("shop-7")
                ? "all"
                : fmt::format("{}.{}", name.task, name.attempt);
        told.push_back(which + (ended ? " ended" : ""));
      });
  Append({Piece({"shop-7", 3, 1}, "x"), Piece({"shop-7", 3, 1}, "y"),
          Piece({"shop-7", 4, 2}, "z"), Piece({"shop-70", 3, 1}, "w")});
  store_->MarkEnded({"shop-7", 4, 2});
  store_->MarkEnded({"shop-7", 5, 1});  // has printed nothing
  store_->MarkEnded(LogName::OfRun("shop-7"));
  store_->Flush();
  EXPECT_THAT(told, testing::ElementsAre("3.1", "4.2", "4.2 ended", "5.1 ended",
                                         "all ended"));
  told.clear();
  store_->Forget("shop-7");
  store_->Flush();
  EXPECT_THAT(told, testing::Contains("all ended"));
}

TEST_F(LogStoreTest, ThereIsNoEndWhilePiecesAreOnTheirWay) {
  Open();
  absl::Notification go;
  absl::Notification there;
  // Holds the writer up.
  ASSERT_TRUE(store_->Append({Piece({"other-1", 0, 1}, "x")}, [&] {
    there.Notify();
    go.WaitForNotification();
  }));
  there.WaitForNotification();
  ASSERT_TRUE(store_->Append({Piece(name_, "last words")}, nullptr));
  LogCursor cursor;
  EXPECT_FALSE(Read(name_, &cursor, /*ended=*/true).eof);
  go.Notify();
  store_->Flush();
  const LogRead read = Read(name_, &cursor, /*ended=*/true);
  EXPECT_EQ(read.chunks.size(), 1u);
  EXPECT_TRUE(read.eof);
}

TEST_F(LogStoreTest, NoCallComesAfterTheSubscriptionIsGone) {
  Open();
  int calls = 0;
  {
    const LogSubscription subscription =
        store_->Subscribe(name_, [&] { ++calls; });
    Append(name_, "x");
  }
  Append(name_, "y");
  EXPECT_EQ(calls, 1);
  LogSubscription moved = store_->Subscribe(name_, [&] { ++calls; });
  moved = store_->Subscribe(name_, [&] { calls += 10; });
  Append(name_, "z");
  EXPECT_EQ(calls, 11);
  store_.reset();  // before the subscription
}

TEST_F(LogStoreTest, OldOutputIsReadableAndGoesOnAfterARestart) {
  Open();
  Append(name_, "before ");
  Open();
  EXPECT_EQ(Text(name_), "before ");
  Append(name_, "after");
  EXPECT_EQ(Text(name_), "before after");
}

TEST_F(LogStoreTest, WritesWhatIsQueuedBeforeItEnds) {
  Open();
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(store_->Append({Piece(name_, "x")}, nullptr));
  }
  Open();
  EXPECT_EQ(Text(name_).size(), 1000u);
}

TEST_F(LogStoreTest, ForgetsARunAndNoOther) {
  Open();
  Append({Piece({"a-1", 0, 1}, "x"), Piece({"a-1", 1, 1}, "x"),
          Piece({"a-11", 0, 1}, "y")});
  store_->Forget("a-1");
  store_->Flush();
  EXPECT_EQ(Text({"a-1", 0, 1}), "");
  EXPECT_EQ(Text({"a-11", 0, 1}), "y");
  EXPECT_FALSE(std::filesystem::exists(dir_ / "logs/a-1"));
}

TEST_F(LogStoreTest, ForgetsRunsThatAnEarlierProcessHasLeft) {
  Open();
  const std::string odd = "a/b";  // its folder has another name
  Append({Piece({"a-1", 0, 1}, "x"), Piece({"a-2", 1, 1}, "y"),
          Piece({odd, 0, 1}, "z")});
  Open();
  std::filesystem::create_directory(dir_ / "logs/lost+found");
  store_->ForgetOthers({"a-2", odd, "of which there is nothing"});
  Append({"a-3", 0, 1}, "begun since");
  EXPECT_FALSE(std::filesystem::exists(dir_ / "logs/a-1"));
  EXPECT_TRUE(std::filesystem::exists(dir_ / "logs/lost+found"));
  EXPECT_EQ(Text({"a-2", 1, 1}), "y");
  EXPECT_EQ(Text({odd, 0, 1}), "z");
  EXPECT_EQ(Text({"a-3", 0, 1}), "begun since");
}

TEST_F(LogStoreTest, FollowersOfAForgottenRunComeToTheEnd) {
  Open();
  Append(name_, "x");
  LogCursor cursor;
  bool eof = false;
  const LogSubscription subscription =
      store_->Subscribe(name_, [&] { eof = Read(name_, &cursor).eof; });
  store_->Forget("shop-7");
  store_->Flush();
  EXPECT_TRUE(eof);
}

TEST_F(LogStoreTest, ACrashInTheMiddleOfAFrameCostsOnlyThatFrame) {
  Open();
  Append({Piece(name_, "whole"), Piece(name_, "cut off")});
  store_.reset();
  const std::string path = dir_ / "logs/shop-7/3.1";
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 3);
  Open();
  EXPECT_EQ(Text(name_), "whole");
  Append(name_, " again");
  EXPECT_EQ(Text(name_), "whole again");
}

TEST_F(LogStoreTest, AFileThatHasNotBegunHasNoOutputYet) {
  Open();
  for (const int bytes : {0, 15}) {
    std::filesystem::create_directories(dir_ / "logs/shop-7");
    std::ofstream(dir_ / "logs/shop-7/3.1") << std::string(bytes, '\0');
    EXPECT_EQ(Text(name_), "") << bytes;
  }
  Append(name_, "now");
  EXPECT_EQ(Text(name_), "now");
}

TEST_F(LogStoreTest, AFileWithoutAWholeHeaderBeginsAnew) {
  Open();
  std::filesystem::create_directories(dir_ / "logs/shop-7");
  std::ofstream(dir_ / "logs/shop-7/3.1") << "w2tl and then";
  Append(name_, "new");
  EXPECT_EQ(Text(name_), "new");
  EXPECT_EQ(std::filesystem::file_size(dir_ / "logs/shop-7/3.1"),
            kLogHeaderBytes + kLogFrameBytes + 3);
}

TEST_F(LogStoreTest, ZerosAtTheEndOfAFileAreNoOutput) {
  Open();
  Append(name_, "whole");
  store_.reset();
  const std::string path = dir_ / "logs/shop-7/3.1";
  std::filesystem::resize_file(path, std::filesystem::file_size(path) + 4096);
  Open();
  EXPECT_EQ(Text(name_), "whole");
  Append(name_, "!");
  EXPECT_EQ(Text(name_), "whole!");
}

TEST_F(LogStoreTest, AFileThatIsNoLogIsALoss) {
  Open();
  Append(name_, "x");
  std::ofstream(dir_ / "logs/shop-7/3.1", std::ios::trunc)
      << "something quite different";
  LogCursor cursor;
  EXPECT_EQ(store_->Read(name_, &cursor, 100, true).status().code(),
            absl::StatusCode::kDataLoss);
}

TEST_F(LogStoreTest, ADirectoryThatCannotBeMadeIsUnavailable) {
  dir_.Write("logs", "a file");
  const auto store = LogStore::Open({.directory = dir_ / "logs"});
  EXPECT_EQ(store.status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace w2t
