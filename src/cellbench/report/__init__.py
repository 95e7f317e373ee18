"""Documents as pure views of a finished run: one renderer per format.

A renderer is ``render(journal: RunRecord, out: Path) -> Path``: it writes the file ``out`` (or, where a
format has a document for each unit, files into the folder ``out``) and returns it. Formats of others are
found by the entry points group ``cellbench.reports``: the name is the format's, the object a
:class:`ReportFormat`.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cellbench.base.errors import FrameworkError
from cellbench.record.run import RunRecord

Render = Callable[[RunRecord, Path], Path]

GROUP = "cellbench.reports"
PRODUCTION = "production"
VALIDATION = "validation"


@dataclass(frozen=True, slots=True)
class ReportFormat:
    """One format of documents.

    ``place`` is where it goes below the run's folder; ``module`` is where its ``render`` lives (imported
    when it is used); ``purposes`` are the purposes of runs that it is made for unless others are asked
    for; with a ``suffix`` (".pdf") ``place`` is a folder with a document for each unit.
    """

    name: str
    title: str
    place: str
    module: str
    purposes: frozenset[str]
    suffix: str = ""

    def renderer(self) -> Render:
        """The function that renders it; FrameworkError when its module has none."""
        try:
            render: Render = importlib.import_module(self.module).render
        except (ImportError, AttributeError) as problem:
            raise FrameworkError(f"report format {self.name}: {self.module}.render cannot be used: {problem}",
                                 remedy="mend or uninstall the package that brings it") from problem
        return render


_BOTH = frozenset({PRODUCTION, VALIDATION})
_LINE = frozenset({PRODUCTION})
_BENCH = frozenset({VALIDATION})

BUILT_IN = (
    ReportFormat("record", "production record, JSON", "records", f"{__name__}.record_json", _LINE,
                 ".json"),
    ReportFormat("certificate-pdf", "certificate, PDF", "certificates", f"{__name__}.certificate_pdf", _LINE,
                 ".pdf"),
    ReportFormat("certificate-html", "certificate, HTML", "certificates", f"{__name__}.certificate_html",
                 _LINE, ".html"),
    ReportFormat("csv", "one line per unit, CSV", "units.csv", f"{__name__}.csv_line", _LINE),
    ReportFormat("validation-html", "validation report, HTML", "validation.html",
                 f"{__name__}.validation_html", _BENCH),
    ReportFormat("validation-pdf", "validation report, PDF", "validation.pdf", f"{__name__}.validation_pdf",
                 _BENCH),
    ReportFormat("junit", "JUnit XML", "junit.xml", f"{__name__}.junit", _BOTH),
    ReportFormat("allure", "Allure results", "allure-results", f"{__name__}.allure", _BOTH),
)


def formats() -> Mapping[str, ReportFormat]:
    """All formats by name: our own and those of installed packages; ours cannot be replaced.

    FrameworkError names an installed package whose entry point is no format.
    """
    found = {one.name: one for one in BUILT_IN}
    for entry in importlib.metadata.entry_points(group=GROUP):
        try:
            loaded = entry.load()
        except (ImportError, AttributeError) as problem:
            raise FrameworkError(f"report format {entry.name} ({entry.value}) cannot be loaded: {problem}",
                                 remedy="mend or uninstall the package that brings it") from problem
        if not isinstance(loaded, ReportFormat):
            raise FrameworkError(f"report format {entry.name} ({entry.value}) is no ReportFormat",
                                 remedy="mend or uninstall the package that brings it")
        found.setdefault(loaded.name, loaded)
    return found


def formats_for(purpose: str) -> tuple[str, ...]:
    """The names of the formats that a run of this purpose ends with; "" gets those of a validation."""
    return tuple(name for name, one in formats().items() if (purpose or VALIDATION) in one.purposes)
