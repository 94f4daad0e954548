"""Where are the targets? One file a way of finding out; this table is the whole registration."""

from __future__ import annotations

from typing import Final

UNSUPPORTED: Final = frozenset(
    f"{name}_sd_configs"
    for name in (
        "aws", "azure", "consul", "digitalocean", "dockerswarm", "ec2", "ecs", "eureka", "gce",
        "hetzner", "ionos", "kubernetes", "kuma", "lightsail", "linode", "marathon", "msk",
        "nerve", "nomad", "openstack", "outscale", "ovhcloud", "puppetdb", "scaleway",
        "serverset", "stackit", "triton", "uyuni", "vultr", "elasticache", "rds",
    )
)  # fmt: skip
"""Keys that Prometheus knows and Tocsin does not act on yet."""
