#include "client/worker/probe/line_matcher.h"

#include <gtest/gtest.h>

#include <string>

namespace w2t::worker {
namespace {

TEST(LineMatcherTest, TextIsFoundAcrossPieces) {
  const auto matcher = LineMatcher::ForText("ready");
  EXPECT_FALSE(matcher->Feed("I am re"));
  EXPECT_TRUE(matcher->Feed("ady"));
}

TEST(LineMatcherTest, TextIsNotFoundAcrossLines) {
  const auto matcher = LineMatcher::ForText("ready");
  EXPECT_FALSE(matcher->Feed("I am re\nady\n"));
}

TEST(LineMatcherTest, AnExpressionNeedsTheWholeLine) {
  const auto matcher = LineMatcher::ForRegex("^up( on [0-9]+)?$");
  ASSERT_TRUE(matcher.ok());
  EXPECT_FALSE((*matcher)->Feed("up"));
  EXPECT_FALSE((*matcher)->Feed(" and away\n"));
  EXPECT_TRUE((*matcher)->Feed("x\nup on 80\n"));
}

TEST(LineMatcherTest, AnExpressionWithoutOperatorsIsAText) {
  const auto text = LineMatcher::ForRegex("it is up");
  ASSERT_TRUE(text.ok());
  EXPECT_TRUE((*text)->Feed("now it is up"));
  for (const char* const expression :
       {"i. u", "is*", "u+p", "u?p", "i|u", "(up)", "[u]p", "u{1}", "^it",
        "up$", "\\bup"}) {
    const auto matcher = LineMatcher::ForRegex(expression);
    ASSERT_TRUE(matcher.ok()) << expression;
    EXPECT_FALSE((*matcher)->Feed("it is up")) << expression;
    EXPECT_TRUE((*matcher)->Feed("\n")) << expression;
  }
}

TEST(LineMatcherTest, TheLastLineNeedsNoNewline) {
  const auto matcher = LineMatcher::ForRegex("up$");
  ASSERT_TRUE(matcher.ok());
  EXPECT_FALSE((*matcher)->Feed("it is up"));
  EXPECT_TRUE((*matcher)->End());
  EXPECT_FALSE((*matcher)->End());
}

TEST(LineMatcherTest, AZeroByteIsAByteLikeAnother) {
  const auto matcher = LineMatcher::ForRegex("b$");
  ASSERT_TRUE(matcher.ok());
  EXPECT_TRUE((*matcher)->Feed(std::string_view("a\0b\n", 4)));
}

TEST(LineMatcherTest, OfALongLineOnlyTheStartCounts) {
  const auto matcher = LineMatcher::ForText("end");
  const std::string filler(LineMatcher::kMaxLineBytes, 'x');
  EXPECT_FALSE(matcher->Feed(filler));
  EXPECT_FALSE(matcher->Feed("end\n"));
  EXPECT_TRUE(matcher->Feed("end\n"));
}

TEST(LineMatcherTest, ABadExpressionIsAnError) {
  const auto matcher = LineMatcher::ForRegex("a(b");
  ASSERT_TRUE(absl::IsInvalidArgument(matcher.status()));
  EXPECT_NE(std::string(matcher.status().message()).find("a(b"),
            std::string::npos);
}

}  // namespace
}  // namespace w2t::worker
