"""How analysers and power meters want to be told things: tables. ``{value}`` is a figure in hertz."""

from __future__ import annotations

from dataclasses import dataclass

from cellbench.instruments.conversation import Manners, Query
from cellbench.instruments.supply.dialect import Evidence

_FREQUENCY, _SPAN = Query("FREQ:CENT?"), Query("FREQ:SPAN?")
_PEAK_FREQUENCY, _PEAK_POWER = Query("CALC:MARK1:X?"), Query("CALC:MARK1:Y?")


@dataclass(frozen=True, slots=True)
class Sweeping:
    """What a spectrum analyser has and a power meter has not: span, a sweep, a marker."""

    set_span: str = "FREQ:SPAN {value}"
    span: Query = _SPAN
    sweep: str = "INIT:IMM"
    peak: tuple[str, ...] = ("CALC:MARK1:STAT ON", "CALC:MARK1:MAX")
    peak_frequency: Query = _PEAK_FREQUENCY
    peak_power: Query = _PEAK_POWER


_SWEEPING = Sweeping()


@dataclass(frozen=True, slots=True)
class Dialect:
    """One family; ``sweeping`` None: a power meter, whose ``power`` measures."""

    kind: str
    models: str
    source: str
    evidence: Evidence
    identity: str = r".+"
    doubts: str = ""
    begin: tuple[str, ...] = ("*CLS", "INIT:CONT OFF", "UNIT:POW DBM")
    set_frequency: str = "FREQ:CENT {value}"
    frequency: Query = _FREQUENCY
    sweeping: Sweeping | None = _SWEEPING
    power: Query | None = None

    def manners(self) -> Manners:
        """How this family converses."""
        return Manners(self.kind, self.models, self.identity, self.begin)


GENERIC = Dialect(
    "analyser.scpi", "any spectrum analyser with the commands below",
    "SCPI-1999 volume 2: SENSe:FREQuency, INITiate, CALCulate:MARKer, UNIT:POWer; the words that the makers' "
    "analysers share", Evidence.DRIVER)
KEYSIGHT = Dialect(
    "analyser.keysight-x", "Keysight X-Series N9000 to N9048 (CXA, EXA, MXA, PXA, UXA), N9320",
    "Keysight X-Series Spectrum Analyzer Mode User's and Programmer's Reference: as public drivers quote it",
    Evidence.DRIVER, identity=r"(Keysight|Agilent) Technologies, ?N9(0[0-4]\d|32\d)[AB],.*")
ROHDE_SCHWARZ = Dialect(
    "analyser.rs-fs", "R&S FSV, FSVA, FSW, FPL, FPC, FSL, FPS",
    "R&S FSW User Manual, remote commands: the maker's public examples (INIT:CONT OFF, INIT:IMM, CALC:MARK)",
    Evidence.DRIVER, identity=r"Rohde ?& ?Schwarz, ?F(SVA?|SW|PL|PC|SL|PS)[\w-]*,.*",
    begin=("*CLS", "INIT:CONT OFF", "CALC:UNIT:POW DBM"))
RIGOL = Dialect(
    "analyser.rigol-dsa", "Rigol DSA815, DSA832, DSA875, DSA700",
    "Rigol DSA800 Programming Guide: recalled; its marker search is :CALCulate:MARKer<n>:MAXimum:MAX",
    Evidence.RECALLED, identity=r"Rigol Technologies, ?DSA\d+\w*,.*",
    sweeping=Sweeping(peak=("CALC:MARK1:STAT ON", "CALC:MARK1:MAX:MAX")))
SIGLENT = Dialect(
    "analyser.siglent-ssa", "Siglent SSA3000X, SSA3000X Plus, SSA3000X-R, SVA1000X",
    "Siglent SSA3000X Programming Guide: as public drivers send it", Evidence.DRIVER,
    identity=r"Siglent Technologies, ?S(SA|VA)\d+X[\w -]*,.*")
POWER_METER = Dialect(
    "analyser.power-meter", "SCPI power meters: Keysight N1911/N1912, E4416 to E4419, U2000; R&S NRX",
    "SCPI-1999 volume 2: SENSe:FREQuency, READ?, UNIT:POWer; R&S NRX User Manual 1178.5566.02",
    Evidence.DRIVER, doubts="the sensor's zero and calibration are the operator's",
    set_frequency="FREQ {value}", frequency=Query("FREQ?"), sweeping=None, power=Query("READ?"))

DIALECTS = (GENERIC, KEYSIGHT, ROHDE_SCHWARZ, RIGOL, SIGLENT, POWER_METER)
