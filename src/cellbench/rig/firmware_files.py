"""The files of a firmware catalogue: are they what it says, and how one more gets in."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cellbench.base.errors import FileErrors, Finding, OperatorError
from cellbench.catalogue.model import Series
from cellbench.host.firmware.model import PackageKind
from cellbench.rig.firmware import Entry, FirmwareCatalogue, read_firmware
from cellbench.rig.yamlpos import read_document, read_text

_CHUNK = 1 << 20
_HEAD = "# Firmware images and deltas (docs/firmware.md); `cellbench firmware verify` checks them.\n"
_PACKAGES = re.compile(r"^packages:[ \t]*(\[[ \t]*\])?[ \t]*(#.*)?$", re.MULTILINE)
_ITEM = re.compile(r"^([ \t]*)-[ \t]", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Sums:
    """What a file is."""

    size: int
    md5: str
    sha256: str


def sums_of(path: Path) -> Sums:
    """Size and sums of a file; OSError when it cannot be read."""
    md5, sha256, size = hashlib.md5(usedforsecurity=False), hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            size += len(chunk)
            md5.update(chunk)
            sha256.update(chunk)
    return Sums(size, md5.hexdigest(), sha256.hexdigest())


def look_at_files(catalogue: FirmwareCatalogue) -> Iterator[tuple[Entry, tuple[Finding, ...]]]:
    """Each entry with what is wrong with its file."""
    for entry in catalogue.entries:
        yield entry, tuple(_wrong(catalogue, entry))


def _wrong(catalogue: FirmwareCatalogue, entry: Entry) -> Iterator[Finding]:
    package, document = entry.package, catalogue.document
    try:
        found = sums_of(package.path)
    except OSError as error:
        yield document.finding((*entry.place, "file"), f"{package.path}: {error.strerror}",
                               "put the file there, or correct the name")
        return
    remedy = "fetch the file anew from where it was released; correct the catalogue only when that is wrong"
    for key, have, wanted in (("size", f"{found.size} bytes", f"{package.size} bytes"),
                              ("md5", found.md5, package.md5), ("sha256", found.sha256, package.sha256)):
        if have != wanted:
            yield document.finding((*entry.place, key), f"{package.path.name} has {have}, not {wanted}",
                                   remedy)
            return  # another size gives other sums


def add(catalogue: Path, image: Path, *, series: Series, start: str | None, end: str,
        variant: str | None = None) -> str:
    """Write an entry for a file at the end of a catalogue, which is made when it is not there; the entry.

    With ``start`` it is a delta, else a full image. The rest of the catalogue stays as it is. OperatorError
    when the file cannot be read or the catalogue not written, FileErrors when the catalogue has mistakes or
    the entry would be one.
    """
    try:
        found = sums_of(image)
        before = catalogue.read_text(encoding="utf-8") if catalogue.exists() else _HEAD + "packages:\n"
    except OSError as error:
        raise OperatorError(f"{error.filename}: {error.strerror}",
                            remedy="name a file that is there") from None
    kind = PackageKind.FULL if start is None else PackageKind.DELTA
    fields = {"series": series.value, "variant": variant, "kind": kind.value, "from": start, "to": end,
              "file": _relative(image, catalogue), "sha256": found.sha256, "md5": found.md5}
    rows = [f"{key}: {_scalar(value)}" for key, value in fields.items() if value is not None]
    after = _appended(catalogue, before, [*rows, f"size: {found.size}"])
    _, findings = read_firmware(catalogue, document=read_text(after, str(catalogue)))
    if findings:
        raise FileErrors(findings)
    scratch = catalogue.with_name(catalogue.name + ".new")
    try:
        catalogue.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_text(after, encoding="utf-8")
        os.replace(scratch, catalogue)
    except OSError as error:
        raise OperatorError(f"{catalogue}: {error.strerror}") from None
    return "\n".join(rows)


def _appended(catalogue: Path, text: str, rows: list[str]) -> str:
    """The text with one more entry, indented as those that are there."""
    if catalogue.exists() and (findings := read_document(catalogue).findings):
        raise FileErrors(findings)
    begin = _PACKAGES.search(text)
    if begin is None:
        raise OperatorError(f"{catalogue} has no line `packages:` with the entries below it",
                            remedy="write the entries as lines that begin with `- `, not in brackets")
    item = _ITEM.search(text, begin.end())
    indent = item[1] if item is not None else "  "
    body = text[:begin.start()] + "packages:" + text[begin.end(1) if begin[1] else begin.start() + 9:]
    entry = [f"{indent}{'- ' if number == 0 else '  '}{row}\n" for number, row in enumerate(rows)]
    return body.rstrip("\n") + "\n" + "".join(entry)


def _relative(image: Path, catalogue: Path) -> str:
    """How the catalogue names the file: relative when it lies beside or below, or not far off."""
    relative = os.path.relpath(image.resolve(), catalogue.resolve().parent)
    return str(image.resolve()) if relative.startswith("../../..") else relative


def _scalar(text: str) -> str:
    """A text as YAML 1.2 and its readers take it: in quotes unless it begins with a letter."""
    return text if re.fullmatch(r"[A-Za-z][A-Za-z0-9._/\-]*", text) else json.dumps(text, ensure_ascii=False)
