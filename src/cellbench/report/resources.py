"""Where templates and schemas lie: beside the installed package, or in the repository's reports folder."""

from __future__ import annotations

import importlib.resources
from functools import cache
from pathlib import Path

from cellbench.base.errors import FrameworkError

_FOLDERS = {"templates": "cellbench.templates", "schema": "cellbench.schemas"}


def resource(folder: str, name: str) -> str:
    """The text of a template ("templates") or a schema ("schema")."""
    return _text(folder, name)


@cache
def _text(folder: str, name: str) -> str:
    try:
        place = importlib.resources.files(_FOLDERS[folder])
    except ModuleNotFoundError:
        place = Path(__file__).resolve().parents[3] / "reports" / folder
    try:
        return place.joinpath(name).read_text(encoding="utf-8")
    except OSError as problem:
        raise FrameworkError(f"the {folder} file {name} is missing",
                             remedy="install cellbench anew") from problem
