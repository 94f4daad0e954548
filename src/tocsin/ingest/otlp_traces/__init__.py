"""Spans as OpenTelemetry sends them, in protobuf and in JSON, as tables."""
