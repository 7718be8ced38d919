// What a plan says, and in which batches it is carried out.
#include "client/cli/changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace w2t::cli {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

v1::TaskChange Change(v1::TaskChangeKind kind, const std::string& task,
                      const std::vector<std::string>& fields = {},
                      const std::string& follows = "") {
  v1::TaskChange change;
  change.set_kind(kind);
  change.set_task(task);
  for (const std::string& field : fields) change.add_fields(field);
  change.set_follows(follows);
  return change;
}

constexpr auto kAdded = v1::TASK_CHANGE_KIND_ADDED;
constexpr auto kRemoved = v1::TASK_CHANGE_KIND_REMOVED;
constexpr auto kChanged = v1::TASK_CHANGE_KIND_CHANGED;
constexpr auto kUpdated = v1::TASK_CHANGE_KIND_UPDATED;
constexpr auto kRestarted = v1::TASK_CHANGE_KIND_RESTARTED;
constexpr auto kFollows = v1::TASK_CHANGE_KIND_FOLLOWS;

TEST(ChangesText, SaysWhatHappensToEachTask) {
  const Changes changes = {Change(kChanged, "api", {"command", "env"}),
                           Change(kUpdated, "lb", {"depends_on"}),
                           Change(kFollows, "web", {}, "api"),
                           Change(kFollows, "worker", {"priority"}, "api"),
                           Change(kRestarted, "cron"),
                           Change(kRemoved, "old"),
                           Change(kAdded, "api-3"),
                           Change(kUpdated, "", {"on_failure"})};
  EXPECT_EQ(ChangesText(changes, Palette()),
            "  ~ api        command, env changed\n"
            "  ~ lb         depends_on changed; it goes on running\n"
            "  > web        follows api\n"
            "  > worker     follows api; priority changed\n"
            "  ~ cron       starts anew\n"
            "  - old\n"
            "  + api-3\n"
            "  ~ the graph  on_failure changed; it goes on running\n");
  EXPECT_EQ(ChangesSummary(changes),
            "1 changed, 2 updated, 1 added, 1 removed, 1 restarted, 2 "
            "following");
}

TEST(ChangesText, IsCutWhenItIsLong) {
  const Changes changes(kMaxShownChanges + 5, Change(kAdded, "t"));
  EXPECT_THAT(ChangesText(changes, Palette()),
              testing::EndsWith("  + t\n  and 5 more; -o json has all\n"));
}

const graphfile::Rollout kApi{.tasks = {"api-0", "api-1", "api-2", "api-3"},
                              .max_parallel = 2,
                              .min_ready = 3};

TEST(Batches, OfWhatNeedNotBeDividedIsOneOfAll) {
  EXPECT_THAT(Batches({Change(kChanged, "db")}, {kApi}),
              ElementsAre(IsEmpty()));
  EXPECT_THAT(Batches({Change(kChanged, "api-2"), Change(kAdded, "x")}, {kApi}),
              ElementsAre(IsEmpty()));
  EXPECT_THAT(
      Batches({Change(kChanged, "api-0"), Change(kChanged, "api-1")}, {}),
      ElementsAre(IsEmpty()));
}

TEST(Batches, LeaveEnoughReplicasUp) {
  const Changes changes = {Change(kChanged, "db"),
                           Change(kChanged, "api-0"),
                           Change(kChanged, "api-1"),
                           Change(kChanged, "api-2"),
                           Change(kFollows, "web", {}, "api-0"),
                           Change(kFollows, "lb", {"depends_on"}, "api-0"),
                           Change(kRemoved, "old"),
                           Change(kAdded, "api-3")};
  EXPECT_THAT(Batches(changes, {kApi}),
              ElementsAre(ElementsAre("db", "lb", "api-3"),
                          ElementsAre("api-0"), ElementsAre("api-1"),
                          ElementsAre("api-2"), ElementsAre("old")));
  graphfile::Rollout two = kApi;
  two.min_ready = 0;
  EXPECT_THAT(Batches(changes, {two}),
              ElementsAre(ElementsAre("db", "lb", "api-3"),
                          ElementsAre("api-0", "api-1"), ElementsAre("api-2"),
                          ElementsAre("old")));
  Changes whole = changes;
  whole.push_back(Change(kUpdated, "", {"on_failure"}));
  EXPECT_THAT(Batches(whole, {two}).back(), IsEmpty());
  two.max_parallel = 0;
  two.min_ready = 2;
  EXPECT_THAT(Batches(changes, {two}), testing::SizeIs(4));
}

}  // namespace
}  // namespace w2t::cli
