"""Write the documents of a run into its folder."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

from cellbench.base.errors import OperatorError
from cellbench.record.run import RunRecord, read_run
from cellbench.report import ReportFormat, formats, formats_for


def write_reports(run_dir: Path, names: Sequence[str] | None = None) -> list[Path]:
    """Write the documents of the run in ``run_dir`` beside its journal; returns what was written.

    ``names`` are names of formats; None means those of the run's purpose, "all" all of them. A format
    with a document for each unit gives each file. OperatorError for an unknown name or a journal that
    cannot be read.
    """
    chosen = _chosen(names)
    run = read_run(run_dir)
    if chosen is None:
        known = formats()
        chosen = [known[name] for name in formats_for(run.header.purpose)]
    return [path for one in chosen for path in write_format(run, one, run_dir)]


def write_format(run: RunRecord, one: ReportFormat, folder: Path) -> list[Path]:
    """Write one format below ``folder``; returns its files (its folder where they belong together)."""
    try:
        written = one.renderer()(run, folder / one.place)
        return sorted(written.glob(f"*{one.suffix}")) if one.suffix else [written]
    except OSError as problem:
        raise OperatorError(f"cannot write {one.title} into {folder}: {problem.strerror}",
                            remedy="check the results folder and its disk") from problem


def _chosen(names: Sequence[str] | None) -> list[ReportFormat] | None:
    if names is None:
        return None
    known = formats()
    if list(names) == ["all"]:
        return list(known.values())
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise OperatorError(f"no report format is named {name!r}", remedy=hint)
    return [known[name] for name in dict.fromkeys(names)]
