#include "proto/wire/regex_cost.h"

#include <gtest/gtest.h>

#include <string>

namespace w2t::wire {
namespace {

TEST(RegexCostTest, CountsAtoms) {
  EXPECT_EQ(RegexCost(""), 0u);
  EXPECT_EQ(RegexCost("abc"), 3u);
  EXPECT_EQ(RegexCost("a\\.b"), 3u);
  EXPECT_EQ(RegexCost("[a-z0-9]"), 1u);
  EXPECT_EQ(RegexCost("[]a{9}]"), 1u);
  EXPECT_EQ(RegexCost("[[:alpha:]{9}]x"), 2u);
  EXPECT_EQ(RegexCost("a*b+c?"), 3u);
}

TEST(RegexCostTest, RepetitionsMultiply) {
  EXPECT_EQ(RegexCost("a{5}"), 5u);
  EXPECT_EQ(RegexCost("a{2,7}"), 7u);
  EXPECT_EQ(RegexCost("a{7,}"), 7u);
  EXPECT_EQ(RegexCost("ab{5}"), 6u);
  EXPECT_EQ(RegexCost("a*{5}"), 5u);
  EXPECT_EQ(RegexCost("(ab){5}"), 15u);
  EXPECT_EQ(RegexCost("((a{10}){10}){10}"), 1'110u);
  EXPECT_EQ(RegexCost("a{10}{10}{10}"), 1'000u);
}

TEST(RegexCostTest, StaysBoundedOnAnything) {
  EXPECT_GT(RegexCost("((((a{999}){999}){999}){999}){999}"), kMaxRegexCost);
  EXPECT_GT(RegexCost("a{99999999999999999999999999}"), kMaxRegexCost);
  EXPECT_GT(RegexCost(std::string(100'000, '(')), 0u);
  for (const char* broken : {"[", "[^", "[[:", "a{", "a{5", "\\", ")", "(*)"}) {
    EXPECT_LT(RegexCost(broken), 10u) << broken;
  }
}

}  // namespace
}  // namespace w2t::wire
