"""HTML by Jinja2: autoescaped, self-contained, no request to anywhere."""

from __future__ import annotations

from pathlib import Path

import jinja2
from markupsafe import Markup

from cellbench.report.resources import resource


def write_html(template: str, out: Path, **values: object) -> Path:
    """Render a template into ``out``; ``svg`` and ``inline`` in templates mark text that is ours."""
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: resource("templates", name)), autoescape=True,
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["svg"] = Markup
    environment.globals["inline"] = _inline
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(environment.get_template(template).render(**values), encoding="utf-8")
    return out


def _inline(name: str) -> Markup:
    """A style sheet or script of ours, to stand inside the page."""
    return Markup(resource("templates", name))
