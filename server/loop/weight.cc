#include "server/loop/weight.h"

#include <string>
#include <variant>

namespace w2t::server {
namespace {

// What any event takes, and one attempt's name in columns.
constexpr size_t kEventBytes = 64;
constexpr size_t kReportedLeaseBytes = 32;

size_t BytesOf(const SubmitEvent& event) {
  // The blueprint is about as large as what it was made from.
  return 2 * event.definition->encoded().size();
}

size_t BytesOf(const ReviseEvent& event) {
  return 2 * event.definition->encoded().size() +
         event.changed.size() * sizeof(TaskIndex);
}

size_t BytesOf(const RestartEvent& event) {
  size_t bytes = 0;
  for (const std::string& task : event.tasks) {
    bytes += sizeof(std::string) + task.size();
  }
  return bytes;
}

size_t BytesOf(const CancelEvent& event) { return event.reason.size(); }

size_t BytesOf(const HelloEvent& event) {
  return event.held.size() * kReportedLeaseBytes;
}

size_t BytesOf(const ReportsEvent& event) {
  size_t bytes = event.reports.leases.size() * kReportedLeaseBytes;
  for (const ReportDetail& detail : event.reports.details) {
    bytes += sizeof(detail) + detail.message.size() + detail.output.size();
  }
  return bytes;
}

template <typename Other>
size_t BytesOf(const Other&) {
  return 0;
}

}  // namespace

size_t WeightOf(const Event& event) {
  return kEventBytes +
         std::visit([](const auto& e) { return BytesOf(e); }, event);
}

}  // namespace w2t::server
