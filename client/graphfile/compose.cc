// docker-compose files: which containers there are and the order in which they
// come up. What a container is made of is left to docker compose.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "client/graphfile/compose_keys.h"
#include "client/graphfile/compose_run.h"
#include "client/graphfile/declared.h"
#include "client/graphfile/formats.h"

namespace w2t::graphfile {
namespace {

struct ProjectReader {
  ComposeProject& project;
  Draft& draft;
  Field services;
};

void ReadName(Context& context, const Field& field, ProjectReader& reader) {
  std::optional<std::string> name = ReadNonEmptyText(context, field);
  if (!name) return;
  reader.project.name = *name;
  reader.draft.graph().set_name(*std::move(name));
}

void ReadServices(Context& /*context*/, const Field& field,
                  ProjectReader& reader) {
  reader.services = field;
}

void Drop(Context& /*context*/, const Field& field, ProjectReader& reader) {
  reader.project.dropped.emplace(field.name);
}

// Says nothing about any container.
void Ignore(Context& /*context*/, const Field& /*field*/,
            ProjectReader& /*reader*/) {}

constexpr KeyReader<ProjectReader> kKeys[] = {
    {"name", ReadName}, {"services", ReadServices}, {"version", Ignore},
    {"networks", Drop}, {"volumes", Drop},          {"configs", Drop},
    {"secrets", Drop},  {"models", Drop},           {"include", Ignore},
};

std::string Where(const Context& context, Position at) {
  return fmt::format("{}:{}:{}", context.files.names()[at.file], at.line,
                     at.column);
}

// What docker compose takes without a word, and what then goes wrong.
class Linter {
 public:
  Linter(Context& context, std::vector<ComposeService>& services)
      : context_(context), services_(services) {
    for (size_t i = 0; i < services.size(); ++i) {
      by_name_[services[i].task.task.name()] = i;
    }
  }

  void Lint() {
    for (ComposeService& service : services_) {
      for (const EdgeDraft& edge : service.task.edges) LintEdge(service, edge);
    }
    for (ComposeService& service : services_) {
      const bool lonely = service.has_healthcheck && !service.is_waited_for;
      if (!lonely) continue;
      Note(service.healthcheck_at,
           fmt::format("\"{}\" has a healthcheck, and nobody waits for it: "
                       "condition: service_healthy does",
                       service.task.task.name()));
    }
  }

 private:
  void LintEdge(const ComposeService& from, const EdgeDraft& edge) {
    const auto it = by_name_.find(edge.dependency.task());
    if (it == by_name_.end()) return;  // the blueprint says so
    ComposeService& to = services_[it->second];
    const std::string& name = edge.dependency.task();
    if (edge.dependency.condition() == v1::CONDITION_READY) {
      to.is_waited_for = true;
      if (!to.has_healthcheck) {
        Note(edge.at,
             fmt::format("\"{}\" waits until \"{}\" is healthy, which has no "
                         "healthcheck here: unless its image brings one, "
                         "\"{}\" never starts",
                         from.task.task.name(), name, from.task.task.name()));
      }
    } else if (edge.dependency.condition() == v1::CONDITION_SUCCEEDED) {
      to.task.task.set_kind(v1::TASK_KIND_TASK);
      if (to.restarts) {
        Note(edge.at, fmt::format("\"{}\" waits until \"{}\" has completed, "
                                  "which is always restarted",
                                  from.task.task.name(), name));
      }
    }
  }

  void Note(Position at, std::string_view text) {
    context_.notes.push_back(fmt::format("{}: {}", Where(context_, at), text));
  }

  Context& context_;
  std::vector<ComposeService>& services_;
  absl::flat_hash_map<std::string, size_t> by_name_;
};

// A probe, where somebody waits for one. An image may bring its own, which
// nobody can see here.
void GiveProbe(ComposeService& service) {
  if (service.has_healthcheck || !service.is_waited_for) return;
  service.task.rest.mutable_ready()->set_exec("true");
}

// A plan only asks what there is, not what it runs.
void StandIn(ComposeService& service) {
  for (const char* word : {"docker", "compose", "up", "--no-deps"}) {
    service.task.exec.add_argv(word);
  }
  service.task.exec.add_argv(service.task.task.name());
}

void AddNotes(Context& context, const ComposeProject& project) {
  if (!project.unset.empty()) {
    context.notes.push_back(fmt::format("empty, because they are not set: {}",
                                        fmt::join(project.unset, ", ")));
  }
  if (!project.dropped.empty()) {
    context.notes.push_back(
        fmt::format("not carried over: {}", fmt::join(project.dropped, ", ")));
  }
}

void TakePassed(const Context& context, ComposeProject& project) {
  for (const std::string& name : project.passed) {
    const auto outside = context.options.environment.find(name);
    if (outside != context.options.environment.end()) {
      project.taken.insert(*outside);
    }
  }
}

// How files on top of others count, as docker compose has it.
Document::MergeRule RuleFor(absl::Span<const std::string_view> keys) {
  if (keys.empty()) return Document::MergeRule::kDeep;
  if (keys.back() == "depends_on" || keys.back() == "environment") {
    return Document::MergeRule::kByName;
  }
  const bool words = keys.back() == "command" || keys.back() == "entrypoint" ||
                     keys.back() == "test";
  return words ? Document::MergeRule::kReplace : Document::MergeRule::kDeep;
}

}  // namespace

void ReadCompose(Context& context, absl::Span<const Source> sources,
                 Draft& draft) {
  ComposeProject project;
  // Its folder is that of the project.
  const Source& source = *std::find_if(
      sources.begin(), sources.end(),
      [](const Source& candidate) { return !candidate.included; });
  Scope scope = source.scope(context);
  scope.unset = &project.unset;
  scope.taken = &project.taken;
  std::unique_ptr<Document> merged;
  const Value root = MergedRoot(context, sources, RuleFor, merged);
  draft.Keep(std::move(merged));
  std::unique_ptr<Document> holder;
  ProjectReader reader{project, draft, {}};
  const Field file =
      ExpandValues(context, {"file", root.at(), root}, scope, holder);
  draft.Keep(std::move(holder));
  VisitEntries(context, file, [&](const Field& entry) {
    if (entry.name.starts_with("x-")) return;
    ReadKey<ProjectReader>(context, entry, kKeys, {}, reader);
  });
  if (reader.services.value.is_null()) return;
  std::vector<ComposeService> services;
  Shapes shapes;
  VisitEntries(context, reader.services, [&](const Field& body) {
    services.push_back({.project = &project, .name_at = body.key_at});
    services.back().body = body.value;
    ReadComposeService(context, body, services.back());
    shapes.Read(context, {body.name, v1::TASK_KIND_SERVICE, {{body, &source}}},
                {});
  });
  Linter(context, services).Lint();
  shapes.NoteUnknownProfiles(context);
  std::vector<ComposeService*> kept;
  for (ComposeService& service : services) {
    const std::string& name = service.task.task.name();
    const Shape* shape = shapes.Find(name);
    if (shape != nullptr && shape->left_out) {
      draft.LeaveOut(name, shape->profiles);
      continue;
    }
    GiveProbe(service);
    shapes.Resolve(context, service.task);
    kept.push_back(&service);
  }
  if (context.options.for_run && !kept.empty()) {
    TakePassed(context, project);
    TaskDraft create = MakeRunnable(context, project, sources, kept);
    draft.Add(std::move(create), kept.front()->name_at, {});
    project.dropped.clear();
  } else {
    for (ComposeService* service : kept) StandIn(*service);
  }
  for (ComposeService* service : kept) {
    draft.Add(std::move(service->task), service->name_at, {service->body});
  }
  AddNotes(context, project);
}

}  // namespace w2t::graphfile
