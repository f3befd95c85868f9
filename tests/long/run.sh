#!/usr/bin/env bash
# Runs the long tests (tests/long.rs) one by one and keeps the last result of each in tests/long/NAME.txt.
#
# usage: tests/long/run.sh [NAME...]      all of them when none is named
#
# A run that was broken off goes on where it stopped: a test that has passed at this commit is not run again, unless
# FORCE=1 or the working tree holds changes. Each result says when, at which commit and on what machine it was made,
# and then what the test printed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
RESULTS=tests/long

if [[ ! -f tests/long.rs ]]; then
    echo "there are no long tests yet (tests/long.rs)" >&2
    exit 1
fi

# The results themselves are committed too and must not count as a change.
others=(-- . ":!$RESULTS/*.txt")
commit=$(git log -1 --format=%h "${others[@]}" 2>/dev/null || echo unknown)
if [[ $commit == unknown || -n $(git status --porcelain "${others[@]}" 2>/dev/null) ]]; then
    commit+=-changed
fi
export SKYEYE_LONG=1

echo "==> building"
cargo test --release --locked --test long --no-run
mapfile -t known < <(cargo test --release --locked --test long -- --list --format terse 2>/dev/null | sed -n 's/: test$//p')
names=("$@")
((${#names[@]} > 0)) || names=("${known[@]}")

failed=0
for name in "${names[@]}"; do
    if [[ " ${known[*]} " != *" $name "* ]]; then
        echo "no long test is named '$name'; there are: ${known[*]}" >&2
        exit 64
    fi
    file=$RESULTS/${name//::/-}.txt
    if [[ ${FORCE:-0} != 1 && $commit != *-changed && -f $file ]] &&
        grep -qx "commit: $commit" "$file" && grep -qx "result: passed" "$file"; then
        echo "==> $name: passed at $commit already"
        continue
    fi
    echo "==> $name"
    started=$SECONDS
    part=$(mktemp)
    trap 'rm -f "$part"' EXIT
    result=passed
    cargo test --release --locked --test long -- --exact "$name" --nocapture --test-threads 1 2>&1 | tee "$part" ||
        result=FAILED
    if [[ $result == passed ]] && grep -q '^skipped: ' "$part"; then
        result=skipped
    fi
    {
        echo "name: $name"
        echo "result: $result"
        echo "date: $(date -u +%Y-%m-%dT%H:%MZ)"
        echo "commit: $commit"
        echo "machine: $(uname -m), $(nproc) cores, $(awk '/^MemTotal/{printf "%.0f GiB", $2 / 1048576}' /proc/meminfo)"
        echo "took: $((SECONDS - started)) s"
        echo
        grep -vE '^ *(Compiling|Finished|Running|Blocking|running [0-9]+ test|test result:)|^$' "$part" || true
    } >"$file"
    echo "    $result, written to $file"
    [[ $result != FAILED ]] || failed=1
done
exit "$failed"
