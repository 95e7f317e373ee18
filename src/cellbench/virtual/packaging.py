"""Making firmware packages for the virtual modules: one, or a rack's catalogue of them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator
from pathlib import Path

import yaml

from cellbench.base.errors import OperatorError
from cellbench.catalogue.model import Series
from cellbench.catalogue.modules import profile_for, series_named
from cellbench.catalogue.releases import OTHER_START, newest, releases_of

from .device.behaviour import behaviour_for
from .device.update_package import Kind, PackageDefect, make
from .world.world import load_world


def package(out: Path, *, series: str, kind: str, start: str | None = None, end: str | None = None,
            size: int | None = None, defect: str | None = None) -> str:
    """Write a package to ``out``; a line that tells what is in it.

    ``start`` and ``end`` default to the firmware of ``virtual up`` and the series' newest release. Raises
    OperatorError for an unknown series, kind or defect, a size that is too small, a place that cannot be
    written.
    """
    try:
        which, what = series_named(series), Kind(kind)
        wrong = None if defect is None else PackageDefect(defect)
    except (KeyError, ValueError) as error:
        raise OperatorError(f"no such package: {error}") from None
    begin, finish = start or load_world().firmware()[which], end or newest(which).version
    room = behaviour_for(profile_for(which).series).fs_bytes
    try:
        data = make(which, begin, finish, what, size=size, defect=wrong, room=room)
        out.write_bytes(data)
    except ValueError as error:
        raise OperatorError(str(error), remedy="give a larger --size") from None
    except OSError as error:
        raise OperatorError(f"{out}: {error.strerror}") from None
    fits = f"{begin} to {finish}" if what is Kind.DELTA else finish
    digests = f"md5 {hashlib.md5(data, usedforsecurity=False).hexdigest()} " \
              f"sha256 {hashlib.sha256(data).hexdigest()}"
    return f"{out}: {which.value} {what.value} {fits}, {len(data)} bytes, {digests}"


def write_catalogue(path: Path, modules: Collection[tuple[Series, str]]) -> None:
    """Write a firmware catalogue (docs/firmware.md) for modules of these series and variants, and its files.

    Deltas both ways between all releases that the variant's modules can have, a full image of each, and a
    delta that begins from a release that none has. OperatorError when it cannot be written.
    """
    entries: list[dict[str, object]] = []
    try:
        for series in sorted({series for series, _ in modules}, key=lambda one: one.value):
            variants = {variant for one, variant in modules if one is series}
            folder = path.parent / "firmware" / series.value.lower()
            folder.mkdir(parents=True, exist_ok=True)
            for kind, start, end in _ways(series, variants):
                file = folder / f"{f'{start}-to-' if start else ''}{end}.{kind.value}".replace(",", "-")
                data = make(series, start or end, end, kind)
                file.write_bytes(data)
                entries.append(_entry(series, kind, start, end, file.relative_to(path.parent), data))
        scratch = path.with_suffix(".new")
        scratch.write_text("# Written by the virtual rack each time it comes up.\n"
                           + yaml.safe_dump({"packages": entries}, sort_keys=False), encoding="utf-8")
        os.replace(scratch, path)
    except OSError as error:
        raise OperatorError(f"{path}: {error.strerror}") from None


def _ways(series: Series, variants: set[str]) -> Iterator[tuple[Kind, str | None, str]]:
    """Kind, start and end of each package."""
    known = [one.version for one in releases_of(series)
             if not one.variants or any(variant.startswith(one.variants) for variant in variants)]
    for start in known:
        for end in known:
            if start != end:
                yield Kind.DELTA, start, end
    for end in known:
        yield Kind.FULL, None, end
    yield Kind.DELTA, OTHER_START[series], known[-1]


def _entry(series: Series, kind: Kind, start: str | None, end: str, file: Path,
           data: bytes) -> dict[str, object]:
    begin = {} if start is None else {"from": start}
    return {"series": series.value, "kind": kind.value, **begin, "to": end, "file": str(file),
            "sha256": hashlib.sha256(data).hexdigest(),
            "md5": hashlib.md5(data, usedforsecurity=False).hexdigest(), "size": len(data)}
