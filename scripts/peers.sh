#!/usr/bin/env bash
# The real programs that some tests run beside Tocsin: node's logging libraries, into a folder that git ignores, and
# Debian's packages, for which root is needed.
set -uo pipefail
cd "$(dirname "$0")/.."

clients=tests/e2e/clients
if ! command -v npm >/dev/null 2>&1; then
  echo "== without npm the tests of node's logging libraries will be skipped"
elif ! cmp -s $clients/package-lock.json $clients/node_modules/.installed; then
  echo "== installing for the tests: node's logging libraries"
  # Nothing of theirs is run on installation: what they compile they have in other forms, too.
  if (cd $clients && timeout --kill-after=10 600 npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) >/dev/null; then
    cp $clients/package-lock.json $clients/node_modules/.installed
  else
    echo "== could not install node's logging libraries (the tests that need them will be skipped)"
  fi
fi

missing=()
need() { command -v "$1" >/dev/null 2>&1 || missing+=("$2"); }
need prometheus prometheus
need promtool prometheus
need prometheus-alertmanager prometheus-alertmanager
need victoria-metrics victoria-metrics
need prometheus-node-exporter prometheus-node-exporter
need chromium chromium
need chromium-headless-shell chromium-headless-shell  # most pages: a third of the work of the whole
need rsyslogd rsyslog
[ -n "$(find /usr/lib -name omelasticsearch.so -print -quit 2>/dev/null)" ] || missing+=(rsyslog-elasticsearch)
[ ${#missing[@]} -eq 0 ] && exit 0

packages=$(printf '%s\n' "${missing[@]}" | sort -u | tr '\n' ' ')
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "== installing for the tests: $packages"
  export DEBIAN_FRONTEND=noninteractive
  # Debian starts services on installation; the tests start their own.
  policy=/usr/sbin/policy-rc.d
  made_policy=
  [ -e $policy ] || { printf '#!/bin/sh\nexit 101\n' >$policy && chmod +x $policy && made_policy=1; }
  install() { apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1; }
  apt-get update -qq >/dev/null 2>&1
  # shellcheck disable=SC2086
  install $packages || for package in $packages; do
    install "$package" || echo "== could not install: $package (the tests that need it will be skipped)"
  done
  [ -n "$made_policy" ] && rm -f $policy
else
  echo "== not installed: $packages(the tests that need them will be skipped; on Debian: apt-get install $packages)"
fi
exit 0
