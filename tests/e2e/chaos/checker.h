// Compares, when all is over, what clients were told, what the journal holds,
// what the daemon reports and what really ran.
#ifndef W2T_TESTS_E2E_CHAOS_CHECKER_H_
#define W2T_TESTS_E2E_CHAOS_CHECKER_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/chaos/client.h"
#include "tests/e2e/chaos/findings.h"
#include "tests/e2e/chaos/fleet.h"
#include "tests/e2e/chaos/journal_book.h"
#include "tests/e2e/chaos/marks.h"
#include "w2t/v1/run.pb.h"

namespace w2t::chaos {

// A run as the daemon reports it.
struct ReportedRun {
  v1::Run run;
  std::vector<v1::TaskStatus> tasks;
};
using ReportedRuns = std::map<std::string, ReportedRun>;  // by id

// Everything that the daemon at `address` knows, once every run has ended. A
// fault when they do not.
ReportedRuns AskDaemon(const std::string& address, Findings& findings);

// Every submit that was acknowledged is there, once.
void CheckSubmissions(const std::vector<std::unique_ptr<Client>>& clients,
                      const ReportedRuns& reported, const JournalBook& book,
                      Findings& findings);

// Folds the journal in `directory` by the engine's rules, which must come to
// what was reported, and by the book's, unless that is null. No daemon may run
// on it.
void CheckJournal(const std::string& directory, const ReportedRuns& reported,
                  JournalBook* book, Findings& findings);

// Another daemon on the same journal says the same.
void CheckSame(const ReportedRuns& before, const ReportedRuns& after,
               Findings& findings);

// What ran is what was recorded, in an order that the dependencies allow.
void CheckMarks(const MarkBook& marks, const JournalBook& book,
                const std::vector<WorkerDeath>& deaths, Findings& findings);

}  // namespace w2t::chaos

#endif  // W2T_TESTS_E2E_CHAOS_CHECKER_H_
