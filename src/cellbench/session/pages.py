"""The generated pages of docs/ and the schemas, written from the code that they describe."""

from __future__ import annotations

from pathlib import Path

from cellbench.bridge.model import files as bridge_files
from cellbench.instruments.docs import files as instrument_files
from cellbench.rig.docs import files
from cellbench.virtual.docs import files as virtual_files


def write_pages(root: Path) -> list[Path]:
    """Write every generated file below ``root``; the paths written."""
    written = []
    for path, text in {**files(root), **virtual_files(root), **instrument_files(root),
                       **bridge_files(root)}.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written
