// A log store in a directory of its own, and verbs for it.
#ifndef W2T_TESTS_UNIT_SERVER_STORE_LOG_STORE_FIXTURE_H_
#define W2T_TESTS_UNIT_SERVER_STORE_LOG_STORE_FIXTURE_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/logs/log_store.h"
#include "tests/support/temp_dir.h"

namespace w2t {

inline LogPiece Piece(const LogName& name, std::string data,
                      uint64_t dropped = 0,
                      v1::LogStream stream = v1::LOG_STREAM_STDOUT) {
  LogPiece piece;
  piece.name = name;
  piece.chunk.set_stream(stream);
  piece.chunk.set_data(std::move(data));
  piece.chunk.set_dropped_bytes(dropped);
  return piece;
}

class LogStoreTest : public testing::Test {
 protected:
  // Also opens it again, as after a restart.
  void Open(LogStoreOptions options = {}) {
    store_.reset();
    options.directory = dir_ / "logs";
    auto store = LogStore::Open(std::move(options));
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  // Returns when it is written.
  void Append(std::vector<LogPiece> pieces) {
    ASSERT_TRUE(store_->Append(std::move(pieces), nullptr));
    store_->Flush();
  }
  void Append(const LogName& name, std::string data) {
    Append({Piece(name, std::move(data))});
  }

  LogRead Read(const LogName& name, LogCursor* cursor, bool ended = false,
               uint64_t max_bytes = 1 << 20) {
    absl::StatusOr<LogRead> read = store_->Read(name, cursor, max_bytes, ended);
    EXPECT_TRUE(read.ok()) << read.status();
    return read.ok() ? *std::move(read) : LogRead();
  }
  // The output from `offset` on.
  std::string Text(const LogName& name, uint64_t offset = 0) {
    LogCursor cursor(offset);
    std::string text;
    for (const v1::LogChunk& chunk : Read(name, &cursor).chunks) {
      text += chunk.data();
    }
    return text;
  }

  test::TempDir dir_;
  std::unique_ptr<LogStore> store_;
  const LogName name_ = {"shop-7", 3, 1};
};

}  // namespace w2t

#endif  // W2T_TESTS_UNIT_SERVER_STORE_LOG_STORE_FIXTURE_H_
