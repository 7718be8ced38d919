#include "tests/tidy/layers.h"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "fmt/format.h"

namespace w2t::tidy {
namespace {

// A folder and the folders whose headers it may include. A file belongs to the
// entry with the longest matching prefix, and may always include its own.
struct Layer {
  std::string_view folder;
  std::vector<std::string_view> may_include;
};

const std::vector<Layer>& Layers() {
  static const std::vector<Layer> layers = {
      {"core/include/", {}},
      {"core/base/", {"core/include/"}},
      {"core/graph/", {"core/include/", "core/base/"}},
      {"core/run/", {"core/include/", "core/base/", "core/graph/"}},
      {"core/fleet/",
       {"core/include/", "core/base/", "core/graph/", "core/run/"}},
      {"core/schedule/",
       {"core/include/", "core/base/", "core/graph/", "core/run/",
        "core/fleet/"}},
      {"core/engine/",
       {"core/include/", "core/base/", "core/graph/", "core/run/",
        "core/fleet/", "core/schedule/"}},
      {"core/flow/", {"core/include/", "core/base/", "core/graph/"}},
      {"core/runtime/",
       {"core/include/", "core/base/", "core/graph/", "core/flow/"}},
      {"core/", {}},
      {"generated/", {}},
      {"proto/", {"core/", "generated/"}},
      {"server/", {"core/", "proto/", "generated/"}},
      {"client/include/", {"core/include/", "generated/"}},
      {"client/", {"core/", "proto/", "generated/"}},
      {"deploy/", {"core/include/", "client/include/", "generated/"}},
      {"tests/",
       {"core/", "proto/", "generated/", "server/", "client/", "deploy/"}},
  };
  return layers;
}

const Layer* LayerOf(std::string_view path) {
  const Layer* best = nullptr;
  for (const Layer& layer : Layers()) {
    if (HasPrefix(path, layer.folder) &&
        (best == nullptr || layer.folder.size() > best->folder.size())) {
      best = &layer;
    }
  }
  return best;
}

struct Include {
  std::string_view name;
  size_t line = 0;
  bool angled = false;
};

std::vector<Include> IncludesOf(const File& file) {
  std::vector<Include> includes;
  size_t number = 0;
  for (std::string_view line : Lines(file.code)) {
    ++number;
    if (!HasPrefix(line, "#include")) continue;
    const size_t open = line.find_first_of("<\"");
    if (open == std::string_view::npos) continue;
    const char close = line[open] == '<' ? '>' : '"';
    const size_t end = line.find(close, open + 1);
    if (end == std::string_view::npos) continue;
    includes.push_back(
        {line.substr(open + 1, end - open - 1), number, line[open] == '<'});
  }
  return includes;
}

// Where the header lies that an include names; empty when it is not ours.
std::string Resolve(std::string_view name, const std::set<std::string>& paths) {
  const std::string path(name);
  if (paths.contains(path)) return path;
  for (const char* root : {"core/include/", "client/include/"}) {
    if (paths.contains(root + path)) return root + path;
  }
  const bool generated = name.find(".pb.h") != std::string_view::npos;
  if (generated && HasPrefix(name, "w2t/")) return "generated/" + path;
  return "";
}

bool Allows(const Layer& layer, std::string_view target) {
  if (HasPrefix(target, layer.folder)) return true;
  return std::any_of(
      layer.may_include.begin(), layer.may_include.end(),
      [&](std::string_view prefix) { return HasPrefix(target, prefix); });
}

// Another library, by the start of its headers' names, and who may use it
// beside the tests.
struct Library {
  std::string_view headers;
  std::vector<std::string_view> used_by;
};

const std::vector<Library>& Libraries() {
  static const std::vector<Library> libraries = {
      {"grpcpp/",
       {"proto/wire/status_codec.cc", "server/rpc/", "server/main.cc",
        "client/lib/", "client/worker/"}},
      {"grpc/", {"server/rpc/", "client/lib/", "client/worker/"}},
      {"google/protobuf/", {"proto/wire/", "server/", "client/"}},
      {"spdlog/", {"server/observe/", "client/worker/log."}},
      {"sqlite3.h", {"server/journal/"}},
      {"curl/", {"client/worker/probe/http_"}},
      {"yaml-cpp/", {"client/graphfile/", "server/config/"}},
      {"CLI/", {"client/cli/", "client/worker/", "server/"}},
      {"gtest/", {}},
      {"gmock/", {}},
      {"benchmark/", {}},
  };
  return libraries;
}

}  // namespace

Findings CheckLayers(const std::vector<File>& files) {
  std::set<std::string> paths;
  for (const File& file : files) paths.insert(file.path);
  Findings findings;
  for (const File& file : files) {
    if (!IsCpp(file)) continue;
    const Layer* layer = LayerOf(file.path);
    if (layer == nullptr) {
      findings.push_back({file.path, 0, "lies in no layer"});
      continue;
    }
    for (const Include& include : IncludesOf(file)) {
      const std::string target = Resolve(include.name, paths);
      if (target.empty() || Allows(*layer, target)) continue;
      findings.push_back(
          {file.path, include.line,
           fmt::format("{} must not include {}", layer->folder, include.name)});
    }
  }
  return findings;
}

Findings CheckLibraries(const std::vector<File>& files) {
  Findings findings;
  for (const File& file : files) {
    if (!IsCpp(file) || HasPrefix(file.path, "tests/")) continue;
    for (const Include& include : IncludesOf(file)) {
      for (const Library& library : Libraries()) {
        if (!HasPrefix(include.name, library.headers)) continue;
        const bool allowed = std::any_of(
            library.used_by.begin(), library.used_by.end(),
            [&](std::string_view user) { return HasPrefix(file.path, user); });
        if (!allowed) {
          findings.push_back(
              {file.path, include.line,
               fmt::format("{} is not for this folder", include.name)});
        }
      }
    }
  }
  return findings;
}

Findings CheckPureHeaders(const std::vector<File>& files) {
  static const std::set<std::string_view> impure = {
      "atomic",     "chrono",     "condition_variable",
      "coroutine",  "cstdio",     "cstdlib",
      "ctime",      "filesystem", "fstream",
      "future",     "iostream",   "mutex",
      "random",     "semaphore",  "shared_mutex",
      "stop_token", "thread",     "fcntl.h",
      "pthread.h",  "signal.h",   "stdio.h",
      "time.h",     "unistd.h",   "absl/time/clock.h"};
  static const std::vector<std::string_view> impure_folders = {
      "sys/", "absl/synchronization/", "absl/random/", "absl/debugging/"};
  // The embedded library's results are read and its bodies stopped from several
  // threads.
  static const std::set<std::string_view> of_flow = {"atomic", "chrono",
                                                     "coroutine", "stop_token"};
  Findings findings;
  for (const File& file : files) {
    if (!IsCpp(file) || !HasPrefix(file.path, "core/") ||
        HasPrefix(file.path, "core/runtime/")) {
      continue;
    }
    for (const Include& include : IncludesOf(file)) {
      if (IsFlow(file) && of_flow.contains(include.name)) continue;
      const bool banned =
          impure.contains(include.name) ||
          std::any_of(impure_folders.begin(), impure_folders.end(),
                      [&](std::string_view folder) {
                        return HasPrefix(include.name, folder);
                      });
      if (banned) {
        findings.push_back(
            {file.path, include.line,
             fmt::format("core must not include {}", include.name)});
      }
    }
  }
  return findings;
}

Findings CheckTopLevel(const std::vector<File>& files) {
  static const std::set<std::string_view> allowed = {"core",
                                                     "proto",
                                                     "server",
                                                     "client",
                                                     "deploy",
                                                     "tests",
                                                     ".ci",
                                                     ".clang-format",
                                                     ".clang-tidy",
                                                     ".dockerignore",
                                                     ".editorconfig",
                                                     ".gitignore",
                                                     ".git",
                                                     "LICENSE",
                                                     "README.md",
                                                     "ARCHITECTURE.md",
                                                     "CHANGELOG.md",
                                                     "Dockerfile",
                                                     "CONTRIBUTING.md",
                                                     "CMakeLists.txt",
                                                     "CMakePresets.json"};
  Findings findings;
  std::set<std::string_view> seen;
  for (const File& file : files) {
    const std::string_view top =
        std::string_view(file.path).substr(0, file.path.find('/'));
    if (allowed.contains(top) || !seen.insert(top).second) continue;
    findings.push_back({std::string(top), 0, "is not on the top-level list"});
  }
  return findings;
}

}  // namespace w2t::tidy
