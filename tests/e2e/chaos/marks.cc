#include "tests/e2e/chaos/marks.h"

#include <time.h>

#include <fstream>
#include <sstream>

namespace w2t::chaos {

int64_t MonotonicNs() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

MarkBook ReadMarks(const std::string& path, Findings& findings) {
  MarkBook book;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string what;
    std::string run;
    std::string task;
    std::string worker;
    uint32_t attempt = 0;
    int64_t ns = 0;
    int code = 0;
    int pid = 0;
    if (!(words >> what >> run >> task >> attempt >> worker >> ns >> code >>
          pid)) {
      findings.Add("a mark cannot be read: {}", line);
      continue;
    }
    Marks& marks = book[{run, task, attempt}];
    int64_t& place = what == "start"   ? marks.start_ns
                     : what == "ready" ? marks.ready_ns
                                       : marks.end_ns;
    if (place != 0) {
      findings.Add("{} {} attempt {}: \"{}\" came twice, on {} and {}", run,
                   task, attempt, what, marks.worker, worker);
    }
    if (marks.pid != 0 && marks.pid != pid) {
      findings.Add("{} {} attempt {}: processes {} and {} are copies of it",
                   run, task, attempt, marks.pid, pid);
    }
    place = ns;
    marks.pid = pid;
    marks.worker = worker;
    if (what == "end") marks.code = code;
  }
  findings.Count("marks of tasks", book.size());
  return book;
}

}  // namespace w2t::chaos
