#include "server/rpc/watch_call.h"

#include <optional>
#include <string>
#include <utility>

#include "grpcpp/impl/codegen/proto_utils.h"
#include "proto/wire/status_codec.h"
#include "server/rpc/checks.h"

namespace w2t::server {
namespace {

// A slice that keeps a share of `bytes` as long as it lives.
grpc::Slice Share(SharedBytes bytes) {
  auto* share = new SharedBytes(std::move(bytes));
  return grpc::Slice(
      const_cast<char*>((*share)->data()), (*share)->size(),
      [](void* held) { delete static_cast<SharedBytes*>(held); }, share);
}

}  // namespace

grpc::ServerWriteReactor<grpc::ByteBuffer>* WatchCall::Start(
    const CallContext* context, const grpc::ByteBuffer& request) {
  std::shared_ptr<WatchCall> call(new WatchCall(context));
  call->self_ = call;
  if (absl::Status status = call->Begin(request); !status.ok()) {
    call->FinishOnce(status);
  }
  return call.get();
}

absl::Status WatchCall::Begin(const grpc::ByteBuffer& request) {
  grpc::ByteBuffer bytes = request;
  const grpc::Status parsed =
      grpc::SerializationTraits<v1::WatchRunRequest>::Deserialize(&bytes,
                                                                  &request_);
  if (!parsed.ok()) {
    return InvalidField("", "the request is not a WatchRunRequest");
  }
  absl::Status named = CheckName("run_id", request_.run_id(), "max_name_bytes",
                                 2 * context_->limits->max_name_bytes);
  if (!named.ok()) return named;
  feed_ = std::make_shared<WatchFeed>(
      context_->limits->max_outbox_bytes,
      [weak = weak_from_this()] {
        if (const auto call = weak.lock()) call->Pump();
      },
      context_->waiting);
  if (absl::Status added = context_->calls->Add(shared_from_this());
      !added.ok()) {
    return added;
  }
  return context_->inbox->TryAsk([call = shared_from_this()](const View* view) {
    LookAtRun(call->context_, view, call->request_.run_id(),
              [call](const absl::StatusOr<RunInView>& found) {
                call->Subscribe(found);
              });
  });
}

void WatchCall::Subscribe(const absl::StatusOr<RunInView>& found) {
  if (!found.ok()) {
    feed_->End(found.status());
    return;
  }
  const WatchHub::Wish wish = {.after_seq = request_.after_seq(),
                               .end_only = request_.end_only()};
  const absl::Status status =
      context_->hub->Watch(*found->view, *found->run, wish, feed_);
  if (!status.ok()) feed_->End(status);
}

void WatchCall::Pump() {
  absl::MutexLock lock(&mutex_);
  if (finished_ || writing_) return;
  std::optional<WatchFeed::Item> item = feed_->Take();
  if (!item.has_value()) return;
  if (item->message == nullptr) {
    finished_ = true;
    Finish(wire::ToGrpc(item->status));
    return;
  }
  writing_ = true;
  const grpc::Slice slice = Share(std::move(item->message));
  buffer_ = grpc::ByteBuffer(&slice, 1);
  grpc::WriteOptions options;
  // A first message that is held back is never reported as written, because the
  // stream's metadata goes with it.
  if (item->more && has_written_) options.set_buffer_hint();
  has_written_ = true;
  StartWrite(&buffer_, options);
}

void WatchCall::OnWriteDone(bool ok) {
  {
    absl::MutexLock lock(&mutex_);
    writing_ = false;
  }
  if (ok) {
    Pump();
  } else {
    FinishOnce(absl::CancelledError("the watcher is gone"));
  }
}

void WatchCall::FinishOnce(const absl::Status& status) {
  if (feed_ != nullptr) feed_->Abandon();
  absl::MutexLock lock(&mutex_);
  if (finished_) return;
  finished_ = true;
  Finish(wire::ToGrpc(status));
}

void WatchCall::Abort(const absl::Status& status) { FinishOnce(status); }

void WatchCall::OnCancel() {
  FinishOnce(absl::CancelledError("the watcher is gone"));
}

void WatchCall::OnDone() {
  if (feed_ != nullptr) feed_->Abandon();
  const CallContext* context = context_;
  context->calls->Remove(this);
  std::string run_id = request_.run_id();
  self_.reset();
  SweepLater(context, std::move(run_id));
}

}  // namespace w2t::server
