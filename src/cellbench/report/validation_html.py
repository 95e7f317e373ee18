"""The validation report as one self-contained HTML page.

What a reader must see stands in the page itself; the single results are data that a script of ours draws,
so that ten thousand of them stay readable. The page's policy forbids every request and every script but
that one.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

from markupsafe import Markup

from cellbench.record.run import RunRecord
from cellbench.report.html import write_html
from cellbench.report.resources import resource
from cellbench.report.results import result_columns
from cellbench.report.validation import validation_view
from cellbench.report.words import SIGNS


def render(journal: RunRecord, out: Path) -> Path:
    """Write the page; transcripts are excerpts with links to the files in the run's folder."""
    data = json.dumps(result_columns(journal), separators=(",", ":"), allow_nan=False)
    script = resource("templates", "validation.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return write_html("validation.html.j2", out, view=validation_view(journal), signs=SIGNS,
                      script=Markup(script), script_digest=digest,
                      data=Markup(data.replace("<", "\\u003c")))
