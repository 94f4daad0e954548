#!/usr/bin/env bash
# Every hot path beside a peer or the engine's own floor. About a quarter of an hour; read the ratios, the times are
# the machine's. One alone: .venv/bin/python -m bench.queries
set -euo pipefail
cd "$(dirname "$0")/.."
python=${VENV:-.venv}/bin/python

scripts/peers.sh
for part in decode scrape promql_eval ingest_write remote_write queries lookups rules footprint; do
  echo "== bench.$part"
  "$python" -m "bench.$part"
done
echo "== bench.dashboard, one minute (--duration 300 for the long one)"
"$python" -m bench.dashboard --duration 60
echo "== bench.soak, five minutes (--minutes 60 for the real thing)"
"$python" -m bench.soak --minutes 5
