"""Real logging libraries send to Tocsin, and what they sent is there as it was said."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource

from tests.e2e import programs
from tests.e2e.product import Product
from tests.waiting import eventually

pytestmark = pytest.mark.slow

_LIMIT_SECONDS = 120
_INSTALLED = str(Path(__file__).parent / "clients" / "node_modules")


def lines(tocsin: Product, query: str, count: int) -> list[dict[str, Any]]:
    """The lines that a question finds once there are so many, oldest first."""

    def found() -> list[dict[str, Any]]:
        answer = tocsin.client.get("/api/logs/search", q=query, limit="1000", order="asc")
        assert answer.status == 200, answer.text
        listed: list[dict[str, Any]] = answer.json["lines"]
        return listed if len(listed) >= count else []

    listed = eventually(found)
    assert len(listed) == count, listed
    return listed


def node(tocsin: Product, folder: Path, package: str, program: str, run: str) -> None:
    """Run a program of node's beside its packages; skips without them."""
    where = _packages(package)
    script = folder / "program.cjs"
    script.write_text(program)
    done = subprocess.run(
        [programs.path_of("node"), str(script)],
        env={**os.environ, "NODE_PATH": str(where), "BASE": tocsin.http, "RUN": run},
        capture_output=True,
        text=True,
        timeout=_LIMIT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _packages(name: str) -> Path:
    """Where node's packages are: where `scripts/peers.sh` puts them, or where NODE_PATH says."""
    folders = [*os.environ.get("NODE_PATH", "").split(":"), _INSTALLED]
    for folder in filter(None, folders):
        if (Path(folder) / name).is_dir():
            return Path(folder).resolve()
    pytest.skip(f"{name} is not installed: run scripts/peers.sh, or set NODE_PATH")


_WINSTON = """
const winston = require('winston');
const { ElasticsearchTransport } = require('winston-elasticsearch');
const transport = new ElasticsearchTransport({
  level: 'info', index: 'gocarbon-logs', flushInterval: 200,
  clientOpts: { node: process.env.BASE + '/elasticsearch', auth: { username: 'u', password: 'p' } },
});
transport.on('error', (error) => { console.error('transport', error); process.exitCode = 1; });
const logger = winston.createLogger({
  level: 'info',
  format: winston.format.combine(
    winston.format.timestamp(), winston.format.errors({ stack: true }), winston.format.json(),
  ),
  defaultMeta: { service: 'gocarbon-tracker' },
  transports: [transport],
});
const run = process.env.RUN;
logger.info('HTTP Request', { run, method: 'GET', url: '/cart', statusCode: 200, userId: 'u7' });
logger.warn('slow bank', { run, duration: 1200 });
logger.error('payment failed', { run, error: { message: 'declined', code: 402 } });
setTimeout(async () => { await transport.flush(); process.exit(); }, 1500);
"""


def test_winston_elasticsearch_works_unchanged(tocsin: Product, tmp_path: Path) -> None:
    run = uuid.uuid4().hex
    node(tocsin, tmp_path, "winston-elasticsearch", _WINSTON, run)
    found = {one["message"]: one for one in lines(tocsin, f"run:{run}", 3)}
    first, slow, failed = found["HTTP Request"], found["slow bank"], found["payment failed"]
    assert [one["level"] for one in (first, slow, failed)] == ["info", "warn", "error"]
    assert {one["service"] for one in (first, slow, failed)} == {"gocarbon-tracker"}
    assert first["user_id"] == "u7"
    assert failed["attributes"]["error.code"] == "402"


_WINSTON_LOKI = """
const winston = require('winston');
const LokiTransport = require('winston-loki');
const transport = new LokiTransport({
  host: process.env.BASE, json: JSON_FLAG, batching: false, basicAuth: 'u:p',
  labels: { app: 'shop', run: process.env.RUN },
  onConnectionError: (error) => { console.error(error); process.exitCode = 1; },
});
const logger = winston.createLogger({ transports: [transport], format: winston.format.json() });
logger.info('order placed', { order: 7 });
logger.error('payment failed');
setTimeout(() => process.exit(), 1500);
"""


@pytest.mark.parametrize("as_json", ["true", "false"], ids=["JSON", "protobuf"])
def test_winston_loki_works_in_both_forms(tocsin: Product, tmp_path: Path, as_json: str) -> None:
    run = uuid.uuid4().hex
    program = _WINSTON_LOKI.replace("JSON_FLAG", as_json)
    node(tocsin, tmp_path, "winston-loki", program, run)
    found = lines(tocsin, f"run:{run}", 2)
    assert {(one["level"], one["service"]) for one in found} == {
        ("info", "shop"),
        ("error", "shop"),
    }
    assert any("order placed" in one["message"] for one in found)


_PINO = """
const pino = require('pino');
const lines = [];
const logger = pino({ name: 'shop' }, { write: (line) => lines.push(line) });
logger.info({ run: process.env.RUN, reqId: 'a1' }, 'started');
logger.error({ run: process.env.RUN, err: new Error('declined') }, 'payment failed');
fetch(process.env.BASE + '/api/logs/lines', { method: 'POST', body: lines.join('') })
  .then((answer) => { if (!answer.ok) process.exitCode = 1; });
"""


def test_pinos_lines_are_understood(tocsin: Product, tmp_path: Path) -> None:
    run = uuid.uuid4().hex
    node(tocsin, tmp_path, "pino", _PINO, run)
    started, failed = lines(tocsin, f"run:{run}", 2)
    assert (started["message"], started["level"], started["service"]) == ("started", "info", "shop")
    assert (failed["level"], failed["attributes"]["err.message"]) == ("error", "declined")


_PINO_TRANSPORTS = """
const pino = require('pino');
const run = process.env.RUN;
const elastic = require('pino-elasticsearch')({
  node: process.env.BASE + '/elasticsearch', auth: { username: 'u', password: 'p' },
  index: 'shop-%{DATE}', esVersion: 8, opType: 'create', flushInterval: 200, flushBytes: 100,
});
for (const event of ['error', 'insertError', 'unknown']) {
  elastic.on(event, (error) => { console.error(event, error); process.exitCode = 1; });
}
const loki = require('pino-loki').pinoLoki({
  host: process.env.BASE, basicAuth: { username: 'u', password: 'p' }, batching: false,
  labels: { app: 'shop-loki', run },
});
const logger = pino({ name: 'shop' }, pino.multistream([elastic, loki]));
logger.warn({ run, reqId: 'a1' }, 'slow bank');
logger.error({ run, err: new Error('declined') }, 'payment failed');
elastic.on('insert', () => setTimeout(() => process.exit(), 500));
setTimeout(() => { elastic.end(); loki.end(); }, 500);
"""


def test_pinos_transports_to_elasticsearch_and_loki_work(tocsin: Product, tmp_path: Path) -> None:
    run = uuid.uuid4().hex
    node(tocsin, tmp_path, "pino-elasticsearch", _PINO_TRANSPORTS, run)
    expected = {("slow bank", "warn"), ("payment failed", "error")}
    bulk = lines(tocsin, f"run:{run} service:shop", 2)
    assert {(one["message"], one["level"]) for one in bulk} == expected
    assert {one["source"][:7] for one in bulk} == {"shop-20"}
    pushed = lines(tocsin, f"run:{run} service:shop-loki", 2)
    assert {(one["message"], one["level"]) for one in pushed} == expected


def test_python_logging_loki_takes_every_record_for_sent(tocsin: Product) -> None:
    loki = pytest.importorskip("logging_loki")
    run = uuid.uuid4().hex
    failed: list[logging.LogRecord] = []
    handler = loki.LokiHandler(
        url=f"{tocsin.http}/loki/api/v1/push",
        tags={"app": "shop", "run": run},
        auth=("tenant", "secret"),
        version="1",
    )
    handler.handleError = failed.append
    logger = logging.getLogger(f"shop.{run}")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    logger.info("order placed", extra={"tags": {"user": "u1"}})
    logger.error("payment failed")
    assert not failed
    placed, error = lines(tocsin, f"run:{run}", 2)
    assert (placed["message"], placed["level"], placed["attributes"]["user"]) == (
        *("order placed", "info", "u1"),
    )
    assert (error["message"], error["level"], error["service"]) == (
        "payment failed",
        "error",
        "shop",
    )


def test_elasticsearchs_own_client_indexes_and_gets(tocsin: Product) -> None:
    elasticsearch = pytest.importorskip("elasticsearch")
    helpers = pytest.importorskip("elasticsearch.helpers")
    run = uuid.uuid4().hex
    index = f"shop-{run}"
    client = elasticsearch.Elasticsearch(
        f"{tocsin.http}/elasticsearch", basic_auth=("elastic", "changeme"), http_compress=True
    )
    try:
        assert client.info()["version"]["number"].startswith("8.")
        now = time.time_ns() // 1_000_000
        documents = [
            {
                "_index": index,
                "_id": f"{run}-{number}",
                "@timestamp": now + number,
                "severity": "error" if number % 2 else "info",
                "message": f"line {number}",
                "fields": {"run": run, "n": number},
            }
            for number in range(6)
        ]
        done, errors = helpers.bulk(client, documents, refresh="wait_for")
        assert (done, errors) == (6, [])
        assert client.get(index=index, id=f"{run}-3")["_source"]["fields"]["n"] == 3
        made = client.index(index=index, document={"message": "alone", "fields": {"run": run}})
        assert made["result"] == "created"
        assert client.get(index=index, id=made["_id"])["_source"]["message"] == "alone"
        assert client.indices.exists(index=index)
        assert client.cluster.health()["status"] == "green"
        client.indices.put_index_template(name="t", index_patterns=["shop-*"])
        assert len(lines(tocsin, f"run:{run}", 7)) == 7
    finally:
        client.close()


@pytest.mark.parametrize("carrier", ["http", "grpc"])
def test_opentelemetrys_records_arrive_with_their_ids(tocsin: Product, carrier: str) -> None:
    run = uuid.uuid4().hex
    exporter = (
        HttpExporter(f"{tocsin.otlp_http}/v1/logs")
        if carrier == "http"
        else GrpcExporter(tocsin.otlp_grpc, insecure=True)
    )
    resource = Resource.create({"service.name": "checkout", "deployment.environment": "test"})
    provider = LoggerProvider(resource=resource)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    logger = provider.get_logger("shop.pay", "1.0")
    logger.emit(
        timestamp=time.time_ns(),
        severity_number=SeverityNumber.ERROR,
        severity_text="ERROR",
        body=f"payment failed {run}",
        attributes={"run": run, "order.id": 7},
    )
    provider.force_flush()
    provider.shutdown()
    (found,) = lines(tocsin, f"run:{run}", 1)
    assert (found["message"], found["level"]) == (f"payment failed {run}", "error")
    assert (found["service"], found["environment"]) == ("checkout", "test")
    assert found["attributes"]["order.id"] == "7"


def test_a_front_ends_beacon_and_a_line_of_text_are_found(tocsin: Product) -> None:
    run = uuid.uuid4().hex
    body = json.dumps({"logs": [{"level": "error", "message": f"broken {run}", "url": "/cart"}]})
    answer = tocsin.client.send(
        "POST", "/api/logs", body.encode(), {"Content-Type": "text/plain;charset=UTF-8"}
    )
    assert answer.status == 200
    (found,) = lines(tocsin, f'source:frontend "{run}"', 1)
    assert (found["level"], found["message"]) == ("error", f"broken {run}")
