"""The documents of an interruption matrix beside its file: page, PDF and picture."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from cellbench.base.errors import FrameworkError
from cellbench.record.codec import encode
from cellbench.record.interruption import read_matrix
from cellbench.report.html import write_html
from cellbench.report.interruptions import MatrixView, matrix_view
from cellbench.report.pdf import write_pdf
from cellbench.report.resources import resource

FONT = "Libertinus Serif"
_DOTS_PER_INCH = 160


@dataclass(frozen=True, slots=True)
class PdfData:
    """What the templates get."""

    view: MatrixView


def write_matrix(folder: Path) -> list[Path]:
    """Write ``matrix.html``, ``matrix.pdf`` and ``matrix.png``; returns them. OperatorError when the file of
    cells cannot be read."""
    matrix = read_matrix(folder)
    page = write_html("interruptions.html.j2", folder / "matrix.html", view=matrix_view(matrix))
    data = PdfData(matrix_view(matrix, FONT))
    document = write_pdf("interruptions.typ", data, folder / "matrix.pdf", utc_ns=matrix.last_utc_ns)
    return [page, document, _picture(data, folder / "matrix.png")]


def _picture(data: PdfData, out: Path) -> Path:
    import typst

    try:
        content = typst.compile(resource("templates", "interruptions-picture.typ").encode(), format="png",
                                ppi=_DOTS_PER_INCH, ignore_system_fonts=True,
                                sys_inputs={"data": json.dumps(encode(data))})
    except (typst.TypstError, RuntimeError) as problem:
        raise FrameworkError(f"the picture of the matrix cannot be set: {problem}") from problem
    out.write_bytes(content)
    return out
