# Adding up the results of many programs. For bash; sourced by tests/run.
total_passed=0
total_failed=0
total_skipped=0

count_passed() { total_passed=$((total_passed + $1)); }
count_failed() { total_failed=$((total_failed + $1)); }
count_skipped() { total_skipped=$((total_skipped + $1)); }

# count_junit FILE CODE: adds what ctest, which ended with CODE, wrote to FILE.
# A test that could not be run at all has failed; one that said so was skipped.
count_junit() {
  local passed=0 failed=0 skipped=0
  if [[ -f $1 ]]; then
    read -r passed failed skipped < <(awk '
      /<testcase / {
        waiting = 0
        if (/status="run"/) passed++
        else if (/status="fail"/) failed++
        else if (/status="disabled"/) skipped++
        else waiting = 1
      }
      waiting && /<skipped / {
        if (/SKIP_|Disabled/) skipped++; else failed++
        waiting = 0
      }
      END { print passed + 0, failed + 0, skipped + 0 }' "$1")
  fi
  if (($2 != 0 && failed == 0)); then
    failed=1
  fi
  count_passed "$passed"
  count_failed "$failed"
  count_skipped "$skipped"
}

mark_totals() {
  mark_passed=$total_passed mark_failed=$total_failed mark_skipped=$total_skipped
}

totals_since_mark() {
  echo "$((total_passed - mark_passed)) passed," \
    "$((total_failed - mark_failed)) failed," \
    "$((total_skipped - mark_skipped)) skipped"
}

print_totals() {
  echo "$total_passed passed, $total_failed failed, $total_skipped skipped"
}
