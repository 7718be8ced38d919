#include "w2t/flow/picture.h"

#include <iterator>
#include <string_view>

#include "absl/time/time.h"
#include "fmt/format.h"
#include "w2t/flow/state.h"

namespace w2t::flow {
namespace {

// What an edge says; empty for the most common condition.
std::string_view WordOf(Condition condition) {
  switch (condition) {
    case Condition::kDefault:  // a blueprint has none
    case Condition::kSucceeded:
      return "";
    case Condition::kFinished:
      return "finished";
    case Condition::kFailed:
      return "failed";
    case Condition::kStarted:
      return "started";
    case Condition::kReady:
      return "ready";
  }
  return "";
}

struct Colours {
  std::string_view fill;
  std::string_view line;
};

Colours ColoursOf(TaskState state) {
  switch (state) {
    case TaskState::kWaiting:
      break;
    case TaskState::kSucceeded:
      return {"#d3f9d8", "#2b8a3e"};
    case TaskState::kFailed:
      return {"#ffc9c9", "#c92a2a"};
    case TaskState::kSkipped:
      return {"#e9ecef", "#868e96"};
    case TaskState::kCancelled:
      return {"#ffe8cc", "#d9480f"};
  }
  return {"#ffffff", "#343a40"};
}

bool IsControl(char c) { return (c >= 0 && c < ' ') || c == '\x7f'; }

// Graphviz reads character entities in labels, so an ampersand begins one.
std::string EscapedForDot(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\n') {
      escaped += "\\n";
    } else if (c == '"' || c == '\\') {
      escaped += '\\';
      escaped += c;
    } else if (c == '&') {
      escaped += "&amp;";
    } else {
      escaped += IsControl(c) ? ' ' : c;
    }
  }
  return escaped;
}

bool IsPlainInMermaid(char c) {
  const bool ascii = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     (c >= '0' && c <= '9');
  const bool beyond_ascii = static_cast<unsigned char>(c) >= 0x80;
  return ascii || beyond_ascii ||
         std::string_view(" _-.,/").find(c) != std::string_view::npos;
}

// Mermaid finds Markdown, HTML, directives and styles in labels; so every mark
// that is not harmless becomes a number.
std::string EscapedForMermaid(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\n') {
      escaped += "<br/>";
    } else if (IsControl(c)) {
      escaped += ' ';
    } else if (IsPlainInMermaid(c)) {
      escaped += c;
    } else {
      fmt::format_to(std::back_inserter(escaped), "#{};",
                     static_cast<unsigned>(c));
    }
  }
  return escaped;
}

// The name, and a line for each thing to say about the task. `run` may be null.
std::string Label(const Blueprint& graph, TaskIndex task, const Result* run) {
  std::string label(graph.task_name(task));
  const size_t edges = graph.predecessors(task).size();
  if (graph.need(task) < edges) {
    fmt::format_to(std::back_inserter(label), "\nat least {} of {}",
                   graph.need(task), edges);
  }
  if (run == nullptr) return label;
  if (run->state(task) != TaskState::kSucceeded) {
    fmt::format_to(std::back_inserter(label), "\n{}", ToWord(run->state(task)));
  }
  const Result::Span span = run->span(task);
  if (span.end > absl::ZeroDuration()) {
    absl::Duration took = span.end - span.start;
    if (took > absl::Milliseconds(1)) {
      took = absl::Trunc(took, absl::Microseconds(1));
    }
    fmt::format_to(std::back_inserter(label), "\n{}",
                   absl::FormatDuration(took));
  }
  return label;
}

std::string Dot(const Blueprint* graph, const Result* run) {
  std::string text = "digraph {\n";
  if (graph == nullptr) return text + "}\n";
  auto out = std::back_inserter(text);
  fmt::format_to(out, "  label=\"{}\";\n", EscapedForDot(graph->name()));
  text += "  rankdir=LR;\n  node [shape=box, style=\"rounded,filled\"];\n";
  for (TaskIndex task = 0; task < graph->size(); ++task) {
    const Colours colours =
        ColoursOf(run == nullptr ? TaskState::kWaiting : run->state(task));
    fmt::format_to(
        out, "  {} [label=\"{}\", fillcolor=\"{}\", color=\"{}\"];\n", task,
        EscapedForDot(Label(*graph, task, run)), colours.fill, colours.line);
  }
  for (TaskIndex task = 0; task < graph->size(); ++task) {
    for (const Blueprint::Edge& edge : graph->successors(task)) {
      const std::string_view word = WordOf(edge.condition);
      fmt::format_to(
          out, "  {} -> {}{};\n", task, edge.task,
          word.empty() ? std::string() : fmt::format(" [label=\"{}\"]", word));
    }
  }
  return text + "}\n";
}

std::string Mermaid(const Blueprint* graph, const Result* run) {
  std::string text = "flowchart LR\n";
  if (graph == nullptr) return text;
  auto out = std::back_inserter(text);
  for (TaskIndex task = 0; task < graph->size(); ++task) {
    fmt::format_to(out, "  t{}[\"{}\"]", task,
                   EscapedForMermaid(Label(*graph, task, run)));
    if (run != nullptr) fmt::format_to(out, ":::{}", ToWord(run->state(task)));
    text += '\n';
  }
  for (TaskIndex task = 0; task < graph->size(); ++task) {
    for (const Blueprint::Edge& edge : graph->successors(task)) {
      const std::string_view word = WordOf(edge.condition);
      fmt::format_to(out, "  t{} -->{} t{}\n", task,
                     word.empty() ? std::string() : fmt::format("|{}|", word),
                     edge.task);
    }
  }
  if (run == nullptr) return text;
  for (const TaskState state : {TaskState::kSucceeded, TaskState::kFailed,
                                TaskState::kSkipped, TaskState::kCancelled}) {
    const Colours colours = ColoursOf(state);
    fmt::format_to(out, "  classDef {} fill:{},stroke:{}\n", ToWord(state),
                   colours.fill, colours.line);
  }
  return text;
}

}  // namespace

std::string ToDot(const Blueprint& graph) { return Dot(&graph, nullptr); }
std::string ToDot(const Result& run) { return Dot(run.blueprint(), &run); }

std::string ToMermaid(const Blueprint& graph) {
  return Mermaid(&graph, nullptr);
}
std::string ToMermaid(const Result& run) {
  return Mermaid(run.blueprint(), &run);
}

}  // namespace w2t::flow
