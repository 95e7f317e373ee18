"""Places of a file that a person has still to fill in, as `cellbench rig discover` leaves them."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

from cellbench.rig.yamlpos import Document, KeyPath

FILL_IN = "FILL IN: "
"""How a placeholder begins; what follows is the question that it stands for."""


def without_gaps(document: Document) -> Document:
    """The document with each placeholder cut out and told as a mistake of its own."""
    gaps = [path for path in document.marks if is_gap(_value(document.data, path))]
    if not gaps:
        return document
    data, findings = copy.deepcopy(document.data), list(document.findings)
    for path in gaps:
        question = str(_value(document.data, path)).removeprefix(FILL_IN)
        findings.append(
            document.finding(path, "this is not filled in yet", f"write the answer to: {question}")
        )
        parent = _value(data, path[:-1])
        if isinstance(parent, dict):
            del parent[path[-1]]
        else:
            parent[path[-1]] = None
    return replace(document, data=data, findings=tuple(findings), refused=document.refused | set(gaps))


def is_gap(value: object) -> bool:
    """True for a placeholder."""
    return isinstance(value, str) and value.startswith(FILL_IN)


def _value(data: Any, path: KeyPath) -> Any:
    for item in path:
        if isinstance(data, dict):
            data = data.get(item)
        elif isinstance(data, list) and isinstance(item, int) and item < len(data):
            data = data[item]
        else:
            return None
    return data
