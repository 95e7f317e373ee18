"""What is known of a run before its first attempt, and what identifies slots and units.

The header carries everything that a report needs beside the attempts: the procedure list, the guides'
sections, the errata in force. So a report is a pure view of one journal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ProcedureEntry:
    """A procedure of this run: its id (pytest's node id without ``[slot]``), title, sections, slots.

    ``sections`` are ids of :class:`SectionEntry` ("R8:9.2.1"). ``slots`` are those that it is run on.
    ``document`` is the procedure's description (its docstring).
    """

    id: str
    title: str
    sections: tuple[str, ...] = ()
    slots: tuple[str, ...] = ()
    document: str = ""


@dataclass(frozen=True, slots=True)
class SectionEntry:
    """A section of a guide; ``kind`` is procedure, rule or reference (nothing to test).

    ``series`` names the series it speaks of ("LENA-R8"); ``elsewhere`` is what it leaves to another document.
    """

    id: str
    guide: str
    number: str
    title: str
    series: tuple[str, ...]
    kind: str
    elsewhere: str = ""


@dataclass(frozen=True, slots=True)
class ErratumEntry:
    """A place where guide, copy or silicon differ from what is taken as right."""

    id: str
    where: str
    text: str
    taken: str
    series: tuple[str, ...] = ()
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class InstrumentEntry:
    """An instrument of the rig: its name in the rig file, its kind, what it said of itself."""

    name: str
    kind: str
    identity: str = ""


@dataclass(frozen=True, slots=True)
class CutRunEntry:
    """An earlier run that was cut, as this run found it; ``text`` is one sentence."""

    run: str
    utc_ns: int
    text: str


@dataclass(frozen=True, slots=True)
class ProcessEntry:
    """The process that writes the journal, so that others can tell whether it still lives.

    ``started`` is the kernel's start time of the process in clock ticks, ``boot`` the boot id.
    """

    host: str
    pid: int
    started: int
    boot: str


@dataclass(frozen=True, slots=True)
class Header:
    """The first record of a journal.

    ``run`` names the run and its folder. ``purpose`` is production, validation or "" (anything else).
    ``evidence`` is measured or simulated, ``timing`` real or fast. ``versions`` are those of the
    framework and what it stands on, ``settings`` the rig's values that change what a result means
    (minimum on-time, attach budget, limits file), all as people read them.
    """

    run: str
    started_utc_ns: int
    rig: str
    rig_file: str = ""
    rig_sha256: str = ""
    evidence: str = "measured"
    timing: str = "real"
    purpose: str = ""
    operator: str = ""
    command: tuple[str, ...] = ()
    process: ProcessEntry | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    instruments: tuple[InstrumentEntry, ...] = ()
    procedures: tuple[ProcedureEntry, ...] = ()
    sections: tuple[SectionEntry, ...] = ()
    errata: tuple[ErratumEntry, ...] = ()
    cut_runs: tuple[CutRunEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class SlotEntry:
    """A slot of the run: its name, and what the rig file says of the module in it."""

    slot: str
    series: str
    variant: str = ""
    ordering_code: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UnitEntry:
    """A unit that was identified in a slot; "" where something was not asked or not answered.

    ``serial`` is the number on the product, typed or scanned; ``identity`` is what ATI said.
    """

    slot: str
    serial: str = ""
    imei: str = ""
    iccid: str = ""
    series: str = ""
    model: str = ""
    firmware: str = ""
    identity: str = ""
    utc_ns: int = 0
