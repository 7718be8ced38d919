#include "server/loop/worker_names.h"

#include "gtest/gtest.h"

namespace w2t::server {
namespace {

FactBatch Joins(uint32_t number, std::string name) {
  FactBatch batch;
  WorkerJoined joined{WorkerNumber{number}, {}};
  joined.spec.name = std::move(name);
  batch.facts.push_back(std::move(joined));
  return batch;
}

TEST(WorkerNamesTest, KnowsWorkersThatHaveLeft) {
  WorkerNames names;
  names.Learn(Joins(1, "a"));
  FactBatch leaves;
  leaves.facts.push_back(WorkerLeft{WorkerNumber{1}, "gone"});
  names.Learn(leaves);
  EXPECT_EQ(names.Find(WorkerNumber{1}), "a");
  EXPECT_EQ(names.Find(WorkerNumber{2}), "");
}

TEST(WorkerNamesTest, ForgetsTheOldestBeyondItsBound) {
  WorkerNames names;
  for (uint32_t i = 1; i <= WorkerNames::kMost + 1; ++i) {
    names.Learn(Joins(i, "w"));
  }
  EXPECT_EQ(names.Find(WorkerNumber{1}), "");
  EXPECT_EQ(names.Find(WorkerNumber{2}), "w");
}

}  // namespace
}  // namespace w2t::server
