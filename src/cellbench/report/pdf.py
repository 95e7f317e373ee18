"""PDF by typst: a template, data as JSON, nothing from outside."""

from __future__ import annotations

import json
from pathlib import Path

from cellbench.base.errors import FrameworkError
from cellbench.record.codec import encode
from cellbench.report.resources import resource


def write_pdf(template: str, data: object, out: Path, *, utc_ns: int) -> Path:
    """Compile a template with ``data`` (``sys.inputs.data`` there) into ``out``.

    Only fonts inside typst are used and the time of creation is the run's, so that the same run gives
    the same bytes. FrameworkError when the template does not compile.
    """
    import typst

    try:
        content = typst.compile(
            resource("templates", template).encode(), format="pdf", ignore_system_fonts=True,
            sys_inputs={"data": json.dumps(encode(data))}, timestamp=utc_ns // 1_000_000_000)
    except (typst.TypstError, RuntimeError) as problem:
        raise FrameworkError(f"the document {template} cannot be set: {problem}") from problem
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(content)
    return out
