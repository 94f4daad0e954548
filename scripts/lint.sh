#!/usr/bin/env bash
# Every check that reads the code without running it.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${VENV:-.venv}/bin

echo "== ruff"
"$bin/ruff" check src tests bench scripts
"$bin/ruff" format --check --quiet src tests bench scripts
echo "== mypy"
"$bin/mypy"
echo "== imports"
"$bin/lint-imports" --no-logo 2>/dev/null || "$bin/lint-imports"
echo "== pages"
scripts/lint_pages.sh
