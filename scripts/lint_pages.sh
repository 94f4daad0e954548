#!/usr/bin/env bash
# Checks of what browsers get: templates always, our ES modules where npm is there to fetch the checkers.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${VENV:-.venv}/bin
stamp=node_modules/.installed-from

"$bin/python" scripts/lint_templates.py

if ! command -v npm >/dev/null; then
  echo "ES modules are not checked: there is no npm on this machine"
  exit 0
fi
lock=$(sha256sum package-lock.json | cut -d' ' -f1)
if [ "$(cat "$stamp" 2>/dev/null)" != "$lock" ]; then
  if ! npm ci --ignore-scripts --no-audit --no-fund --loglevel=error; then
    echo "ES modules are not checked: npm could not fetch the checkers"
    exit 0
  fi
  echo "$lock" >"$stamp"
fi
npm run --silent check
