#include "client/cli/graph_input.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>

#include "client/cli/context.h"
#include "client/cli/options.h"
#include "client/cli/text.h"

namespace w2t::cli {

namespace {

graphfile::Format ToFormat(const std::string& name) {
  if (name == "graph") return graphfile::Format::kGraph;
  if (name == "process-compose") return graphfile::Format::kProcessCompose;
  if (name == "wfformat") return graphfile::Format::kWfFormat;
  return graphfile::Format::kDetect;
}

}  // namespace

void AddGraphFlags(CLI::App& command, GraphFlags& flags) {
  command.add_option("file", flags.file, "The graph; - is standard input")
      ->type_name("FILE")
      ->required();
  AddChoice(command, "--format", flags.format,
            {"auto", "graph", "process-compose", "wfformat"},
            "What kind of file it is");
  command
      .add_option("--time-scale", flags.time_scale,
                  "wfformat: how long tasks last, as a multiple of their "
                  "recorded time")
      ->type_name("X")
      ->check([](const std::string& text) {
        double scale = 0;
        const bool good = CLI::detail::lexical_cast(text, scale) &&
                          std::isfinite(scale) && scale > 0;
        return good ? std::string()
                    : fmt::format("\"{}\" is not a number above 0", text);
      })
      ->default_str("1");
}

graphfile::LoadResult ReadGraph(const GraphFlags& flags) {
  graphfile::Options options;
  options.format = ToFormat(flags.format);
  options.time_scale = flags.time_scale.value_or(1);
  graphfile::LoadResult loaded = graphfile::LoadFile(flags.file, options);
  const bool scaled = flags.time_scale.has_value() && loaded.faults.empty();
  if (scaled && loaded.format != graphfile::Format::kWfFormat) {
    loaded.faults.push_back(
        {.file = flags.file,
         .message = "--time-scale is for WfFormat traces, and this is none"});
  }
  return loaded;
}

void PrintFaults(const graphfile::LoadResult& loaded, const GraphFlags& flags,
                 const Context& context) {
  for (const graphfile::Fault& fault : loaded.faults) {
    context.err << fault.ToString() << "\n";
  }
  context.err << fmt::format("w2t: error: {} in {}; nothing was started\n",
                             Count(loaded.faults.size(), "fault"), flags.file);
}

std::optional<graphfile::LoadResult> LoadGraph(const GraphFlags& flags,
                                               const Context& context) {
  graphfile::LoadResult loaded = ReadGraph(flags);
  for (const std::string& note : loaded.notes) {
    context.err << fmt::format("w2t: note: {}\n", note);
  }
  if (loaded.faults.empty()) return loaded;
  PrintFaults(loaded, flags, context);
  return std::nullopt;
}

bool HoldsByItself(const Blueprint& blueprint) {
  for (TaskIndex task = 0; task < blueprint.size(); ++task) {
    if (blueprint.kind(task) != TaskKind::kService) return false;
  }
  return true;
}

}  // namespace w2t::cli
