#!/usr/bin/env bash
# PromQL's own test files against a running Tocsin, where they lie beside this repository.
set -euo pipefail
cd "$(dirname "$0")/.."
suite=../shared/conformance
bin=$PWD/${VENV:-.venv}/bin
if [ ! -d $suite ]; then
  echo "== PromQL conformance: skipped (its test files are not beside this repository)"
  exit 0
fi
echo "== PromQL conformance"
"$bin/python" scripts/conformance.py "$suite"
