#!/usr/bin/env bash
# All tests: units first, then those that start real servers and a real browser.
# What is missing of those is installed where that is possible, else the tests that need it skip and say so.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${VENV:-.venv}/bin

scripts/peers.sh

echo "== unit tests"
timeout --kill-after=30 900 "$bin/pytest" -q -n auto --dist loadfile -m "not slow and not browser"
echo "== tests with real servers and a real browser"
timeout --kill-after=30 3300 "$bin/pytest" -q -m "slow or browser"
scripts/conformance.sh
