"""``cellbench firmware``: verify a catalogue of images and deltas, add to it, ask it for the way."""

from __future__ import annotations

import sys
from pathlib import Path

from cellbench.base.errors import OperatorError, UsageError
from cellbench.catalogue.model import Series
from cellbench.catalogue.modules import series_named, variants_of
from cellbench.host.firmware.model import PackageKind
from cellbench.rig.check import file_beside
from cellbench.rig.firmware import load_firmware, read_firmware
from cellbench.rig.firmware_files import add, look_at_files
from cellbench.rig.firmware_route import Module, NoRoute, bytes_of, route, unreachable
from cellbench.rig.yamlpos import read_document

_EXIT_FILE = 2
_EXIT_REFUSED = 1
_BY = {PackageKind.DELTA: "over AT, or by FTP, HTTP or a serial file", PackageKind.FULL: "by flashing"}


def verify(path: Path) -> int:
    """Print what is wrong with a catalogue, or the one that a rig file names, and its files; 2 when anything
    is."""
    path = _catalogue(path)
    catalogue, findings = read_firmware(path)
    for finding in findings:
        print(finding)
    if catalogue is None:
        return _EXIT_FILE
    bad = 0
    for entry, findings in look_at_files(catalogue):
        for finding in findings:
            print(finding)
        if not findings:
            print(f"{entry.words}: good")
        bad += bool(findings)
    for sentence in unreachable(catalogue):
        print(f"note: {sentence}")
    count = len(catalogue.entries)
    print(f"{path}: {bad} of {count} files are not what it says" if bad
          else f"{path}: {count} files, all as it says")
    return _EXIT_FILE if bad else 0


def add_image(path: Path, image: Path, series: str, start: str | None, end: str, variant: str | None) -> int:
    """Add an image or a delta to a catalogue and print the entry."""
    which = _series(series)
    print(add(path, image, series=which, start=start, end=end, variant=_variant(which, variant)))
    print(f"added to {path}")
    return 0


def show_path(path: Path, series: str, start: str | None, end: str, variant: str | None,
              *, no_flashing: bool) -> int:
    """Print the packages that lead from one release to another; 1 with the reasons when there is no way."""
    which = _series(series)
    catalogue = load_firmware(_catalogue(path))
    module = Module(which, _variant(which, variant), start, "flashing is ruled out" if no_flashing else "")
    try:
        way = route(catalogue, module, end)
    except NoRoute as error:
        print(f"cellbench: {error}", file=sys.stderr)
        return _EXIT_REFUSED
    if not way:
        print(f"{end} is installed: nothing to do")
        return 0
    words = {one.package: one for one in catalogue.entries}
    for number, package in enumerate(way, 1):
        print(f"{number}. {words[package].words}, {_BY[package.kind]}")
    print(f"{len(way)} update{'s' if len(way) > 1 else ''}, {bytes_of(way)} bytes")
    return 0


def _catalogue(path: Path) -> Path:
    """The catalogue itself, or the one that a rig file names."""
    data = read_document(path).data
    if not isinstance(data, dict) or "rig" not in data:
        return path
    if not isinstance(data.get("firmware"), str):
        raise UsageError(f"{path} names no firmware catalogue", remedy="name one under firmware")
    return file_beside(path, data["firmware"])


def _series(name: str) -> Series:
    try:
        return series_named(name)
    except OperatorError as error:
        raise UsageError(f"--series: {error.message}", remedy=error.remedy) from None


def _variant(series: Series, name: str | None) -> str | None:
    if name is not None and name not in variants_of(series):
        raise UsageError(f"--variant {name}: {series.value} has {', '.join(variants_of(series))}")
    return name
