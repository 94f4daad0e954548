#!/usr/bin/env bash
# Checks of what browsers get: templates always, our ES modules where npm's packages are installed.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${VENV:-.venv}/bin

"$bin/python" scripts/lint_templates.py
if [ -x node_modules/.bin/tsc ] && [ -x node_modules/.bin/eslint ]; then
  npm run --silent check
else
  echo "ES modules are not checked: run 'npm ci --ignore-scripts' once to have tsc and eslint"
fi
