// Budget: a bound on what many hold together, such as the bytes that wait for
// all slow readers. It refuses nothing itself: holders charge what they have,
// and those that can do without give way when it is spent. Thread-safe.
#ifndef W2T_SERVER_BUDGET_H_
#define W2T_SERVER_BUDGET_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

namespace w2t::server {

class Budget {
  using Counter = std::shared_ptr<std::atomic<uint64_t>>;

 public:
  explicit Budget(uint64_t max_bytes)
      : max_bytes_(max_bytes),
        used_(std::make_shared<std::atomic<uint64_t>>(0)) {}

  // Bytes that count until it goes. May outlive the budget.
  class Charge {
   public:
    Charge() = default;
    // `budget` may be null: then nothing is counted.
    Charge(const Budget* budget, uint64_t bytes)
        : used_(budget == nullptr ? nullptr : budget->used_) {
      Set(bytes);
    }
    ~Charge() { Set(0); }
    Charge(Charge&& other) noexcept
        : used_(std::move(other.used_)),
          bytes_(std::exchange(other.bytes_, 0)) {}
    Charge& operator=(Charge&& other) noexcept {
      std::swap(used_, other.used_);
      std::swap(bytes_, other.bytes_);
      return *this;
    }

    void Set(uint64_t bytes) {
      if (used_ == nullptr) return;
      used_->fetch_add(bytes - bytes_, std::memory_order_relaxed);
      bytes_ = bytes;
    }

   private:
    Counter used_;
    uint64_t bytes_ = 0;
  };

  uint64_t max_bytes() const { return max_bytes_; }
  uint64_t used() const { return used_->load(std::memory_order_relaxed); }
  bool spent() const { return used() > max_bytes_; }

 private:
  const uint64_t max_bytes_;
  const Counter used_;
};

}  // namespace w2t::server

#endif  // W2T_SERVER_BUDGET_H_
