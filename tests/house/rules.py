"""House rules that linters do not know: series comparisons, what suites may import, lengths.

Run by ``make lint`` and by tests/house/test_rules.py; prints one line for each breach.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMPARES_SERIES = re.compile(
    r"(series|variant|profile\.name|model)\s*(?:\.value\s*)?(==|!=|\bis\b|\bis not\b)\s*(Series\.|[\"'][A-Z])"
)
SUITES_MAY = frozenset({"pytest", "cellbench"}) | frozenset(sys.stdlib_module_names)
MAX_FILE = 400
MAX_FUNCTION = 60


def breaches(root: Path = ROOT) -> list[str]:
    """Every breach as ``file:line: sentence``."""
    found = []
    for path in sorted((root / "src").rglob("*.py")):
        found += list(_series(path, root)) + list(_lengths(path, root))
    for folder in ("suites", "fixtures"):
        for path in sorted((root / folder).rglob("*.py")):
            found += list(_imports(path, root, folder))
    return found


def _series(path: Path, root: Path) -> Iterator[str]:
    if "catalogue" in path.parts:
        return
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if COMPARES_SERIES.search(line):
            yield f"{path.relative_to(root)}:{number}: compares the series; ask the profile instead"


def _lengths(path: Path, root: Path) -> Iterator[str]:
    text = path.read_text()
    if "catalogue" not in path.parts and text.count("\n") > MAX_FILE * 1.25:
        yield f"{path.relative_to(root)}:1: {text.count(chr(10))} lines, about {MAX_FILE} are allowed"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno
            if length > MAX_FUNCTION:
                yield f"{path.relative_to(root)}:{node.lineno}: {node.name} has {length} lines"


def _imports(path: Path, root: Path, folder: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        for name in names:
            if name.startswith("cellbench") and name != "cellbench.api":
                where = f"{path.relative_to(root)}:{node.lineno}"
                yield f"{where}: {folder} may use cellbench.api alone, not {name}"
            elif name.split(".")[0] not in SUITES_MAY:
                yield f"{path.relative_to(root)}:{node.lineno}: {folder} may not import {name}"


def main() -> int:
    """Print the breaches; 1 when there are any."""
    found = breaches()
    print("\n".join(found) or "house rules: kept")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
