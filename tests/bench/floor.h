// What the machine can do at all, measured beside the daemon: to compare with.
#ifndef W2T_TESTS_BENCH_FLOOR_H_
#define W2T_TESTS_BENCH_FLOOR_H_

#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/rpc.h"

namespace w2t::bench {

// Median, smallest and largest of some measurements.
struct Spread {
  double median = 0;
  double min = 0;
  double max = 0;

  static Spread Of(std::vector<double> values);
};

// Of what `of`, a member or a function, is for each sample.
template <typename Sample, typename Function>
Spread SpreadOf(const std::vector<Sample>& samples, Function of) {
  std::vector<double> values;
  for (const Sample& sample : samples) {
    values.push_back(std::invoke(of, sample));
  }
  return Spread::Of(std::move(values));
}

// Microseconds to write 4 KiB to a file in `dir` and make it durable: at its
// end, which changes the file's length too, and over what it has, as a log does
// that is used again.
struct SyncTimes {
  Spread append_us;
  Spread overwrite_us;
};
SyncTimes MeasureSync(const std::string& dir, int times);
// Microseconds of a call that the daemon answers without work.
Spread CallMicros(test::RpcClient& client, int times);

// The daemon's.
std::string VersionOf(test::RpcClient& client);

// "ext4", "tmpfs", …: where `dir` lies.
std::string FilesystemOf(const std::string& dir);
// "AMD EPYC …".
std::string ProcessorName();
std::string KernelRelease();
// The largest resident set of a process so far, in bytes.
size_t PeakMemory(int pid);

}  // namespace w2t::bench

#endif  // W2T_TESTS_BENCH_FLOOR_H_
