"""``cellbench virtual package``: make a firmware package for the virtual modules."""

from __future__ import annotations

import hashlib
from pathlib import Path

from cellbench.base.errors import OperatorError
from cellbench.catalogue.modules import profile_for, series_named
from cellbench.catalogue.releases import newest

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
