// The bounds of a log store: file size, queue, open files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "absl/synchronization/notification.h"
#include "tests/unit/server_store/log_store_fixture.h"

namespace w2t {
namespace {

TEST_F(LogStoreTest, WhatIsBeyondTheBoundIsLeftOutAndCounted) {
  Open({.max_log_bytes = 1000});
  for (int i = 0; i < 20; ++i) Append(name_, std::string(100, 'x'));
  EXPECT_LE(std::filesystem::file_size(dir_ / "logs/shop-7/3.1"), 1000u);
  LogCursor cursor;
  const LogRead read = Read(name_, &cursor, true);
  uint64_t bytes = 0;
  uint64_t dropped = 0;
  for (const v1::LogChunk& chunk : read.chunks) {
    bytes += chunk.data().size();
    dropped += chunk.dropped_bytes();
  }
  EXPECT_EQ(bytes, 700u);
  EXPECT_EQ(dropped, 1300u);
  EXPECT_EQ(store_->stats().dropped_bytes, 1300u);
  EXPECT_EQ(store_->stats().written_bytes, 700u);
  EXPECT_TRUE(read.eof);
}

TEST_F(LogStoreTest, AFollowerIsToldOnceOfWhatWasLeftOut) {
  Open({.max_log_bytes = 200});
  Append(name_, std::string(100, 'x'));
  LogCursor cursor;
  EXPECT_EQ(Read(name_, &cursor).chunks.size(), 1u);
  Append(name_, std::string(300, 'x'));
  ASSERT_EQ(Read(name_, &cursor).chunks.size(), 1u);
  EXPECT_TRUE(Read(name_, &cursor).chunks.empty());
  Append(name_, "y");  // would fit, but there is a gap before it
  const LogRead read = Read(name_, &cursor);
  ASSERT_EQ(read.chunks.size(), 1u);
  EXPECT_EQ(read.chunks[0].dropped_bytes(), 1u);
  EXPECT_EQ(read.chunks[0].data(), "");
}

TEST_F(LogStoreTest, TheBoundAndItsCountHoldAcrossARestart) {
  Open({.max_log_bytes = 200});
  Append(name_, std::string(100, 'x'));
  Append(name_, std::string(300, 'x'));
  Open({.max_log_bytes = 200});
  Append(name_, "y");
  LogCursor cursor;
  const LogRead read = Read(name_, &cursor);
  ASSERT_EQ(read.chunks.size(), 2u);
  EXPECT_EQ(read.chunks[1].dropped_bytes(), 301u);
}

TEST_F(LogStoreTest, AFullQueueRefusesPiecesAndSaysWhenThereIsRoom) {
  Open({.max_queue_bytes = 10'000});
  absl::Notification go;
  absl::Notification there;
  ASSERT_TRUE(store_->Append({Piece(name_, "first")}, [&] {
    there.Notify();
    go.WaitForNotification();
  }));
  there.WaitForNotification();
  int taken = 0;
  std::vector<LogPiece> pieces;
  while (taken < 100) {
    pieces = {Piece(name_, std::string(1000, 'x'))};
    if (!store_->Append(std::move(pieces), nullptr)) break;
    ++taken;
  }
  EXPECT_EQ(taken, 8);  // each counts a little more than its data
  // What is refused is still the caller's.
  // NOLINTNEXTLINE(bugprone-use-after-move)
  ASSERT_EQ(pieces.size(), 1u);
  EXPECT_EQ(pieces[0].chunk.data().size(), 1000u);
  EXPECT_GT(store_->stats().queued_bytes, 8000u);

  absl::Notification room;
  store_->WhenRoom([&] { room.Notify(); });
  EXPECT_FALSE(room.HasBeenNotified());
  go.Notify();
  room.WaitForNotification();
  EXPECT_TRUE(store_->Append(std::move(pieces), nullptr));
  store_->Flush();
  EXPECT_EQ(Text(name_).size(), 5u + 9000u);
  EXPECT_EQ(store_->stats().queued_bytes, 0u);
}

TEST_F(LogStoreTest, RoomIsToldAtOnceWhenThereIsSome) {
  Open();
  bool room = false;
  store_->WhenRoom([&] { room = true; });
  EXPECT_TRUE(room);
}

// Told at once, it would ask again at once, without end.
TEST_F(LogStoreTest, WhatIsTooLargeForTheOtherHalfWaitsForTheWriter) {
  Open({.max_queue_bytes = 1000});
  absl::Notification begun;
  absl::Notification go;
  const auto pieces = [this](size_t bytes) {
    return std::vector<LogPiece>{Piece(name_, std::string(bytes, 'x'))};
  };
  ASSERT_TRUE(store_->Append(pieces(1), [&] {
    begun.Notify();
    go.WaitForNotification();
  }));
  begun.WaitForNotification();
  ASSERT_TRUE(store_->Append(pieces(300), nullptr));
  ASSERT_FALSE(store_->Append(pieces(900), nullptr));
  absl::Notification room;
  store_->WhenRoom([&] { room.Notify(); });
  EXPECT_FALSE(room.HasBeenNotified());
  go.Notify();
  room.WaitForNotification();
  EXPECT_TRUE(store_->Append(pieces(900), nullptr));
}

TEST_F(LogStoreTest, OneBatchLargerThanTheQueueIsTaken) {
  Open({.max_queue_bytes = 100});
  Append(name_, std::string(5000, 'x'));
  EXPECT_EQ(Text(name_).size(), 5000u);
}

TEST_F(LogStoreTest, KeepsFewFilesOpen) {
  Open({.max_open_files = 4});
  for (int round = 0; round < 3; ++round) {
    for (uint32_t task = 0; task < 50; ++task) {
      Append({"r-1", task, 1}, std::to_string(round));
    }
  }
  EXPECT_EQ(store_->stats().open_files, 4u);
  for (uint32_t task = 0; task < 50; ++task) {
    EXPECT_EQ(Text({"r-1", task, 1}), "012");
  }
  for (uint32_t task = 0; task < 50; ++task) {
    store_->MarkEnded({"r-1", task, 1});
  }
  store_->Flush();
  EXPECT_EQ(store_->stats().open_files, 0u);
}

TEST_F(LogStoreTest, RunIdsCannotLeaveTheDirectory) {
  Open();
  const LogName evil = {"../../evil", 0, 1};
  Append(evil, "x");
  EXPECT_EQ(Text(evil), "x");
  EXPECT_FALSE(std::filesystem::exists(dir_ / "../evil"));
  const LogName dots = {"..", 0, 1};
  Append(dots, "y");
  EXPECT_EQ(Text(dots), "y");
  store_->Forget("..");
  store_->Flush();
  EXPECT_TRUE(std::filesystem::exists(dir_ / "logs"));
  EXPECT_EQ(Text(evil), "x");
}

}  // namespace
}  // namespace w2t
