"""Documents of others than the module's maker: requirements that procedures are traced to, from a YAML file.

An OEM's own test specification stands beside the makers' guides: its sections have ids ("T1:3.2"), are
checked at collection and make a coverage matrix of their own. pytest is told of the files by the setting
``cellbench_guides``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field

from cellbench.base.errors import FileErrors, Finding
from cellbench.catalogue.guide import SECTIONS, Section, SectionKind
from cellbench.catalogue.model import BOTH, Series
from cellbench.instruments.settings import Strict, Text
from cellbench.rig.strict import check
from cellbench.rig.yamlpos import Document, read_document

Prefix = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9\-]{0,11}$")]
Number = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/\-]{0,31}$")]


class GuideSection(Strict):
    """One section or requirement."""

    title: Text
    """What it is about, as reports print it."""
    kind: SectionKind = SectionKind.PROCEDURE
    """`procedure` (steps to carry out), `rule` (statements to check) or `reference` (nothing to test)."""
    series: Annotated[tuple[Series, ...], Field(min_length=1)] | None = None
    """The series that it speaks of; unset: those of the document."""


class GuideFile(Strict):
    """A document that procedures are traced to."""

    guide: Text
    """Its name and edition, as reports print it."""
    prefix: Prefix
    """What its ids begin with: `T1` makes `T1:3.2`."""
    series: Annotated[tuple[Series, ...], Field(min_length=1)] | None = None
    """The series that it speaks of; unset: all."""
    sections: Annotated[dict[Number, GuideSection], Field(min_length=1)]
    """Its sections or requirements, by number (in quotes) or name, in the order of the document."""


def looks_like_guide(document: Document) -> bool:
    """True when a file means to be such a document rather than a rig file."""
    data = document.data
    return isinstance(data, dict) and "guide" in data and "rig" not in data


def read_guide(path: Path) -> tuple[tuple[Section, ...], tuple[Finding, ...]]:
    """The sections of a file, and all its mistakes; no sections when there are any."""
    document = read_document(path)
    model, findings = check(document, GuideFile)
    if model is None or findings:
        return (), findings
    taken = {one.id.partition(":")[0] for one in SECTIONS}
    if model.prefix in taken:
        return (), (document.finding(("prefix",), f"{model.prefix} is a guide of the module's maker",
                                     "choose another prefix"),)
    return tuple(
        Section(f"{model.prefix}:{number}", model.guide, number, one.title,
                frozenset(one.series or model.series or BOTH), one.kind)
        for number, one in model.sections.items()), ()


def all_sections(files: Iterable[Path]) -> tuple[Section, ...]:
    """The sections of the makers' guides and of these files; FileErrors with every mistake.

    Two files with one prefix are a mistake of the second.
    """
    found: list[Section] = list(SECTIONS)
    findings: list[Finding] = []
    prefixes: dict[str, Path] = {}
    for path in files:
        sections, mistakes = read_guide(path)
        findings += mistakes
        prefix = _prefix(sections)
        if prefix in prefixes:
            told = f"{prefixes[prefix]} has the prefix {prefix}, too"
            findings.append(Finding(str(path), 1, "prefix", told, "choose another"))
        elif sections:
            prefixes[prefix] = path
            found += sections
    if findings:
        raise FileErrors(tuple(findings))
    return tuple(found)


def _prefix(sections: Sequence[Section]) -> str:
    return sections[0].id.partition(":")[0] if sections else ""
