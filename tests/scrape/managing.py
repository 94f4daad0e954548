"""A plan of one job, and a scrape of its first target."""

from __future__ import annotations

from pathlib import Path

from tocsin.kit.yaml import loads
from tocsin.scrape.config import ScrapePlan, read_plan
from tocsin.scrape.loop import TargetState
from tocsin.scrape.manager import ScrapeManager


def plan(address: str, extra: str = "", *, top: str = "") -> ScrapePlan:
    text = f"""
{top}
scrape_configs:
  - job_name: app
    scrape_interval: 15s
    static_configs: [{{targets: ['{address}']}}]
{extra}
"""
    return read_plan(loads(text), Path())


async def scrape(manager: ScrapeManager) -> TargetState:
    return await manager.scrape_now(manager.targets()[0].target.id)
