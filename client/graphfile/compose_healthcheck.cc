// The healthcheck of a service in a docker-compose file.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "client/graphfile/compose_keys.h"
#include "client/graphfile/scalars.h"

namespace w2t::graphfile {
namespace {

struct Healthcheck {
  std::string line;
  bool disabled = false;
  v1::Probe probe;
  absl::Duration start_period;
};

void ReadTest(Context& context, const Field& field, Healthcheck& check) {
  if (!field.value.is_list()) {
    std::optional<std::string> line = ReadNonEmptyText(context, field);
    if (line) check.line = *std::move(line);
    return;
  }
  const auto words = ReadTexts(context, field);
  if (!words) return;
  const std::string kind = words->empty() ? "" : words->front();
  if (kind == "NONE") {
    check.disabled = true;
  } else if ((kind == "CMD" || kind == "CMD-SHELL") && words->size() > 1) {
    check.line =
        fmt::format("{}", fmt::join(words->begin() + 1, words->end(), " "));
  } else {
    WrongValue(context, field,
               "a line, or a list that begins with CMD, CMD-SHELL or NONE");
  }
}

void ReadDisable(Context& context, const Field& field, Healthcheck& check) {
  const std::optional<bool> disabled = ReadBool(context, field);
  if (disabled) check.disabled = *disabled;
}

template <google::protobuf::Duration* (v1::Probe::*kField)()>
void ReadTime(Context& context, const Field& field, Healthcheck& check) {
  const std::optional<absl::Duration> time = ReadDuration(context, field);
  if (time) SetDuration(*time, (check.probe.*kField)());
}

void ReadRetries(Context& context, const Field& field, Healthcheck& check) {
  // A number may stand in quotes there.
  const std::optional<int64_t> retries = ParseInteger(field.value.text());
  if (!retries || *retries < 0 || *retries > 1'000'000) {
    return WrongValue(context, field, "a whole number from 0 to 1000000");
  }
  check.probe.set_failures(static_cast<uint32_t>(*retries));
}

void ReadStartPeriod(Context& context, const Field& field, Healthcheck& check) {
  check.start_period =
      ReadDuration(context, field).value_or(absl::ZeroDuration());
}

// Only checked: how often an unhealthy container is looked at changes no order.
void ReadPeriod(Context& context, const Field& field, Healthcheck& /*check*/) {
  ReadDuration(context, field);
}

constexpr KeyReader<Healthcheck> kHealthcheckKeys[] = {
    {"test", ReadTest},
    {"disable", ReadDisable},
    {"interval", ReadTime<&v1::Probe::mutable_every>},
    {"timeout", ReadTime<&v1::Probe::mutable_timeout>},
    {"retries", ReadRetries},
    {"start_period", ReadStartPeriod},
    {"start_interval", ReadPeriod},
};

}  // namespace

void ReadComposeHealthcheck(Context& context, const Field& field,
                            ComposeService& service) {
  Healthcheck check;
  if (!ReadMap<Healthcheck>(context, field, kHealthcheckKeys, {}, check)) {
    return;
  }
  service.start_period = check.start_period;
  // Without a test it only says how an image's own is to be asked.
  if (check.disabled || check.line.empty()) return;
  service.has_healthcheck = true;
  service.healthcheck_at = field.key_at;
  check.probe.set_exec(check.line);
  *service.task.rest.mutable_ready() = std::move(check.probe);
}

}  // namespace w2t::graphfile
