#!/usr/bin/env bash
# All tests: units first, then those that start real servers and a real browser. Both run side by side, a file always
# in one worker; the long ones begin (tests/side_by_side.py).
# What is missing of those is installed where that is possible, else the tests that need it skip and say so.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${VENV:-.venv}/bin

scripts/peers.sh

# A worker that dies ends the run: another would not know what the dead one had to do.
tests() { timeout --kill-after=30 "$1" "$bin/pytest" -q --durations=15 --max-worker-restart=0 "${@:2}"; }

echo "== unit tests"
tests 900 -n auto --dist loadfile -m "not slow and not browser"
echo "== tests with real servers and a real browser"
# One more worker than processors, at least three: they often wait.
tests 3300 -n "$(($(nproc) > 2 ? $(nproc) + 1 : 3))" --dist loadfile --no-loadscope-reorder -m "slow or browser"
scripts/conformance.sh
