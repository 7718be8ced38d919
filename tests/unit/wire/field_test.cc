#include "proto/wire/field.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace w2t::wire {
namespace {

google::protobuf::Duration Span(int64_t seconds, int32_t nanos) {
  google::protobuf::Duration span;
  span.set_seconds(seconds);
  span.set_nanos(nanos);
  return span;
}

TEST(Utf8Test, TakesWellFormedTextOnly) {
  EXPECT_TRUE(IsUtf8(""));
  EXPECT_TRUE(IsUtf8("plain"));
  EXPECT_TRUE(IsUtf8("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80"));
  EXPECT_FALSE(IsUtf8("\x80"));
  EXPECT_FALSE(IsUtf8("\xc3"));              // cut off
  EXPECT_FALSE(IsUtf8("\xc0\xaf"));          // overlong
  EXPECT_FALSE(IsUtf8("\xe0\x80\xaf"));      // overlong
  EXPECT_FALSE(IsUtf8("\xed\xa0\x80"));      // a surrogate
  EXPECT_FALSE(IsUtf8("\xf4\x90\x80\x80"));  // beyond the last code point
  EXPECT_FALSE(IsUtf8("\xff"));
}

TEST(Utf8Test, ReplacesEachByteThatIsNone) {
  EXPECT_EQ(ToUtf8("a\xff\xc3z\n"), "a??z\n");
  EXPECT_EQ(ToUtf8("\xc3\xbc"), "\xc3\xbc");
}

TEST(ShownTest, HidesControlCharactersAndCutsAtCharacters) {
  EXPECT_EQ(Shown("a\nb\x1b\x7f"), "a?b??");
  EXPECT_EQ(Shown("abcdef", 3), "abc...");
  EXPECT_EQ(Shown("abc", 3), "abc");
  EXPECT_EQ(Shown("ab\xc3\xbc", 3), "ab...");
}

TEST(FieldPathTest, SpellsOutNamesIndicesAndKeys) {
  const FieldPath root("graph");
  const FieldPath task = root.Entry("tasks", 3);
  const FieldPath host = task.Field("host");
  EXPECT_EQ(host.Entry("labels", std::string_view("role")).ToString(),
            "graph.tasks[3].host.labels[\"role\"]");
}

class FieldCheckerTest : public testing::Test {
 protected:
  const Diagnostic& fault(size_t i) const { return faults_.listed()[i]; }

  Limits limits_;
  Diagnostics faults_;
  FieldChecker check_{limits_, &faults_};
  const FieldPath path_ = FieldPath("name");
};

TEST_F(FieldCheckerTest, NamesHaveABoundedLengthAndNoControlCharacters) {
  EXPECT_TRUE(check_.Name(path_, "gr\xc3\xbc\xc3\x9f e"));
  EXPECT_TRUE(check_.Name(path_, std::string(256, 'x')));
  EXPECT_TRUE(faults_.empty());

  EXPECT_FALSE(check_.Name(path_, ""));
  EXPECT_FALSE(check_.Name(path_, std::string(257, 'x')));
  EXPECT_FALSE(check_.Name(path_, "a\tb"));
  EXPECT_FALSE(check_.Name(path_, "a\x80"));
  ASSERT_EQ(faults_.total(), 4u);
  EXPECT_EQ(fault(0).code, DiagnosticCode::kMissingField);
  EXPECT_EQ(fault(1).code, DiagnosticCode::kLimitExceeded);
  EXPECT_EQ(fault(1).limit_name, "max_name_bytes");
  EXPECT_EQ(fault(1).limit, 256u);
  EXPECT_EQ(fault(1).value, 257u);
  EXPECT_EQ(fault(2).message, "name: 'a?b' has a control character");
  EXPECT_EQ(fault(3).message, "name: 'a?' is not UTF-8");
}

TEST_F(FieldCheckerTest, DurationsKeepWithinTheirBounds) {
  const auto span = [&](const google::protobuf::Duration& value) {
    return check_.Span(path_, value, absl::Milliseconds(1), absl::Seconds(10));
  };
  EXPECT_EQ(span(Span(1, 500'000'000)), absl::Milliseconds(1500));
  EXPECT_EQ(span(Span(10, 0)), absl::Seconds(10));
  EXPECT_TRUE(faults_.empty());

  EXPECT_EQ(span(Span(-1, 0)), absl::ZeroDuration());
  EXPECT_EQ(span(Span(0, 0)), absl::ZeroDuration());
  EXPECT_EQ(span(Span(10, 1)), absl::ZeroDuration());
  ASSERT_EQ(faults_.total(), 3u);
  EXPECT_EQ(fault(0).message, "name: -1s is negative");
  EXPECT_EQ(fault(1).message, "name: 0 is less than 1ms");
  EXPECT_THAT(fault(2).message, testing::HasSubstr("is more than 10s"));
}

TEST_F(FieldCheckerTest, RefusesWhatIsNoDuration) {
  for (const auto& value :
       {Span(INT64_MAX, 0), Span(INT64_MIN, 0), Span(0, INT32_MAX), Span(1, -1),
        Span(-1, 1), Span(0, 1'000'000'000)}) {
    check_.Span(path_, value, absl::ZeroDuration(), absl::InfiniteDuration());
  }
  ASSERT_EQ(faults_.total(), 6u);
  EXPECT_EQ(fault(3).message, "name: 1 s and -1 ns are no duration");
}

TEST_F(FieldCheckerTest, CountsFaultsBeyondTheList) {
  for (int i = 0; i < 1000; ++i) check_.Invalid(path_, "is wrong");
  EXPECT_EQ(faults_.listed().size(), Diagnostics::kMaxListed);
  EXPECT_EQ(faults_.total(), 1000u);
}

TEST_F(FieldCheckerTest, NamesTheTaskAtFault) {
  check_.SetTask(7, "api");
  check_.Invalid(path_, "is wrong");
  EXPECT_EQ(fault(0).task, 7u);
  EXPECT_EQ(fault(0).task_name, "api");
}

}  // namespace
}  // namespace w2t::wire
