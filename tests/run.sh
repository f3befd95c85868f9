#!/usr/bin/env bash
# Runs every test and says at the end what passed and what did not. `make test` calls it after the set-up.
#
# All parts run even when one fails, so that one run shows everything; the exit code is 1 if any failed.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

results=()
failed=0
part() { # NAME, COMMAND...
    local name=$1 started=$SECONDS
    shift
    echo "==> $name: $*"
    if "$@"; then
        results+=("passed  $name, $((SECONDS - started)) s")
    else
        results+=("FAILED  $name, $((SECONDS - started)) s: $*")
        failed=1
    fi
}

part formatting cargo fmt --check
part lints cargo clippy --locked --all-targets -- -D warnings
if cargo nextest --version >/dev/null 2>&1; then
    part rust cargo nextest run --locked --no-fail-fast
else
    # Building nextest takes longer than all the tests; cargo's own runner runs the same ones.
    echo "cargo-nextest is not installed: using cargo test"
    part rust cargo test --locked --no-fail-fast
fi
if [[ -f console/package.json ]]; then
    part console npm --prefix console test
fi

echo
echo "==> results"
printf '    %s\n' "${results[@]}"
exit "$failed"
