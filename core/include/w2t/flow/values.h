// Values: what many tasks of one type returned, as a body gets it.
#ifndef W2T_FLOW_VALUES_H_
#define W2T_FLOW_VALUES_H_

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <vector>

namespace w2t::flow {

// Ordered like the tasks. Each is there after After; after other clauses it may
// be missing. Cheap to copy; valid for as long as its body runs.
template <typename T>
class Values {
 public:
  explicit Values(std::shared_ptr<const std::vector<const T*>> values)
      : values_(std::move(values)) {}

  size_t size() const { return values_->size(); }
  bool has(size_t i) const { return (*values_)[i] != nullptr; }
  // It must be there.
  const T& operator[](size_t i) const { return *(*values_)[i]; }

  // Over those that are there.
  class Iterator {
   public:
    using difference_type = std::ptrdiff_t;
    using value_type = T;

    Iterator() = default;
    Iterator(const T* const* at, const T* const* end) : at_(at), end_(end) {
      SkipMissing();
    }
    const T& operator*() const { return **at_; }
    Iterator& operator++() {
      ++at_;
      SkipMissing();
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++*this;
      return before;
    }
    bool operator==(const Iterator& other) const { return at_ == other.at_; }

   private:
    void SkipMissing() {
      while (at_ != end_ && *at_ == nullptr) ++at_;
    }
    const T* const* at_ = nullptr;
    const T* const* end_ = nullptr;
  };
  Iterator begin() const { return {data(), data() + size()}; }
  Iterator end() const { return {data() + size(), data() + size()}; }

 private:
  const T* const* data() const { return values_->data(); }

  std::shared_ptr<const std::vector<const T*>> values_;
};

}  // namespace w2t::flow

#endif  // W2T_FLOW_VALUES_H_
