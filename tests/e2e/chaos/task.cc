// What the tasks of w2t_chaos run: leaves a durable mark of its start and of
// its end, so that what ran can be compared with what was recorded.
//
//   w2t_chaos_task FILE task MS CODE FAILS BYTES
//   w2t_chaos_task FILE service
//
// FILE gets lines "start|ready|end RUN TASK ATTEMPT WORKER NS CODE PID", each
// with one append and one sync; NS is CLOCK_MONOTONIC. A task prints BYTES
// bytes, takes MS ms and exits with CODE when bit (ATTEMPT mod 8) of FAILS is
// set, else with 0. A service says that it is ready and stays. SIGTERM ends
// both: a task with 143, a service with 0.
#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

constexpr int kTerminated = 128 + SIGTERM;

const char* Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "-" : value;
}

void Mark(const char* file, const char* what, int code) {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  char line[512];
  const int size = std::snprintf(
      line, sizeof(line), "%s %s %s %s %s %lld %d %d\n", what,
      Variable("W2T_RUN_ID"), Variable("W2T_TASK"), Variable("W2T_ATTEMPT"),
      Variable("W2T_WORKER"),
      static_cast<long long>(now.tv_sec) * 1'000'000'000 + now.tv_nsec, code,
      static_cast<int>(getpid()));
  const int fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0 || write(fd, line, static_cast<size_t>(size)) != size ||
      fdatasync(fd) != 0) {
    _exit(120);
  }
  close(fd);
}

// True when SIGTERM, which is blocked, comes within `ms`; below 0: waits on.
bool Terminated(const sigset_t& signals, int ms) {
  if (ms < 0) return sigwaitinfo(&signals, nullptr) == SIGTERM;
  const timespec wait = {ms / 1000, ms % 1000 * 1'000'000L};
  return sigtimedwait(&signals, nullptr, &wait) == SIGTERM;
}

void Print(size_t bytes) {
  std::string text(bytes, 'x');
  for (size_t i = 79; i < bytes; i += 80) text[i] = '\n';
  for (size_t done = 0; done < bytes;) {
    const ssize_t size = write(1, text.data() + done, bytes - done);
    if (size <= 0) return;
    done += static_cast<size_t>(size);
  }
}

}  // namespace

int main(int argc, char** argv) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  if (argc < 3) return 2;
  const char* file = argv[1];
  Mark(file, "start", 0);
  if (std::strcmp(argv[2], "service") == 0) {
    Mark(file, "ready", 0);
    static_cast<void>(!write(1, "ready\n", 6));
    while (!Terminated(signals, -1)) {
    }
    Mark(file, "end", 0);
    return 0;
  }
  if (argc < 7) return 2;
  const int attempt = std::atoi(Variable("W2T_ATTEMPT"));
  const bool fails = ((std::atoi(argv[5]) >> (attempt % 8)) & 1) != 0;
  Print(static_cast<size_t>(std::atoi(argv[6])));
  const int code = Terminated(signals, std::atoi(argv[3])) ? kTerminated
                   : fails                                 ? std::atoi(argv[4])
                                                           : 0;
  Mark(file, "end", code);
  return code;
}
