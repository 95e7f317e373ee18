"""The way from one firmware release to another: which packages of the catalogue, one after the other.

Of the chains of deltas the shortest is taken, of equally short ones the one with the fewest bytes. Where the
module can be flashed, the same holds for a full image followed by deltas, and of the two ways the one with
fewer bytes is taken, the deltas when they are equal.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cellbench.base.errors import NotPossible
from cellbench.catalogue.model import Series
from cellbench.host.firmware.model import Package, PackageKind
from cellbench.rig.firmware import Entry, FirmwareCatalogue

_MOST_LISTED = 8
_REMEDY = "add a package that fits: cellbench firmware add"


class NoRoute(NotPossible):
    """The catalogue has nothing that leads there; the message says why each package that comes near does
    not."""


@dataclass(frozen=True, slots=True)
class Module:
    """What a package must fit. ``variant`` and ``installed`` (ATI9) are None where they are not known;
    ``no_flashing`` says why the module cannot be flashed, "" when it can."""

    series: Series
    variant: str | None
    installed: str | None
    no_flashing: str = ""


def route(catalogue: FirmwareCatalogue, module: Module, end: str) -> tuple[Package, ...]:
    """The packages that lead to a release, in their order; none when it is installed already. NoRoute with
    the reasons when there is no way."""
    if module.installed == end:
        return ()
    packages = catalogue.packages(module.series, module.variant)
    deltas = [one for one in packages if one.kind is PackageKind.DELTA]
    ways = [_chain(deltas, module.installed, end)] if module.installed is not None else []
    if not module.no_flashing:
        for image in (one for one in packages if one.kind is PackageKind.FULL):
            rest = _chain(deltas, image.end, end)
            ways.append(None if rest is None else (image, *rest))
    found = [way for way in ways if way is not None]
    if not found:
        raise NoRoute(_no_way(catalogue, module, end), remedy=_REMEDY)
    by_deltas = [way for way in found if way[0].kind is PackageKind.DELTA]
    by_image = [way for way in found if way[0].kind is PackageKind.FULL]
    best = [min(kind, key=lambda way: (len(way), bytes_of(way))) for kind in (by_deltas, by_image) if kind]
    return min(best, key=bytes_of)


def pick(catalogue: FirmwareCatalogue, module: Module, kind: PackageKind, end: str | None = None) -> Package:
    """One package of a kind that fits the module now and leads to ``end``.

    Without ``end`` it leads to another release than the installed one, and of several it is the last in the
    file. NoRoute with the reasons when there is none.
    """
    fitting = [one for one in catalogue.packages(module.series, module.variant)
               if one.kind is kind and one.start in (None, module.installed)
               and (one.end == end if end is not None else one.end != module.installed)]
    if not fitting:
        wanted = f"no {kind.value} package for {_named(module)}" + (f" leads to {end}" if end else "")
        raise NoRoute(f"{catalogue.path}: {wanted}{_reasons(_misfits(catalogue, module, kind, end))}",
                      remedy=_REMEDY)
    return fitting[-1]


def bytes_of(packages: Iterable[Package]) -> int:
    """Bytes of all of them."""
    return sum(one.size for one in packages)


def unreachable(catalogue: FirmwareCatalogue) -> Iterator[str]:
    """A sentence for each release that deltas begin from and that nothing leads to, so that a module that has
    left it cannot come back."""
    seen: set[tuple[Series, str | None, str]] = set()
    for entry in catalogue.entries:
        series, start = entry.package.series, entry.package.start
        if start is None or (series, entry.variant, start) in seen:
            continue
        seen.add((series, entry.variant, start))
        leads = [one for one in catalogue.entries if one.package.series is series
                 and one.package.end == start and one.variant in (None, entry.variant)]
        if not leads:
            yield (f"{catalogue.where(entry)}: nothing leads to {series.value} {start}; "
                   "a module that has left it cannot come back")


def _chain(deltas: list[Package], start: str, end: str) -> tuple[Package, ...] | None:
    """The shortest chain of deltas, of the shortest the one with the fewest bytes; None: there is none."""
    waiting: list[tuple[int, int, int, str, tuple[Package, ...]]] = [(0, 0, 0, start, ())]
    done: set[str] = set()
    count = 0
    while waiting:
        steps, size, _, at, way = heapq.heappop(waiting)
        if at == end:
            return way
        if at in done:
            continue
        done.add(at)
        for one in deltas:
            if one.start == at and one.end not in done:
                count += 1  # never compared further than here
                heapq.heappush(waiting, (steps + 1, size + one.size, count, one.end, (*way, one)))
    return None


def _no_way(catalogue: FirmwareCatalogue, module: Module, end: str) -> str:
    begin = module.installed or "an unknown release"
    return (f"{catalogue.path}: nothing leads {_named(module)} from {begin} to {end}"
            f"{_reasons(_dead_ends(catalogue, module, end))}")


def _dead_ends(catalogue: FirmwareCatalogue, module: Module, end: str) -> Iterator[str]:
    """Why each package that leads to the end does not help."""
    deltas = [one for one in catalogue.packages(module.series, module.variant)
              if one.kind is PackageKind.DELTA]
    for entry in _leading_to(catalogue, module, end):
        package = entry.package
        if not entry.fits(module.series, module.variant):
            yield f"{entry.words} is for {entry.variant}"
        elif package.start is None:
            yield f"{entry.words} would, but {module.no_flashing}"
        elif module.installed is None:
            yield f"{entry.words} begins from {package.start}, and nobody knows what is installed"
        elif _chain(deltas, module.installed, package.start) is None:
            yield f"{entry.words} begins from {package.start}, and nothing leads there"


def _misfits(catalogue: FirmwareCatalogue, module: Module, kind: PackageKind, end: str | None,
             ) -> Iterator[str]:
    """Why each package of a kind does not fit."""
    for entry in _leading_to(catalogue, module, end):
        package = entry.package
        if package.kind is not kind:
            continue
        if not entry.fits(module.series, module.variant):
            yield f"{entry.words} is for {entry.variant}"
        elif package.end == module.installed and end is None:
            yield f"{entry.words} leads to what is installed"
        elif package.start is not None:
            yield f"{entry.words} begins from {package.start}, installed is {module.installed or 'unknown'}"


def _leading_to(catalogue: FirmwareCatalogue, module: Module, end: str | None) -> Iterator[Entry]:
    return (one for one in catalogue.entries
            if one.package.series is module.series and end in (None, one.package.end))


def _reasons(found: Iterable[str]) -> str:
    told = list(found)
    more = f"; and {len(told) - _MOST_LISTED} more" if len(told) > _MOST_LISTED else ""
    return f": {'; '.join(told[:_MOST_LISTED])}{more}" if told else ": nothing in the catalogue leads there"


def _named(module: Module) -> str:
    return module.variant or module.series.value
