"""The firmware catalogue: a YAML file of images and deltas, checked like the rig file, as updates use it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from cellbench.base.errors import FileErrors, Finding
from cellbench.catalogue.model import Series
from cellbench.catalogue.modules import variants_of
from cellbench.host.firmware.model import Package, PackageKind
from cellbench.instruments.settings import Strict, Text
from cellbench.rig.strict import check, nearest
from cellbench.rig.yamlpos import Document, KeyPath, dotted, read_document

Version = Annotated[str, Field(pattern=r"^[!-~]{1,64}$")]
Md5 = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{32}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")]


class PackageEntry(Strict):
    """One file that holds firmware."""

    series: Series
    """Series of the modules that it is for."""
    variant: Text | None = None
    """Variant that it is for, for example LARA-R6001D; unset: the whole series."""
    kind: PackageKind
    """`full`: a whole image, which fits whatever is installed; `delta`: the difference of two releases."""
    start: Annotated[Version | None, Field(alias="from")] = None
    """Release that a delta begins from, as ATI9 tells it; none for a full image."""
    end: Annotated[Version, Field(alias="to")]
    """Release that it leads to, as ATI9 tells it."""
    file: Text
    """The file, relative to this one; `~` is the home directory."""
    sha256: Sha256
    """SHA-256 of the file, 64 hexadecimal digits."""
    md5: Md5
    """MD5 of the file, 32 hexadecimal digits: what a module tells of a file that it has stored."""
    size: Annotated[int, Field(ge=1)]
    """Bytes of the file."""

    @model_validator(mode="after")
    def _fits(self) -> PackageEntry:
        if self.kind is PackageKind.DELTA and self.start is None:
            raise ValueError("a delta begins from a release: give from")
        if self.kind is PackageKind.FULL and self.start is not None:
            raise ValueError("a full image fits whatever is installed: remove from, or write kind: delta")
        if self.start == self.end:
            raise ValueError("from and to are the same release")
        return self


class FirmwareFile(Strict):
    """Images and deltas on this host."""

    packages: tuple[PackageEntry, ...]
    """The files, one entry each."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A package of the catalogue. ``variant``: the only one that it is for, None for the whole series.
    ``place``: where it stands, for messages."""

    package: Package
    variant: str | None
    place: KeyPath

    def fits(self, series: Series, variant: str | None) -> bool:
        """True when it is for a module of this series and variant (None: the variant is not known)."""
        return self.package.series is series and self.variant in (None, variant)

    @property
    def words(self) -> str:
        """The package in a few words: file, kind, releases."""
        package = self.package
        begin = f"{package.start} to {package.end}" if package.start is not None else package.end
        only = f" for {self.variant} alone" if self.variant is not None else ""
        return f"{package.path.name} ({package.kind.value} {begin}{only}, {package.size} bytes)"


@dataclass(frozen=True, slots=True)
class FirmwareCatalogue:
    """A firmware catalogue without mistakes; whether the files are what it says, `verify` looks at."""

    path: Path
    entries: tuple[Entry, ...]
    document: Document = field(repr=False, compare=False)

    def packages(self, series: Series, variant: str | None = None) -> tuple[Package, ...]:
        """The packages for modules of a series and variant, in the order of the file."""
        return tuple(one.package for one in self.entries if one.fits(series, variant))

    def where(self, entry: Entry) -> str:
        """``file:line: path`` of an entry."""
        return str(self.document.finding(entry.place, "")).removesuffix(": ")


def load_firmware(path: Path) -> FirmwareCatalogue:
    """Load a firmware catalogue; FileErrors with all its mistakes. The files it names are not opened."""
    loaded, findings = read_firmware(Path(path))
    if findings or loaded is None:
        raise FileErrors(findings)
    return loaded


def read_firmware(path: Path, shown_as: str | None = None, document: Document | None = None,
                  ) -> tuple[FirmwareCatalogue | None, tuple[Finding, ...]]:
    """The catalogue of a file, and its mistakes; None when there are any."""
    document = document or read_document(path, shown_as)
    model, findings = check(document, FirmwareFile)
    if model is None:
        return None, findings
    if not findings:  # an entry that is refused takes its list with it, and the places with it
        findings = tuple(_cross_check(document, model))
    if findings:
        return None, findings
    entries = tuple(_entry(path, number, one) for number, one in enumerate(model.packages))
    return FirmwareCatalogue(path.absolute(), entries, document), ()


def looks_like_firmware(document: Document) -> bool:
    """True when a file means to be a firmware catalogue rather than a rig file."""
    data = document.data
    return isinstance(data, dict) and "packages" in data and "rig" not in data


def _entry(path: Path, number: int, one: PackageEntry) -> Entry:
    file = path.absolute().parent / Path(one.file).expanduser()
    package = Package(file, one.series, one.kind, one.start, one.end, one.size, one.md5.lower(),
                      one.sha256.lower())
    return Entry(package, one.variant, ("packages", number))


def _cross_check(document: Document, model: FirmwareFile) -> Iterator[Finding]:
    """Variants that nobody knows, and what stands twice."""
    files: dict[str, KeyPath] = {}
    bytes_of: dict[str, KeyPath] = {}
    ways: dict[tuple[object, ...], KeyPath] = {}
    for number, one in enumerate(model.packages):
        place: KeyPath = ("packages", number)
        known = variants_of(one.series)
        if one.variant is not None and one.variant not in known:
            yield document.finding((*place, "variant"), f"{one.series.value} has no variant {one.variant}",
                                   nearest(one.variant, tuple(known)))
        if (other := files.setdefault(one.file, place)) != place:
            yield document.finding((*place, "file"), f"{one.file} is the file of {dotted(other)} too",
                                   "remove one of the two")
            continue
        if (other := bytes_of.setdefault(one.sha256.lower(), place)) != place:
            yield document.finding((*place, "sha256"), f"{one.file} has the bytes of {dotted(other)}",
                                   "name the right file, or remove one of the two")
            continue
        way = (one.series, one.variant, one.kind, one.start, one.end)
        if (other := ways.setdefault(way, place)) != place:
            yield document.finding(place, f"{dotted(other)} leads the same way", "remove one of the two")
