"""How does a template of a notification become text? Go's text/template by `gotpl`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import gotpl
from gotpl.environment import Environment

from tocsin.kit.clock import Clock
from tocsin.kit.fault import Fault, Rejected
from tocsin.notify.default_templates import HTML, TEXT
from tocsin.notify.template_data import Data
from tocsin.notify.template_functions import functions

_LARGEST_FILE_BYTES = 1 << 20
_BUDGET = gotpl.ExecutionBudget(
    max_output_chars=10_000_000,
    max_iterations=1_000_000,
    max_template_depth=100,
    max_function_calls=2_000_000,
)


class Templates:
    """The default templates and those of files, whose names every text may use."""

    def __init__(self, files: Mapping[str, str], clock: Clock, external_url: str) -> None:
        """Raises Rejected, naming the file, for one that is no template."""
        self.external_url = external_url
        self._files = dict(files)
        self._environment = Environment(
            functions=functions(clock), missing_key="zero", budget=_BUDGET
        )
        for name, source in files.items():
            try:
                self._environment.from_sources({"tocsin": TEXT, name: source})
            except gotpl.TemplateError as error:
                raise Rejected(f"{name}: {error}") from error

    @cached_property
    def _text(self) -> gotpl.TemplateEngine:
        return self._environment.from_sources({"tocsin": TEXT, **self._files})

    @cached_property
    def _html(self) -> gotpl.HTMLTemplate:
        return self._environment.from_html_sources({"tocsin": HTML, **self._files})

    def check(self, source: str) -> None:
        """Raises Rejected when the text is no template."""
        if "{{" not in source:
            return
        try:
            self._environment.from_sources({"text": source})
        except gotpl.TemplateError as error:
            raise Rejected(f"not a template: {error}") from error

    def text(self, source: str, data: Data | object) -> str:
        """Render; raises Rejected with the template's own words when it fails."""
        if "{{" not in source:
            return source
        try:
            return self._text.render_source(source, data)
        except (gotpl.TemplateError, Fault) as error:
            raise Rejected(f"the template {_shown(source)} fails: {error}") from error

    def html(self, source: str, data: Data) -> str:
        """Render with what comes from alerts escaped for HTML; raises as `text`."""
        if not source:
            return ""
        try:
            return self._html.render_source(source, data)
        except (gotpl.TemplateError, Fault) as error:
            raise Rejected(f"the template {_shown(source)} fails: {error}") from error


def read_files(patterns: Sequence[str], folder: Path) -> dict[str, str]:
    """The template files of `templates:`; raises Rejected for one that cannot be read.

    A pattern that finds nothing is fine, as in Alertmanager.
    """
    found: dict[str, str] = {}
    for pattern in patterns:
        path = folder / Path(pattern).expanduser()
        anchor = Path(path.anchor)
        for file in sorted(anchor.glob(str(path.relative_to(anchor)))):
            try:
                content = file.read_bytes()[: _LARGEST_FILE_BYTES + 1]
                found[str(file)] = content.decode()
            except (OSError, UnicodeDecodeError) as error:
                raise Rejected(f"cannot read the template {file}: {error}") from error
            if len(content) > _LARGEST_FILE_BYTES:
                raise Rejected(f"the template {file} is larger than 1 MiB")
    return found


def _shown(source: str) -> str:
    return repr(source if len(source) <= 60 else source[:57] + "...")
