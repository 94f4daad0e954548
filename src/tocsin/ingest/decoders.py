"""Which decoders does one server hold? Each keeps its own caches; one of each is enough."""

from __future__ import annotations

from tocsin.ingest.config import IngestConfig
from tocsin.ingest.derive import Derived
from tocsin.ingest.protocols.datadog import Datadog
from tocsin.ingest.protocols.otlp_metrics import OtlpMetrics
from tocsin.ingest.protocols.remote_write import RemoteWrite
from tocsin.ingest.protocols.remote_write_v2 import RemoteWriteV2
from tocsin.kit.clock import Clock
from tocsin.model.samples import SeriesIntake


class Decoders:
    """One decoder a protocol, made with the intake; used from the event loop's thread."""

    def __init__(self, series: SeriesIntake, config: IngestConfig, clock: Clock) -> None:
        self._series = series
        self._clock = clock
        self._config = config
        self.remote_write = RemoteWrite(series)
        self.remote_write_v2 = RemoteWriteV2(series)
        self.derived = Derived(series, config.derive, clock)
        self.datadog = Datadog(series, dotted_names=config.derive.dotted_names)
        self.otlp_metrics = OtlpMetrics(series, config.otlp, clock)

    def configure(self, config: IngestConfig) -> None:
        """Follow other settings; only what changed starts anew, its running sums too."""
        before, self._config = self._config, config
        if config.derive != before.derive:
            self.derived = Derived(self._series, config.derive, self._clock)
            self.datadog = Datadog(self._series, dotted_names=config.derive.dotted_names)
        if config.otlp != before.otlp:
            self.otlp_metrics = OtlpMetrics(self._series, config.otlp, self._clock)
