#include "server/limits.h"

#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace w2t::server {
namespace {

using ::testing::HasSubstr;

TEST(LimitsTest, ListsEveryMemberOnce) {
  std::set<std::string_view> names;
  std::set<const uint64_t*> members;
  ServerLimits limits;
  for (const LimitEntry& entry : AllLimits()) {
    names.insert(entry.name);
    members.insert(&entry.at(limits));
  }
  EXPECT_EQ(names.size(), AllLimits().size());
  // Limits are numbers of one size, so none was forgotten; forgives_losses,
  // which nobody sets, takes the place of one.
  EXPECT_EQ(members.size(), sizeof(ServerLimits) / sizeof(uint64_t) - 1);
}

TEST(LimitsTest, DefaultsLieInTheirRange) {
  const ServerLimits limits;
  for (const LimitEntry& entry : AllLimits()) {
    EXPECT_GE(entry.Get(limits), 1u) << entry.name;
    EXPECT_LE(entry.Get(limits), entry.most) << entry.name;
  }
}

TEST(LimitsTest, SetsByName) {
  ServerLimits limits;
  EXPECT_TRUE(SetLimit("max_tasks", "7", &limits).ok());
  EXPECT_TRUE(SetLimit("max_inbox", "8", &limits).ok());
  EXPECT_EQ(limits.max_tasks, 7u);
  EXPECT_EQ(limits.max_inbox, 8u);
}

TEST(LimitsTest, RefusesAnUnknownNameWithTheOneProbablyMeant) {
  ServerLimits limits;
  const absl::Status status = SetLimit("max_taks", "7", &limits);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("'max_tasks'"));
}

TEST(LimitsTest, RefusesValuesThatAreNoNumberInRange) {
  for (const char* value : {"", "0", "-1", "many", "7x", "1e3",
                            "99999999999999999999", "4000000001"}) {
    ServerLimits limits;
    EXPECT_FALSE(SetLimit("max_tasks", value, &limits).ok()) << value;
    EXPECT_EQ(limits.max_tasks, ServerLimits().max_tasks) << value;
  }
}

}  // namespace
}  // namespace w2t::server
