"""The file system: MF, dedicated files, applications, elementary files (clause 8)."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field

MASTER, CURRENT_APPLICATION = 0x3F00, 0x7FFF


class Structure(enum.IntEnum):
    """The structure of an EF, as the low bits of its file descriptor byte (11.1.1.4.3)."""

    TRANSPARENT = 1
    LINEAR = 2
    CYCLIC = 6


@dataclass(eq=False, slots=True)
class Ef:
    """One elementary file. ``record``: length of a record, 0 for a transparent file; ``sfi`` 0: none;
    ``rule``: its record in EF_ARR."""

    fid: int
    name: str
    structure: Structure
    content: bytearray
    rule: int
    sfi: int = 0
    record: int = 0
    active: bool = True
    parent: Df = field(init=False)

    @property
    def records(self) -> int:
        """Number of records."""
        return len(self.content) // self.record if self.record else 0

    def read(self, number: int) -> bytes:
        """Record ``number``, from 1."""
        return bytes(self.content[(number - 1) * self.record:number * self.record])

    def write(self, number: int, data: bytes) -> None:
        """Overwrite record ``number``, from 1, with a whole record."""
        self.content[(number - 1) * self.record:number * self.record] = data

    def push(self, data: bytes) -> None:
        """The oldest record of a cyclic file becomes the first, with this content (8.2.2.3)."""
        self.content[:] = data + bytes(self.content[:-self.record])


@dataclass(eq=False, slots=True)
class Df:
    """A dedicated file, the MF, or (with an ``aid``) an application. ``rule``: its record in the EF_ARR
    ``arr``; ``inner``: the EF_ARR of the files in it; ``pins``: the keys of its PIN status template."""

    fid: int
    name: str
    rule: int
    arr: int
    inner: int
    pins: tuple[int, ...]
    aid: bytes = b""
    label: str = ""
    parent: Df | None = None
    children: list[Df | Ef] = field(default_factory=list)

    def add(self, child: Df | Ef) -> None:
        """Put a file below this one."""
        child.parent = self
        self.children.append(child)

    def child(self, fid: int) -> Df | Ef | None:
        """The file with this identifier directly below; applications are not found by one (8.1)."""
        return next((one for one in self.children
                     if one.fid == fid and not (isinstance(one, Df) and one.aid)), None)

    def by_sfi(self, sfi: int) -> Ef | None:
        """The elementary file with this short identifier directly below (8.5)."""
        return next((one for one in self.children if isinstance(one, Ef) and one.sfi == sfi), None)

    def walk(self) -> Iterator[Df | Ef]:
        """This file and all below it."""
        yield self
        for one in self.children:
            if isinstance(one, Df):
                yield from one.walk()
            else:
                yield one

    @property
    def application(self) -> Df | None:
        """The application that this directory is or belongs to."""
        return self if self.aid else None if self.parent is None else self.parent.application


def applications(master: Df) -> list[Df]:
    """The applications of the card, in the order of EF_DIR."""
    return [one for one in master.children if isinstance(one, Df) and one.aid]


def located(master: Df, path: tuple[int, ...]) -> Df | Ef | None:
    """The file at a path from the MF; 7FFF in front stands for the first application."""
    found: Df | Ef = master
    for place, fid in enumerate(path):
        if place == 0 and fid == MASTER:
            continue
        if not isinstance(found, Df):
            return None
        if fid == CURRENT_APPLICATION and found is master:
            following: Df | Ef | None = next(iter(applications(master)), None)
        else:
            following = found.child(fid)
        if following is None:
            return None
        found = following
    return found
