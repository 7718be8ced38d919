#include "server/rpc/admin_service.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "proto/wire/view_codec.h"
#include "server/rpc/checks.h"
#include "server/rpc/unary.h"

namespace w2t::server {
namespace {

constexpr uint32_t kProtocolMin = 1;
constexpr uint32_t kProtocolMax = 1;
constexpr uint32_t kWorkersPage = 100;
constexpr uint32_t kMostWorkersPage = 1'000;

// What the attempts that a worker holds take of each of its resources.
std::vector<uint64_t> UsedBy(const Engine& engine, const Worker& worker) {
  const std::vector<Resource>& has = worker.spec.resources;
  std::vector<uint64_t> used(has.size());
  for (const auto& [fence, lease] : worker.leases) {
    const Run* run = engine.FindRun(lease.run);
    if (run == nullptr) continue;
    const Blueprint& blueprint = run->blueprint();
    const Demand& demand = blueprint.demands()[blueprint.demand(lease.task)];
    for (const Resource& wants : demand.resources) {
      for (size_t i = 0; i < has.size(); ++i) {
        if (has[i].name == wants.name) used[i] += wants.milli;
      }
    }
  }
  return used;
}

void FillOne(const View& view, const Worker& worker, v1::Worker* out) {
  wire::FillWorker(worker, UsedBy(view.engine, worker), out);
}

// The workers behind `after` by name, up to one more than a page holds.
std::vector<const Worker*> PageOf(const Fleet& fleet, std::string_view after,
                                  size_t size) {
  std::vector<const Worker*> page;
  for (const auto& [number, worker] : fleet.workers()) {
    if (worker.spec.name > after) page.push_back(&worker);
  }
  const size_t count = std::min(page.size(), size + 1);
  std::partial_sort(page.begin(), page.begin() + count, page.end(),
                    [](const Worker* a, const Worker* b) {
                      return a->spec.name < b->spec.name;
                    });
  page.resize(count);
  return page;
}

}  // namespace

grpc::ServerUnaryReactor* AdminService::ListWorkers(
    grpc::CallbackServerContext* call, const v1::ListWorkersRequest* request,
    v1::ListWorkersResponse* response) {
  grpc::ServerUnaryReactor* reactor = call->DefaultReactor();
  const absl::StatusOr<uint32_t> size =
      PageSize(request->page_size(), kWorkersPage, kMostWorkersPage);
  if (!size.ok()) return Answered(reactor, size.status());
  const uint64_t limit = context_->limits->max_name_bytes;
  if (request->page_token().size() > limit) {
    return Answered(
        reactor, InvalidField("page_token",
                              "page_token is not one that this call returned"));
  }
  return Ask(context_->inbox, reactor, [=, size = *size](const View& view) {
    // A token is the name of the last worker of the page before.
    std::vector<const Worker*> page =
        PageOf(view.engine.fleet(), request->page_token(), size);
    if (page.size() > size) {
      page.pop_back();
      response->set_next_page_token(page.back()->spec.name);
    }
    for (const Worker* worker : page) {
      FillOne(view, *worker, response->add_workers());
    }
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* AdminService::DrainWorker(
    grpc::CallbackServerContext* call, const v1::DrainWorkerRequest* request,
    v1::DrainWorkerResponse* response) {
  grpc::ServerUnaryReactor* reactor = call->DefaultReactor();
  const absl::Status named =
      CheckName("name", request->name(), "max_name_bytes",
                context_->limits->max_name_bytes);
  if (!named.ok()) return Answered(reactor, named);
  DrainWorkerEvent event;
  event.worker = request->name();
  event.undo = request->undo();
  return Call(context_->inbox, reactor, std::move(event),
              [=](const Answer&, const View& view) -> absl::Status {
                const Worker* worker =
                    view.engine.fleet().FindByName(request->name());
                if (worker == nullptr) {
                  return NotFound(
                      "name", fmt::format("no worker '{}'", request->name()));
                }
                FillOne(view, *worker, response->mutable_worker());
                return absl::OkStatus();
              });
}

grpc::ServerUnaryReactor* AdminService::GetServerInfo(
    grpc::CallbackServerContext* call, const v1::GetServerInfoRequest*,
    v1::GetServerInfoResponse* response) {
  response->set_version(context_->version);
  response->set_protocol_min(kProtocolMin);
  response->set_protocol_max(kProtocolMax);
  for (const LimitEntry& entry : AllLimits()) {
    (*response->mutable_limits())[std::string(entry.name)] =
        entry.Get(*context_->limits);
  }
  return Ask(context_->inbox, call->DefaultReactor(), [=](const View& view) {
    response->set_epoch(view.engine.epoch());
    response->set_draining(view.engine.draining());
    return absl::OkStatus();
  });
}

}  // namespace w2t::server
