// The bounds of a log store: file size, queue, open files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/synchronization/notification.h"
#include "fmt/format.h"
#include "server/logs/log_format.h"
#include "tests/unit/server_store/log_store_fixture.h"

namespace w2t {
namespace {

constexpr uint64_t kBound = 4'000;

// Output beyond the bound, in pieces of 100 bytes.
class LongLogTest : public LogStoreTest {
 protected:
  void Reopen() { Open({.max_log_bytes = kBound}); }

  void Print(int pieces) {
    for (int i = 0; i < pieces; ++i) {
      LogPiece piece = Piece(name_, fmt::format("{:099}\n", printed_.size()));
      piece.offset = printed_.size();
      printed_ += piece.chunk.data();
      Append({piece});
    }
  }
  uint64_t SizeOfFiles() const {
    uint64_t size = 0;
    for (const auto& file :
         std::filesystem::directory_iterator(dir_ / "logs/shop-7")) {
      size += file.file_size();
    }
    return size;
  }
  // Reads on to the end, and checks that it is what was printed, but for what
  // is said to be left out. Returns how many bytes those were.
  uint64_t ReadOn(LogCursor* cursor, uint64_t max_bytes = 1 << 20) {
    uint64_t left_out = 0;
    uint64_t at = cursor->offset();
    while (true) {
      const LogRead read = Read(name_, cursor, false, max_bytes);
      if (read.chunks.empty()) break;
      for (const v1::LogChunk& chunk : read.chunks) {
        left_out += chunk.dropped_bytes();
        at += chunk.dropped_bytes();
        EXPECT_EQ(chunk.data(), printed_.substr(at, chunk.data().size()));
        at += chunk.data().size();
      }
      EXPECT_EQ(cursor->offset(), at);
    }
    EXPECT_EQ(at, printed_.size());
    return left_out;
  }

  std::string printed_;
};

TEST_F(LongLogTest, TheBeginningAndTheLatestPartAreKept) {
  Reopen();
  Print(200);
  EXPECT_LE(SizeOfFiles(), kBound);
  LogCursor cursor;
  const LogRead read = Read(name_, &cursor);
  EXPECT_EQ(read.chunks.front().data(), printed_.substr(0, 100));
  EXPECT_TRUE(printed_.ends_with(read.chunks.back().data()));
  LogCursor again;
  const uint64_t left_out = ReadOn(&again);
  EXPECT_GT(left_out, printed_.size() - kBound);
  EXPECT_LT(left_out, printed_.size() - kBound / 2);
  LogCursor in_parts;
  EXPECT_EQ(ReadOn(&in_parts, 1), left_out);
}

TEST_F(LongLogTest, WhoeverKeepsPaceMissesNothing) {
  Reopen();
  LogCursor cursor;
  for (int i = 0; i < 200; ++i) {
    Print(1);
    EXPECT_EQ(ReadOn(&cursor), 0u) << i;
  }
}

TEST_F(LongLogTest, WhoeverFallsBehindIsToldHowMuchWasMissed) {
  Reopen();
  for (const int before : {5, 25, 40}) {
    Print(before);
    LogCursor cursor;
    ReadOn(&cursor);
    LogCursor resumed(cursor.offset());
    Print(200);
    const uint64_t left_out = ReadOn(&cursor);
    EXPECT_GT(left_out, 0u) << before;
    EXPECT_EQ(ReadOn(&resumed), left_out) << before;
  }
}

TEST_F(LongLogTest, StartsAtAnyByteOfWhatIsLeft) {
  Reopen();
  Print(200);
  for (uint64_t offset = 0; offset <= printed_.size(); offset += 37) {
    LogCursor cursor(offset);
    ReadOn(&cursor);
  }
}

TEST_F(LongLogTest, GoesOnAfterARestart) {
  for (int i = 0; i < 40; ++i) {
    Reopen();
    Print(5);
    // Said again, which changes nothing.
    LogPiece again = Piece(name_, printed_.substr(printed_.size() - 250));
    again.offset = printed_.size() - 250;
    Append({again});
    LogCursor cursor;
    ReadOn(&cursor);
    EXPECT_LE(SizeOfFiles(), kBound);
  }
}

TEST_F(LongLogTest, APieceThatIsLargerThanAFileIsCut) {
  Reopen();
  printed_ = std::string(10 * kBound, 'x') + "the end";
  Append(name_, printed_);
  EXPECT_LE(SizeOfFiles(), kBound);
  LogCursor cursor;
  ReadOn(&cursor);
  LogCursor end(printed_.size() - 7);
  EXPECT_EQ(Read(name_, &end).chunks.at(0).data(), "the end");
}

TEST_F(LongLogTest, ASlotThatACrashHasCutOffGoesOn) {
  Reopen();
  Print(30);
  store_.reset();
  const std::string slot = dir_ / "logs/shop-7/3.1.a";
  std::filesystem::resize_file(slot, std::filesystem::file_size(slot) - 3);
  Reopen();
  Print(1);  // behind a piece that is missing
  LogCursor cursor;
  const uint64_t left_out = ReadOn(&cursor);
  EXPECT_GT(left_out, 0u);
  EXPECT_LE(left_out, 100u);
}

// One that an earlier version has filled.
TEST_F(LongLogTest, AFileThatIsFullStaysAsItIs) {
  Reopen();
  Print(2);
  store_.reset();
  std::fstream(dir_ / "logs/shop-7/3.1",
               std::ios::in | std::ios::out | std::ios::binary)
      << EncodeLogHeader(LogFileKind::kBeginning, 100);
  printed_ += std::string(100, 'x');
  Reopen();
  Print(1);
  LogCursor cursor;
  EXPECT_EQ(ReadOn(&cursor), 200u);
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
