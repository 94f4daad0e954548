#!/usr/bin/env bash
# The real programs that some tests run beside Tocsin. Debian's packages; root is needed to install them.
set -uo pipefail
missing=()
need() { command -v "$1" >/dev/null 2>&1 || missing+=("$2"); }
need prometheus prometheus
need promtool prometheus
need prometheus-alertmanager prometheus-alertmanager
need victoria-metrics victoria-metrics
need prometheus-node-exporter prometheus-node-exporter
need chromium chromium
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
  # shellcheck disable=SC2086
  { apt-get update -qq && apt-get install -y -qq --no-install-recommends $packages; } >/dev/null 2>&1 ||
    echo "== could not install: $packages(the tests that need them will be skipped)"
  [ -n "$made_policy" ] && rm -f $policy
else
  echo "== not installed: $packages(the tests that need them will be skipped; on Debian: apt-get install $packages)"
fi
exit 0
