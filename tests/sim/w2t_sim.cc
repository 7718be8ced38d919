// w2t_sim: plays seeds.
//
//   w2t_sim --seed N [-v]     one seed, twice, which must agree; -v tells all
//   w2t_sim --seeds A..B      all of them, up to the first failure
//
// Exit code 1 and one command that repeats it when a promise was broken.
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tests/sim/world.h"

namespace w2t::sim {
namespace {

int Usage() {
  std::fprintf(stderr, "usage: w2t_sim --seed N [-v] | --seeds A..B\n");
  return 2;
}

bool Passes(uint64_t seed, const Report& report) {
  if (!report.fault) return true;
  std::printf("seed %llu FAILED %s\n  repeat it with: w2t_sim --seed %llu -v\n",
              static_cast<unsigned long long>(seed), report.fault->c_str(),
              static_cast<unsigned long long>(seed));
  return false;
}

// A seed that ends the program, or does not come to its end, is a failure too.
uint64_t playing = 0;

void OnSignal(int) {
  char text[128];
  const int size = std::snprintf(
      text, sizeof(text), "seed %llu FAILED: it crashed, or took too long\n",
      static_cast<unsigned long long>(playing));
  static_cast<void>(!write(STDOUT_FILENO, text, static_cast<size_t>(size)));
  _exit(1);
}

void Watch(uint64_t seed) {
  constexpr unsigned kMostSeconds = 60;
  playing = seed;
  alarm(kMostSeconds);
}

int PlayOne(uint64_t seed, bool verbose) {
  const Report first = World(seed, verbose).Play();
  if (!Passes(seed, first)) return 1;
  const Report second = World(seed, false).Play();
  if (first.trace != second.trace) {
    std::printf("seed %llu FAILED: it does not play the same twice\n",
                static_cast<unsigned long long>(seed));
    return 1;
  }
  std::printf("seed %llu passed: %llu batches, %llu daemons\n",
              static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(first.batches),
              static_cast<unsigned long long>(first.crashes));
  return 0;
}

int PlayMany(uint64_t first, uint64_t last) {
  const auto begin = std::chrono::steady_clock::now();
  const auto seconds = [begin] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() -
                                         begin)
        .count();
  };
  for (uint64_t seed = first; seed <= last; ++seed) {
    Watch(seed);
    if (!Passes(seed, World(seed, false).Play())) return 1;
    const uint64_t played = seed - first + 1;
    if (played % 100 == 0 || seed == last) {
      std::printf("%llu seeds passed, %.1f a second\n",
                  static_cast<unsigned long long>(played),
                  static_cast<double>(played) / seconds());
      std::fflush(stdout);
    }
  }
  return 0;
}

int Main(int argc, char** argv) {
  for (const int number : {SIGABRT, SIGSEGV, SIGALRM}) signal(number, OnSignal);
  const std::string_view what = argc > 1 ? argv[1] : "";
  char* end = nullptr;
  if (what == "--seed" && (argc == 3 || argc == 4)) {
    const uint64_t seed = std::strtoull(argv[2], &end, 10);
    if (*end != '\0') return Usage();
    Watch(seed);
    return PlayOne(seed, argc == 4 && std::string_view(argv[3]) == "-v");
  }
  if (what == "--seeds" && argc == 3) {
    const uint64_t first = std::strtoull(argv[2], &end, 10);
    if (std::string_view(end).substr(0, 2) != "..") return Usage();
    return PlayMany(first, std::strtoull(end + 2, nullptr, 10));
  }
  return Usage();
}

}  // namespace
}  // namespace w2t::sim

int main(int argc, char** argv) { return w2t::sim::Main(argc, argv); }
