#include "proto/wire/session_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>

#include "proto/wire/status_codec.h"
#include "tests/unit/wire/text_proto.h"

namespace w2t::wire {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kHello[] = R"pb(
  stream: 5
  name: "w1"
  instance: "i1"
  labels { key: "zone" value: "b" }
  labels { key: "role" value: "db" }
  resources { name: "gpus" milli: 2000 }
  resources { name: "cpus" milli: 8000 }
  max_leases: 16
  version: "0.1.0"
  protocol: 1
  handlers: "resize"
  handlers: "crop"
  handlers: "crop"
  exec: true)pb";

v1::Diagnostic OnlyFault(const absl::Status& status) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  const std::optional<v1::ErrorDetail> detail = DetailOf(status);
  if (!detail || detail->diagnostics_size() != 1) {
    ADD_FAILURE() << status;
    return {};
  }
  return detail->diagnostics(0);
}

LeaseColumns TwoLeases() {
  LeaseColumns leases;
  leases.Add({RunNumber{7}, 3, 1, Fence{70}});
  leases.Add({RunNumber{8}, 0, 2, Fence{71}});
  return leases;
}

TEST(SessionCodecTest, LeasesGoThereAndBack) {
  v1::LeaseColumns message;
  message.add_run(99);  // what was in it before is gone
  ToProto(TwoLeases(), &message);
  const absl::StatusOr<LeaseColumns> back = FromProto(message);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, TwoLeases());
}

TEST(SessionCodecTest, LeaseColumnsOfDifferentLengthsAreRefused) {
  for (const char* column : {"run: 1", "task: 1", "attempt: 1", "fence: 1"}) {
    v1::LeaseColumns message;
    ToProto(TwoLeases(), &message);
    Merge(column, &message);
    EXPECT_THAT(OnlyFault(FromProto(message).status()).message(),
                HasSubstr("differ in length"))
        << column;
  }
}

TEST(SessionCodecTest, HelloBecomesASpecInOrder) {
  const absl::StatusOr<HelloEvent> event =
      FromProto(FromText<v1::Hello>(kHello), Limits());
  ASSERT_TRUE(event.ok()) << event.status();
  const WorkerSpec& spec = event->spec;
  EXPECT_EQ(spec.name, "w1");
  EXPECT_EQ(spec.instance, "i1");
  EXPECT_EQ(spec.version, "0.1.0");
  EXPECT_EQ(spec.max_leases, 16u);
  EXPECT_EQ(spec.stream, 5u);
  using Label = std::pair<std::string, std::string>;
  EXPECT_THAT(spec.labels,
              ElementsAre(Label("role", "db"), Label("zone", "b")));
  EXPECT_THAT(spec.resources,
              ElementsAre(Resource{"cpus", 8000}, Resource{"gpus", 2000}));
  EXPECT_THAT(spec.capabilities,
              ElementsAre("exec", "handler:crop", "handler:resize"));
  EXPECT_TRUE(event->held.empty());
}

TEST(SessionCodecTest, ASpecGoesThereAndBack) {
  const absl::StatusOr<HelloEvent> event =
      FromProto(FromText<v1::Hello>(kHello), Limits());
  ASSERT_TRUE(event.ok());
  const absl::StatusOr<HelloEvent> again =
      FromProto(ToProto(event->spec), Limits());
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->spec, event->spec);
}

TEST(SessionCodecTest, HelloTellsWhatIsHeld) {
  v1::Hello hello = FromText<v1::Hello>(kHello);
  ToProto(TwoLeases(), hello.mutable_held());
  const absl::StatusOr<HelloEvent> event = FromProto(hello, Limits());
  ASSERT_TRUE(event.ok());
  EXPECT_EQ(event->held, TwoLeases());
}

struct HelloCase {
  const char* name;
  const char* text;  // merged into kHello
  v1::DiagnosticCode code;
  const char* field;
};

void PrintTo(const HelloCase& c, std::ostream* out) { *out << c.name; }

class HelloFaultTest : public testing::TestWithParam<HelloCase> {};

TEST_P(HelloFaultTest, IsReportedWithItsField) {
  v1::Hello hello = FromText<v1::Hello>(kHello);
  Merge(GetParam().text, &hello);
  const v1::Diagnostic fault = OnlyFault(FromProto(hello, Limits()).status());
  EXPECT_EQ(fault.code(), GetParam().code) << fault.message();
  EXPECT_EQ(fault.field(), GetParam().field);
}

const std::string kLong(300, 'x');
const std::string kLongName = "name: '" + kLong + "'";
const std::string kLongInstance = "instance: '" + kLong + "'";
const std::string kLongVersion = "version: '" + kLong + "'";

INSTANTIATE_TEST_SUITE_P(
    All, HelloFaultTest,
    testing::Values(
        HelloCase{"NoName", "name: ''", v1::DIAGNOSTIC_CODE_MISSING_FIELD,
                  "hello.name"},
        HelloCase{"LongName", kLongName.c_str(),
                  v1::DIAGNOSTIC_CODE_LIMIT_EXCEEDED, "hello.name"},
        HelloCase{"ControlCharacterInName", "name: 'a\\n'",
                  v1::DIAGNOSTIC_CODE_INVALID_VALUE, "hello.name"},
        HelloCase{"NoInstance", "instance: ''",
                  v1::DIAGNOSTIC_CODE_MISSING_FIELD, "hello.instance"},
        HelloCase{"LongInstance", kLongInstance.c_str(),
                  v1::DIAGNOSTIC_CODE_INVALID_VALUE, "hello.instance"},
        HelloCase{"LongVersion", kLongVersion.c_str(),
                  v1::DIAGNOSTIC_CODE_LIMIT_EXCEEDED, "hello.version"},
        HelloCase{"Protocol", "protocol: 2", v1::DIAGNOSTIC_CODE_INVALID_VALUE,
                  "hello.protocol"},
        HelloCase{"NoLeases", "max_leases: 0",
                  v1::DIAGNOSTIC_CODE_MISSING_FIELD, "hello.max_leases"},
        HelloCase{"TooManyLeases", "max_leases: 65537",
                  v1::DIAGNOSTIC_CODE_LIMIT_EXCEEDED, "hello.max_leases"},
        HelloCase{"ResourceTwice", "resources { name: 'cpus' milli: 1 }",
                  v1::DIAGNOSTIC_CODE_INVALID_VALUE, "hello.resources[2].name"},
        HelloCase{"HandlerWithoutName", "handlers: ''",
                  v1::DIAGNOSTIC_CODE_MISSING_FIELD, "hello.handlers[3]"},
        HelloCase{"UnevenHeld", "held { run: 1 }",
                  v1::DIAGNOSTIC_CODE_INVALID_VALUE, "hello.held"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(SessionCodecTest, HelloNeedsCpus) {
  v1::Hello hello = FromText<v1::Hello>(kHello);
  hello.clear_resources();
  EXPECT_EQ(OnlyFault(FromProto(hello, Limits()).status()).field(),
            "hello.resources");
}

TEST(SessionCodecTest, HelloHasBoundedNumbersOfLabelsAndHandlers) {
  v1::Hello hello = FromText<v1::Hello>(kHello);
  for (int i = 0; i < 64; ++i) {
    (*hello.mutable_labels())[std::to_string(i)] = "x";
  }
  EXPECT_EQ(OnlyFault(FromProto(hello, Limits()).status()).field(),
            "hello.labels");
  hello.clear_labels();
  Limits limits;
  limits.max_handlers = 2;
  const v1::Diagnostic fault = OnlyFault(FromProto(hello, limits).status());
  EXPECT_EQ(fault.limit_name(), "max_handlers");
  EXPECT_EQ(fault.value(), 3u);
}

TEST(SessionCodecTest, AllFaultsOfAHelloAreReportedAtOnce) {
  const absl::Status status = FromProto(v1::Hello(), Limits()).status();
  EXPECT_EQ(DetailOf(status)->total(), 5u) << status;
}

ReportColumns TwoReports() {
  ReportColumns reports;
  reports.leases = TwoLeases();
  reports.state = {TaskState::kRunning, TaskState::kFailed};
  reports.exit_code = {0, 3};
  reports.details = {{.position = 1,
                      .message = "exit code 3\nsecond line",
                      .signal = 9,
                      .cpu_us = 5,
                      .max_rss_bytes = 6,
                      .output = std::string("\0\xff", 2)}};
  return reports;
}

TEST(SessionCodecTest, ReportsGoThereAndBack) {
  v1::ReportBatch batch = ToProto(TwoReports());
  batch.set_seq(12);
  const absl::StatusOr<ReportsEvent> event = FromProto(batch, Limits());
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_EQ(event->seq, 12u);
  EXPECT_EQ(event->reports, TwoReports());
}

TEST(SessionCodecTest, ReportsTakeEveryStateThatAWorkerMayReport) {
  for (int state = v1::TaskState_MIN; state <= v1::TaskState_MAX; ++state) {
    v1::ReportBatch batch = ToProto(TwoReports());
    batch.set_state(0, static_cast<v1::TaskState>(state));
    const bool may =
        state == v1::TASK_STATE_RUNNING || state == v1::TASK_STATE_UP ||
        state == v1::TASK_STATE_SUCCEEDED || state == v1::TASK_STATE_FAILED ||
        state == v1::TASK_STATE_TIMED_OUT || state == v1::TASK_STATE_CANCELLED;
    EXPECT_EQ(FromProto(batch, Limits()).ok(), may) << state;
  }
  v1::ReportBatch batch = ToProto(TwoReports());
  batch.set_state(1, static_cast<v1::TaskState>(300));
  EXPECT_EQ(OnlyFault(FromProto(batch, Limits()).status()).field(),
            "reports.state[1]");
}

TEST(SessionCodecTest, ReportColumnsOfDifferentLengthsAreRefused) {
  for (const char* column : {"state: TASK_STATE_UP", "exit_code: 1",
                             "leases { run: 1 }", "leases { fence: 1 }"}) {
    v1::ReportBatch batch = ToProto(TwoReports());
    Merge(column, &batch);
    EXPECT_THAT(OnlyFault(FromProto(batch, Limits()).status()).message(),
                HasSubstr("differ in length"))
        << column;
  }
}

TEST(SessionCodecTest, DetailsAreSortedAndBelongToOneReportEach) {
  v1::ReportBatch batch = ToProto(TwoReports());
  batch.add_details()->set_position(0);
  const absl::StatusOr<ReportsEvent> event = FromProto(batch, Limits());
  ASSERT_TRUE(event.ok());
  EXPECT_EQ(event->reports.details[0].position, 0u);
  EXPECT_EQ(event->reports.details[1].position, 1u);

  batch.add_details()->set_position(1);
  EXPECT_EQ(OnlyFault(FromProto(batch, Limits()).status()).field(),
            "reports.details");
  batch.mutable_details(2)->set_position(2);
  EXPECT_EQ(OnlyFault(FromProto(batch, Limits()).status()).field(),
            "reports.details[2].position");
}

TEST(SessionCodecTest, WordsAndOutputAreBounded) {
  v1::ReportBatch batch = ToProto(TwoReports());
  batch.mutable_details(0)->set_message(std::string(4097, 'x'));
  EXPECT_EQ(OnlyFault(FromProto(batch, Limits()).status()).limit_name(),
            "max_message_bytes");
  batch.mutable_details(0)->clear_message();
  batch.mutable_details(0)->set_output(std::string(65537, 'x'));
  EXPECT_EQ(OnlyFault(FromProto(batch, Limits()).status()).limit_name(),
            "max_output_bytes");
}

TEST(SessionCodecTest, WordsThatAreNotUtf8AreMadeSo) {
  ReportColumns reports = TwoReports();
  reports.details[0].message = "what\xff";
  EXPECT_EQ(ToProto(reports).details(0).message(), "what?");
}

}  // namespace
}  // namespace w2t::wire
