#include "w2t/flow/picture.h"

#include <string>
#include <string_view>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "w2t/flow.h"
#include "w2t/limits.h"

namespace w2t::flow {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

// One that succeeds, one that fails, and what waits for them in each way.
Graph Deploy() {
  Graph graph("deploy");
  const Task<> build = graph.Add("build", [] {});
  const Task<> test =
      graph.Add("test", After(build), [] { return absl::UnknownError("red"); });
  graph.Add("ship", After(test), [] {});
  graph.Add("alarm", AfterFailure(test), [](const absl::Status&) {});
  graph.Add("clean", AfterEnd(test), [] {});
  graph.Add("note", AnyOf(build, test), [] {});
  return graph;
}

TEST(FlowPictureTest, OfAGraphInDot) {
  EXPECT_EQ(ToDot(*Deploy().Check().blueprint),
            R"(digraph {
  label="deploy";
  rankdir=LR;
  node [shape=box, style="rounded,filled"];
  0 [label="build", fillcolor="#ffffff", color="#343a40"];
  1 [label="test", fillcolor="#ffffff", color="#343a40"];
  2 [label="ship", fillcolor="#ffffff", color="#343a40"];
  3 [label="alarm", fillcolor="#ffffff", color="#343a40"];
  4 [label="clean", fillcolor="#ffffff", color="#343a40"];
  5 [label="note\nat least 1 of 2", fillcolor="#ffffff", color="#343a40"];
  0 -> 1;
  0 -> 5;
  1 -> 2;
  1 -> 3 [label="failed"];
  1 -> 4 [label="finished"];
  1 -> 5;
}
)");
}

TEST(FlowPictureTest, OfAGraphInMermaid) {
  EXPECT_EQ(ToMermaid(*Deploy().Check().blueprint),
            R"(flowchart LR
  t0["build"]
  t1["test"]
  t2["ship"]
  t3["alarm"]
  t4["clean"]
  t5["note<br/>at least 1 of 2"]
  t0 --> t1
  t0 --> t5
  t1 --> t2
  t1 -->|failed| t3
  t1 -->|finished| t4
  t1 --> t5
)");
}

TEST(FlowPictureTest, OfARunInDot) {
  const Result run = Executor::OneAtATime().Run(Deploy());
  EXPECT_EQ(ToDot(run), R"(digraph {
  label="deploy";
  rankdir=LR;
  node [shape=box, style="rounded,filled"];
  0 [label="build", fillcolor="#d3f9d8", color="#2b8a3e"];
  1 [label="test\nfailed", fillcolor="#ffc9c9", color="#c92a2a"];
  2 [label="ship\nskipped", fillcolor="#e9ecef", color="#868e96"];
  3 [label="alarm", fillcolor="#d3f9d8", color="#2b8a3e"];
  4 [label="clean", fillcolor="#d3f9d8", color="#2b8a3e"];
  5 [label="note\nat least 1 of 2", fillcolor="#d3f9d8", color="#2b8a3e"];
  0 -> 1;
  0 -> 5;
  1 -> 2;
  1 -> 3 [label="failed"];
  1 -> 4 [label="finished"];
  1 -> 5;
}
)");
}

TEST(FlowPictureTest, OfARunInMermaid) {
  const Result run = Executor::OneAtATime().Run(Deploy());
  EXPECT_EQ(ToMermaid(run), R"(flowchart LR
  t0["build"]:::succeeded
  t1["test<br/>failed"]:::failed
  t2["ship<br/>skipped"]:::skipped
  t3["alarm"]:::succeeded
  t4["clean"]:::succeeded
  t5["note<br/>at least 1 of 2"]:::succeeded
  t0 --> t1
  t0 --> t5
  t1 --> t2
  t1 -->|failed| t3
  t1 -->|finished| t4
  t1 --> t5
  classDef succeeded fill:#d3f9d8,stroke:#2b8a3e
  classDef failed fill:#ffc9c9,stroke:#c92a2a
  classDef skipped fill:#e9ecef,stroke:#868e96
  classDef cancelled fill:#ffe8cc,stroke:#d9480f
)");
}

TEST(FlowPictureTest, ShowsWhatAStoppedRunCancelled) {
  Graph graph;
  graph.Add("bad", [] { return absl::UnknownError(""); });
  graph.Add("late", [] {});
  RunOptions options;
  options.on_failure = OnFailure::kCancel;
  const Result run = Executor::OneAtATime().Run(std::move(graph), options);
  EXPECT_THAT(ToDot(run), HasSubstr("1 [label=\"late\\ncancelled\", "
                                    "fillcolor=\"#ffe8cc\""));
  EXPECT_THAT(ToMermaid(run), HasSubstr("t1[\"late<br/>cancelled\"]:::canc"));
}

TEST(FlowPictureTest, ShowsTheTimeThatEachTaskTookWhenTimingsWereKept) {
  Graph graph;
  const Task<> fail = graph.Add("fail", [] { return absl::UnknownError(""); });
  graph.Add("skipped", After(fail), [] {});
  RunOptions options;
  options.timings = true;
  const Result run = Executor::OneAtATime().Run(std::move(graph), options);
  EXPECT_THAT(ToDot(run),
              ContainsRegex("label=\"fail\\\\nfailed\\\\n[0-9.]+[num]?s?\""));
  EXPECT_THAT(ToMermaid(run),
              ContainsRegex("\"fail<br/>failed<br/>[0-9.]+[num]?s?\""));
  EXPECT_THAT(ToDot(run), HasSubstr("\"skipped\\nskipped\""));
}

// The label of a task of this name.
std::pair<std::string, std::string> LabelsOf(std::string_view name) {
  Graph graph;
  graph.Add(name, [] {});
  const BlueprintOr built = graph.Check();
  const std::string dot = ToDot(*built.blueprint);
  const std::string mermaid = ToMermaid(*built.blueprint);
  const size_t dot_begin = dot.find("0 [label=") + 9;
  const size_t mermaid_begin = mermaid.find("t0[") + 3;
  return {dot.substr(dot_begin, dot.find(", fillcolor") - dot_begin),
          mermaid.substr(mermaid_begin, mermaid.rfind(']') - mermaid_begin)};
}

TEST(FlowPictureTest, EscapesWhatMeansSomethingToEitherFormat) {
  using Labels = std::pair<std::string, std::string>;
  EXPECT_EQ(LabelsOf("say \"hi\""),
            Labels(R"("say \"hi\"")", "\"say #34;hi#34;\""));
  EXPECT_EQ(LabelsOf("a\nb\r\tc"), Labels(R"("a\nb  c")", "\"a<br/>b  c\""));
  EXPECT_EQ(LabelsOf("x\\"), Labels(R"("x\\")", "\"x#92;\""));
  EXPECT_EQ(LabelsOf("[a]{b}(c)|d|"),
            Labels(R"("[a]{b}(c)|d|")",
                   "\"#91;a#93;#123;b#125;#40;c#41;#124;d#124;\""));
  EXPECT_EQ(
      LabelsOf("<b>&lt;</b>"),
      Labels(R"("<b>&amp;lt;</b>")", "\"#60;b#62;#38;lt#59;#60;/b#62;\""));
  EXPECT_EQ(LabelsOf("%%{init}%% `x` #1;"),
            Labels(R"("%%{init}%% `x` #1;")",
                   "\"#37;#37;#123;init#125;#37;#37; #96;x#96; #35;1#59;\""));
  EXPECT_EQ(LabelsOf("größe → 大"), Labels("\"größe → 大\"", "\"größe → 大\""));
  EXPECT_EQ(LabelsOf(std::string_view("\0\x7f", 2)),
            Labels("\"  \"", "\"  \""));
}

TEST(FlowPictureTest, EscapesTheNameOfTheGraph) {
  Graph graph("a \"b\"\n");
  graph.Add("t", [] {});
  EXPECT_THAT(ToDot(*graph.Check().blueprint),
              HasSubstr(R"(  label="a \"b\"\n";)"));
}

TEST(FlowPictureTest, OfARunThatNeverBeganHasNoTasks) {
  Graph graph;
  const auto a = graph.Add("a", [] {});
  graph.Order(a, a);
  const Result run = Executor::OneAtATime().Run(std::move(graph));
  ASSERT_FALSE(run.ok());
  EXPECT_EQ(ToDot(run), "digraph {\n}\n");
  EXPECT_EQ(ToMermaid(run), "flowchart LR\n");
}

TEST(FlowPictureTest, OfADaemonsGraphShowsItsConditions) {
  w2t::Graph graph("shop");
  graph.Add({.name = "db", .kind = TaskKind::kService, .has_probe = true});
  graph.Add({.name = "log", .kind = TaskKind::kService});
  graph.Add({.name = "api", .depends_on = {{"db"}, {"log"}}});
  const BlueprintOr built = Blueprint::Build(graph, Limits());
  const std::string text = ToMermaid(*built.blueprint);
  EXPECT_THAT(text, HasSubstr("t0 -->|ready| t2\n  t1 -->|started| t2\n"));
  EXPECT_THAT(text, Not(HasSubstr("classDef")));
}

}  // namespace
}  // namespace w2t::flow
