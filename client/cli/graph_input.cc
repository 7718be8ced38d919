#include "client/cli/graph_input.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <filesystem>
#include <string_view>

#include "client/cli/context.h"
#include "client/cli/exit_code.h"
#include "client/cli/options.h"
#include "client/cli/text.h"
#include "client/graphfile/scalars.h"

namespace w2t::cli {

namespace {

constexpr int64_t kMostReplicas = 1'000'000;

graphfile::Format ToFormat(const std::string& name) {
  if (name == "graph") return graphfile::Format::kGraph;
  if (name == "process-compose") return graphfile::Format::kProcessCompose;
  if (name == "wfformat") return graphfile::Format::kWfFormat;
  if (name == "compose") return graphfile::Format::kCompose;
  return graphfile::Format::kDetect;
}

std::vector<std::string> Files(const GraphFlags& flags) {
  std::vector<std::string> files = {flags.file};
  files.insert(files.end(), flags.more_files.begin(), flags.more_files.end());
  return files;
}

// Of this process.
graphfile::Environment Variables() {
  graphfile::Environment variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

}  // namespace

void AddGraphFlags(CLI::App& command, GraphFlags& flags) {
  command.add_option("file", flags.file, "The graph; - is standard input")
      ->type_name("FILE")
      ->required();
  command
      .add_option("targets", flags.targets,
                  "Only these tasks and what they need")
      ->type_name("TARGET");
  AddGraphOptions(command, flags);
}

void AddGraphOptions(CLI::App& command, GraphFlags& flags) {
  command
      .add_option("--file,-f", flags.more_files,
                  "A further graph file, on top of those before it; may be "
                  "given again")
      ->type_name("FILE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command
      .add_option("--profile", flags.profiles,
                  "Do not leave out the tasks of this profile; may be given "
                  "again, and * is every profile")
      ->type_name("NAME")
      ->expected(1)
      ->delimiter(',')
      ->envname("W2T_PROFILES")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  AddChoice(command, "--format", flags.format,
            {"auto", "graph", "process-compose", "compose", "wfformat"},
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

absl::Status AddScale(std::string_view text, GraphFlags& flags) {
  const size_t equals = text.find('=');
  const std::optional<int64_t> count =
      equals == std::string_view::npos
          ? std::nullopt
          : graphfile::ParseInteger(text.substr(equals + 1));
  if (!count || equals == 0 || *count < 1 || *count > kMostReplicas) {
    return absl::InvalidArgumentError(fmt::format(
        "\"{}\" is not NAME=N, with N from 1 to {}", text, kMostReplicas));
  }
  flags.replicas.insert_or_assign(std::string(text.substr(0, equals)),
                                  static_cast<uint32_t>(*count));
  return absl::OkStatus();
}

std::string UpName(const graphfile::LoadResult& loaded, std::string_view file) {
  if (!loaded.graph.name().empty()) return loaded.graph.name();
  std::string name;
  for (const char c : std::filesystem::path(file).stem().string()) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       (c >= '0' && c <= '9') || c == '.' || c == '_';
    name += plain ? c : '-';
  }
  return name == "-" ? std::string() : name;
}

std::string FileNames(const GraphFlags& flags) {
  return fmt::format("{}", fmt::join(Files(flags), ", "));
}

graphfile::LoadResult ReadGraph(const GraphFlags& flags, bool for_run) {
  graphfile::Options options;
  options.for_run = for_run;
  options.format = ToFormat(flags.format);
  options.time_scale = flags.time_scale.value_or(1);
  options.environment = Variables();
  options.profiles = flags.profiles;
  options.targets = flags.targets;
  options.replicas = flags.replicas;
  graphfile::LoadResult loaded = graphfile::LoadFiles(Files(flags), options);
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
                             Count(loaded.faults.size(), "fault"),
                             FileNames(flags));
}

std::optional<graphfile::LoadResult> LoadGraph(const GraphFlags& flags,
                                               const Context& context,
                                               bool for_run) {
  graphfile::LoadResult loaded = ReadGraph(flags, for_run);
  for (const std::string& note : loaded.notes) {
    context.err << fmt::format("w2t: note: {}\n", note);
  }
  if (loaded.faults.empty()) return loaded;
  PrintFaults(loaded, flags, context);
  return std::nullopt;
}

std::optional<graphfile::LoadResult> LoadGraphToRun(const GraphFlags& flags,
                                                    const Context& context) {
  return LoadGraph(flags, context, /*for_run=*/true);
}

bool HoldsByItself(const graphfile::LoadResult& loaded) {
  const Blueprint& blueprint = *loaded.blueprint;
  const bool compose = loaded.format == graphfile::Format::kCompose;
  for (TaskIndex task = 0; task < blueprint.size(); ++task) {
    const bool service = blueprint.kind(task) == TaskKind::kService;
    if (compose && service && blueprint.successors(task).empty()) return true;
    if (!compose && !service) return false;
  }
  return !compose;
}

}  // namespace w2t::cli
