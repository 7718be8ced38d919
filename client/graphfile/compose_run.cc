#include "client/graphfile/compose_run.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "client/graphfile/shell_words.h"
#include "core/base/absl_view.h"

namespace w2t::graphfile {
namespace {

// What docker takes for granted.
constexpr absl::Duration kInterval = absl::Seconds(30);
constexpr absl::Duration kCheckTimeout = absl::Seconds(30);
constexpr uint32_t kRetries = 3;
constexpr absl::Duration kStopGrace = absl::Seconds(10);
// For docker itself, on top of what containers may take.
constexpr absl::Duration kPatience = absl::Seconds(30);
constexpr absl::Duration kLongestDeadline = absl::Hours(24);
constexpr absl::Duration kLongestGrace = absl::Hours(1);

constexpr std::string_view kHealth =
    "{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}";
// Docker says no, or will never say anything.
constexpr std::string_view kNever = "*unhealthy*|*none*) exit 1;; ";
constexpr std::string_view kStatus = "{{.State.Status}}";

// The name as docker compose makes it of a folder's.
std::string ProjectName(std::string_view text) {
  std::string name;
  for (const char c : text) {
    const char small = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
    const bool letter =
        (small >= 'a' && small <= 'z') || (small >= '0' && small <= '9');
    if (letter || (!name.empty() && (small == '_' || small == '-'))) {
      name += small;
    }
  }
  return name.empty() ? "default" : name;
}

class Runner {
 public:
  Runner(Context& context, const ComposeProject& project,
         absl::Span<const Source> sources,
         absl::Span<ComposeService* const> services)
      : context_(context), project_(project), services_(services) {
    words_ = {"docker", "compose"};
    std::string folder;
    const Source* main = nullptr;
    for (const Source& source : sources) {
      if (source.included) continue;
      const std::string& name = context.files.names()[source.file];
      if (name == "<stdin>") {
        context.faults.Add({.file = source.file},
                           "docker compose needs a file that has a path; what "
                           "comes from standard input can be planned only");
      }
      const std::filesystem::path path =
          std::filesystem::absolute(name).lexically_normal();
      if (main == nullptr) {
        main = &source;
        folder = path.parent_path().filename().string();
      }
      words_.emplace_back("-f");
      words_.push_back(path.string());
    }
    words_.emplace_back("-p");
    words_.push_back(NameOf(*main, folder));
    for (ComposeService* service : services) {
      by_name_.emplace(AbslView(service->task.task.name()), service);
    }
  }

  TaskDraft Run() {
    FindTasks();
    for (ComposeService* service : services_) {
      // Their docker bounds how many run at once.
      service->task.task.set_resources_set(true);
      SetCommand(*service);
      SetProbe(*service);
    }
    for (ComposeService* service : services_) FollowStarts(*service);
    TaskDraft create = Create();
    for (ComposeService* service : services_) {
      EdgeDraft edge;
      edge.at = service->name_at;
      edge.dependency.set_task(kComposeCreate);
      edge.dependency.set_condition(v1::CONDITION_SUCCEEDED);
      service->task.edges.push_back(std::move(edge));
    }
    return create;
  }

 private:
  std::string NameOf(const Source& main, const std::string& folder) const {
    constexpr std::string_view kVariable = "COMPOSE_PROJECT_NAME";
    const std::optional<std::string_view> given =
        main.scope(context_).Find(kVariable);
    if (given && !given->empty()) return std::string(*given);
    return project_.name.empty() ? ProjectName(folder) : project_.name;
  }

  // What nobody needs and nothing restarts may end, as far as docker compose is
  // concerned, and may as well stay.
  void FindTasks() const {
    absl::flat_hash_set<absl::string_view> needed;
    for (const ComposeService* service : services_) {
      for (const EdgeDraft& edge : service->task.edges) {
        needed.insert(edge.dependency.task());
      }
    }
    for (ComposeService* service : services_) {
      v1::Task& task = service->task.task;
      const bool may_end = !service->restarts && !needed.contains(task.name());
      if (may_end) task.set_kind(v1::TASK_KIND_TASK);
    }
  }

  std::string Line(std::string_view rest) const {
    std::string line;
    for (const std::string& word : words_) {
      line += ShellQuoted(word);
      line += ' ';
    }
    line += rest;
    return line;
  }

  void SetVariables(v1::ExecAction& exec) const {
    exec.mutable_env()->insert(project_.taken.begin(), project_.taken.end());
  }

  void SetCommand(ComposeService& service) const {
    const std::string& name = service.task.task.name();
    v1::ExecAction& exec = service.task.exec;
    for (const std::string& word : words_) exec.add_argv(word);
    for (const char* word :
         {"up", "--no-deps", "--no-log-prefix", "--exit-code-from"}) {
      exec.add_argv(word);
    }
    exec.add_argv(name);
    exec.add_argv(name);
    SetVariables(exec);
    v1::StopPolicy& stop = *service.task.rest.mutable_stop();
    stop.set_command(Line("stop " + ShellQuoted(name)));
    SetDuration(std::min(service.stop_grace.value_or(kStopGrace) + kPatience,
                         kLongestGrace),
                stop.mutable_grace());
  }

  static bool WaitsForHealth(const ComposeService& service) {
    return service.has_healthcheck || service.is_waited_for;
  }

  static absl::Duration Deadline(const ComposeService& service) {
    const v1::Probe& check = service.task.rest.ready();
    const auto time = [](bool has, const google::protobuf::Duration& of,
                         absl::Duration otherwise) {
      return has ? absl::Seconds(of.seconds()) + absl::Nanoseconds(of.nanos())
                 : otherwise;
    };
    const absl::Duration once =
        time(check.has_every(), check.every(), kInterval) +
        time(check.has_timeout(), check.timeout(), kCheckTimeout);
    const uint32_t retries =
        check.failures() == 0 ? kRetries : check.failures();
    return std::min(
        service.start_period + once * (int64_t{retries} + 1) + kPatience,
        kLongestDeadline);
  }

  // One probe that waits until docker says yes, or, where somebody waits for
  // its health, no for good.
  void SetProbe(ComposeService& service) const {
    const bool health = WaitsForHealth(service);
    const bool gives_up = service.is_waited_for;
    const absl::Duration deadline =
        gives_up || !health ? Deadline(service) : kLongestDeadline;
    v1::Action& rest = service.task.rest;
    rest.clear_ready();
    if (!health && service.task.task.kind() == v1::TASK_KIND_TASK) return;
    const std::string name = ShellQuoted(service.task.task.name());
    v1::Probe& ready = *rest.mutable_ready();
    ready.set_exec(fmt::format(
        "while :; do state=$(docker inspect -f {} $({}) 2>/dev/null | sort "
        "-u); "
        "case \"$state\" in {}) exit 0;; {}esac; sleep 0.5; done",
        ShellQuoted(health ? kHealth : kStatus), Line("ps -q " + name),
        health ? "healthy" : "running", gives_up ? kNever : ""));
    ready.set_failures(1);
    SetDuration(deadline, ready.mutable_timeout());
    SetDuration(deadline, ready.mutable_deadline());
  }

  // To docker compose, started means that the container is there.
  void FollowStarts(ComposeService& service) const {
    for (EdgeDraft& edge : service.task.edges) {
      if (edge.dependency.condition() != v1::CONDITION_STARTED) continue;
      const auto to = by_name_.find(edge.dependency.task());
      if (to == by_name_.end() || WaitsForHealth(*to->second)) continue;
      if (to->second->task.task.kind() == v1::TASK_KIND_TASK) continue;
      edge.dependency.set_condition(v1::CONDITION_READY);
    }
  }

  // The services that the targets need, in the order of the file.
  std::vector<std::string> Needed() const {
    std::vector<std::string> names;
    absl::flat_hash_set<std::string> needed;
    std::vector<std::string> open = context_.options.targets;
    while (!open.empty()) {
      const std::string name = std::move(open.back());
      open.pop_back();
      const auto service = by_name_.find(name);
      if (service == by_name_.end() || !needed.insert(name).second) continue;
      for (const EdgeDraft& edge : service->second->task.edges) {
        open.push_back(edge.dependency.task());
      }
    }
    for (const ComposeService* service : services_) {
      const std::string& name = service->task.task.name();
      const bool all = context_.options.targets.empty();
      if (all || needed.contains(name)) names.push_back(name);
    }
    return names;
  }

  TaskDraft Create() const {
    TaskDraft create;
    create.task.set_name(kComposeCreate);
    create.task.set_kind(v1::TASK_KIND_TASK);
    create.task.set_resources_set(true);
    create.has_command = true;
    std::string names;
    for (const std::string& name : Needed()) {
      names += ' ';
      names += ShellQuoted(name);
    }
    create.exec.set_shell(
        fmt::format("docker compose version >/dev/null 2>&1 || {{ "
                    "echo \"worker $W2T_WORKER has no docker CLI with the "
                    "compose plugin; containers need one\" >&2; exit 127; }}; "
                    "exec {}",
                    Line("create" + names)));
    SetVariables(create.exec);
    return create;
  }

  Context& context_;
  const ComposeProject& project_;
  const absl::Span<ComposeService* const> services_;
  std::vector<std::string> words_;  // that every command begins with
  absl::flat_hash_map<absl::string_view, ComposeService*> by_name_;
};

}  // namespace

TaskDraft MakeRunnable(Context& context, const ComposeProject& project,
                       absl::Span<const Source> sources,
                       absl::Span<ComposeService* const> services) {
  return Runner(context, project, sources, services).Run();
}

}  // namespace w2t::graphfile
