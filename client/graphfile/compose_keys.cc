#include "client/graphfile/compose_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "client/graphfile/scalars.h"
#include "client/graphfile/task_keys.h"

namespace w2t::graphfile {
namespace {

constexpr int64_t kMostRestarts = 1'000'000;

constexpr KeyReader<EdgeDraft> kEdgeKeys[] = {
    {"condition", ReadEdgeCondition},
    {"required", ReadEdgeRequired},
    {"restart", ReadEdgeRestart},
};

EdgeDraft StartedAfter(std::string name, Position at) {
  EdgeDraft edge;
  edge.at = at;
  edge.dependency.set_task(std::move(name));
  edge.dependency.set_condition(v1::CONDITION_STARTED);
  return edge;
}

void ReadComposeDependsOn(Context& context, const Field& field,
                          ComposeService& service) {
  if (field.value.is_list()) {
    for (const Value& item : field.value.Items()) {
      std::optional<std::string> name =
          ReadNonEmptyText(context, {field.name, field.key_at, item});
      if (!name) continue;
      service.task.edges.push_back(StartedAfter(*std::move(name), item.at()));
    }
    return;
  }
  VisitEntries(context, field, [&](const Field& entry) {
    EdgeDraft edge = StartedAfter(std::string(entry.name), entry.key_at);
    // An item of a list that was merged says no more than the name.
    if (!entry.value.is_null()) {
      ReadMap<EdgeDraft>(context, entry, kEdgeKeys, {}, edge);
    }
    service.task.edges.push_back(std::move(edge));
  });
}

// A service that is used must be there before.
void AddUse(const Field& field, std::string_view name,
            ComposeService& service) {
  if (name.empty()) return;
  service.uses.push_back(StartedAfter(std::string(name), field.at()));
}

// What depends_on says of the same service counts before a use.
void AddUses(ComposeService& service) {
  std::vector<EdgeDraft>& edges = service.task.edges;
  for (EdgeDraft& use : service.uses) {
    const bool known =
        std::any_of(edges.begin(), edges.end(), [&](const EdgeDraft& edge) {
          return edge.dependency.task() == use.dependency.task();
        });
    if (!known) edges.push_back(std::move(use));
  }
}

// "SERVICE" or "SERVICE:...".
void ReadUses(Context& context, const Field& field, ComposeService& service) {
  const auto uses = ReadTexts(context, field);
  if (!uses) return;
  for (const std::string& use : *uses) {
    if (use.starts_with("container:")) continue;
    AddUse(field, std::string_view(use).substr(0, use.find(':')), service);
  }
}

// "service:SERVICE"; anything else says nothing of an order.
void ReadShared(Context& context, const Field& field, ComposeService& service) {
  const std::optional<std::string> mode = ReadText(context, field);
  constexpr std::string_view kService = "service:";
  if (mode && mode->starts_with(kService)) {
    AddUse(field, std::string_view(*mode).substr(kService.size()), service);
  } else {
    service.project->dropped.emplace(field.name);
  }
}

// "no", "always", "unless-stopped", "on-failure" and "on-failure:N".
void ReadRestart(Context& context, const Field& field,
                 ComposeService& service) {
  constexpr std::string_view kOnFailure = "on-failure";
  const std::optional<std::string> policy = ReadText(context, field);
  if (!policy || *policy == "no") return;
  service.restarts = *policy == "always" || *policy == "unless-stopped";
  std::optional<int64_t> most;
  if (policy->starts_with(kOnFailure) && policy->size() > kOnFailure.size()) {
    most =
        ParseInteger(std::string_view(*policy).substr(kOnFailure.size() + 1));
  }
  const bool known = service.restarts || *policy == kOnFailure || most;
  if (!known || (most && (*most < 0 || *most > kMostRestarts))) {
    return WrongValue(context, field,
                      "no, always, unless-stopped or on-failure:N");
  }
  v1::RetryPolicy& retry = *service.task.task.mutable_retry();
  retry.set_on_success(service.restarts);
  if (most) {
    retry.set_attempts(static_cast<uint32_t>(*most + 1));
  } else {
    retry.set_unlimited(true);
  }
}

void ReadStopGrace(Context& context, const Field& field,
                   ComposeService& service) {
  service.stop_grace = ReadDuration(context, field);
  service.project->dropped.emplace(field.name);
}

// A variable without a value is that of whoever runs docker compose.
void ReadPassed(Context& /*context*/, const Field& field,
                ComposeService& service) {
  service.project->dropped.emplace(field.name);
  for (const Value& item : field.value.Items()) {
    if (item.text().find('=') != std::string_view::npos) continue;
    service.project->passed.emplace(item.text());
  }
  for (const Entry& entry : field.value.Entries()) {
    if (entry.value.is_null())
      service.project->passed.emplace(entry.key.text());
  }
}

void ReadImage(Context& /*context*/, const Field& field,
               ComposeService& service) {
  service.has_image = true;
  service.project->dropped.emplace(field.name);
}

// Read by the file's reader.
void Skip(Context& /*context*/, const Field& /*field*/,
          ComposeService& /*service*/) {}

constexpr KeyReader<ComposeService> kKeys[] = {
    {"depends_on", ReadComposeDependsOn},
    {"healthcheck", ReadComposeHealthcheck},
    {"links", ReadUses},
    {"volumes_from", ReadUses},
    {"network_mode", ReadShared},
    {"ipc", ReadShared},
    {"pid", ReadShared},
    {"restart", ReadRestart},
    {"stop_grace_period", ReadStopGrace},
    {"environment", ReadPassed},
    {"image", ReadImage},
    {"build", ReadImage},
    {"extends", ReadImage},
    {"provider", ReadImage},
    {"profiles", Skip},
};
// What else compose files may say of a container.
constexpr std::string_view kDropped[] = {
    "annotations",
    "attach",
    "blkio_config",
    "cap_add",
    "cap_drop",
    "cgroup",
    "cgroup_parent",
    "command",
    "configs",
    "container_name",
    "cpu_count",
    "cpu_percent",
    "cpu_period",
    "cpu_quota",
    "cpu_rt_period",
    "cpu_rt_runtime",
    "cpu_shares",
    "cpus",
    "cpuset",
    "credential_spec",
    "deploy",
    "develop",
    "device_cgroup_rules",
    "devices",
    "dns",
    "dns_opt",
    "dns_search",
    "domainname",
    "entrypoint",
    "env_file",
    "expose",
    "external_links",
    "extra_hosts",
    "gpus",
    "group_add",
    "hostname",
    "init",
    "isolation",
    "label_file",
    "labels",
    "logging",
    "mac_address",
    "mem_limit",
    "mem_reservation",
    "mem_swappiness",
    "memswap_limit",
    "models",
    "networks",
    "oom_kill_disable",
    "oom_score_adj",
    "pids_limit",
    "platform",
    "ports",
    "post_start",
    "pre_start",
    "pre_stop",
    "privileged",
    "pull_policy",
    "read_only",
    "runtime",
    "scale",
    "secrets",
    "security_opt",
    "shm_size",
    "stdin_open",
    "stop_signal",
    "storage_opt",
    "sysctls",
    "tmpfs",
    "tty",
    "ulimits",
    "use_api_socket",
    "user",
    "userns_mode",
    "uts",
    "volumes",
    "working_dir",
};

}  // namespace

void ReadComposeService(Context& context, const Field& body,
                        ComposeService& service) {
  TaskDraft& task = service.task;
  task.task.set_name(std::string(body.name));
  task.task.set_kind(v1::TASK_KIND_SERVICE);
  task.has_command = true;
  const bool read = VisitEntries(context, body, [&](const Field& entry) {
    const bool dropped = std::find(std::begin(kDropped), std::end(kDropped),
                                   entry.name) != std::end(kDropped);
    if (entry.name.starts_with("x-")) return;
    if (dropped) {
      service.project->dropped.emplace(entry.name);
    } else {
      ReadKey<ComposeService>(context, entry, kKeys, kDropped, service);
    }
  });
  AddUses(service);
  if (read && !service.has_image) {
    context.faults.Add(
        body.key_at,
        fmt::format("\"{}\" has neither an image nor a build", body.name));
  }
}

}  // namespace w2t::graphfile
