"""The virtual module answers the guides' command tables as printed, up to what depends on the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

GUIDES = Path(__file__).resolve().parent / "guides"


def tables() -> list[Any]:
    found = []
    for path in sorted(GUIDES.glob("*.yaml")):
        for number, table in enumerate(yaml.safe_load(path.read_text(encoding="utf-8"))["tables"]):
            label = f"{table['section']}-{table['title']}"
            found.append(pytest.param(path.stem, number, id=label.replace(" ", "_")[:60]))
    return found


@pytest.mark.parametrize(("file", "number"), tables())
def test_rows_as_printed(replayed: dict[tuple[str, int], Any], file: str, number: int) -> None:
    player = replayed[file, number]
    assert player.wrong == []
    assert player.played == len(player.table["rows"])
