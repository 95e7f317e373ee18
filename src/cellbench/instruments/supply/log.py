"""Fast current logs, read while they run: Keysight's external data log and Rohde & Schwarz's FastLog.

Keysight N6705 User's Guide, "External Data Logging", and N6700 User's Guide, "External Data Logging": one
average a period into a buffer of about 20 s, at least 102.4 us a period when the data format is REAL.
R&S NGL200/NGM200 User Manual 1178.8736.02, "Data logging commands", FLOG: blocks of voltage and current in
turn as 32-bit floats; bit 12 of the instrument summary says that a block is there.
"""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass

from cellbench.base.errors import RigError
from cellbench.instruments.conversation import Conversation, Flag, Query

_ARMING_S = 0.1  # an initiated log takes some milliseconds until it heeds its trigger
_SHORTEST_S = 102.4e-6
_LONGEST_S = 60.0
_MOST = 16_384  # records asked for at once
_RATES = {"S100": 100.0, "S001k": 1e3, "S010k": 10e3, "S050k": 50e3, "S250k": 250e3, "S500k": 500e3}
_BLOCK_THERE = 1 << 12


@dataclass(frozen=True, slots=True)
class CurrentLog:
    """Currents in ampere, ``rate_hz`` of them a second."""

    rate_hz: float
    amperes: tuple[float, ...]


class ElogReader:
    """Keysight N6700 and N6705: the external data log of one channel."""

    __slots__ = ("_at", "_talk")

    def __init__(self, talk: Conversation, channel: int) -> None:
        self._talk = talk
        self._at = f"(@{channel})"

    def start_hz(self, rate_hz: float) -> float:
        """Arm and trigger; the rate in hertz that the instrument has chosen."""
        period = min(max(1 / rate_hz, _SHORTEST_S), _LONGEST_S)
        for command in ("FORM REAL", "FORM:BORD NORM", f"SENS:ELOG:FUNC:VOLT OFF,{self._at}",
                        f"SENS:ELOG:FUNC:CURR ON,{self._at}", f"SENS:ELOG:FUNC:CURR:MINM OFF,{self._at}",
                        f"SENS:ELOG:PER {period:.7f},{self._at}"):
            self._talk.tell(command)
        chosen = self._talk.number(Query(f"SENS:ELOG:PER? {self._at}"))
        if chosen <= 0:
            raise RigError(f"instrument {self._talk.name} logs with a period of {chosen:g} s",
                           remedy="check that this model has the external data log")
        self._talk.tell(f"INIT:ELOG {self._at}")
        time.sleep(_ARMING_S)
        self._talk.tell(f"TRIG:ELOG {self._at}")
        return 1 / chosen

    def read(self) -> tuple[float, ...]:
        """The records that have come since, big-endian floats of 32 bits (FORM:BORD NORM)."""
        return _floats(self._talk.name, self._talk.block(f"FETC:ELOG? {_MOST},{self._at}"), ">")

    def stop(self) -> None:
        """End the log and go back to text."""
        self._talk.tell(f"ABOR:ELOG {self._at}")
        self._talk.tell("FORM ASC")


class FastLogReader:
    """R&S NGM200: FastLog of the selected channel, to the SCPI client."""

    __slots__ = ("_ready", "_talk")

    def __init__(self, talk: Conversation, channel: int) -> None:
        self._talk = talk
        self._ready = Flag(Query(f"STAT:OPER:INST:ISUM{channel}:EVEN?"), (_BLOCK_THERE,))

    def start_hz(self, rate_hz: float) -> float:
        """Start at the nearest rate that is not slower, at most 500 kHz; the rate in hertz."""
        name = next((name for name, rate in _RATES.items() if rate >= rate_hz), "S500k")
        for command in ("FLOG 0", "FLOG:TARG SCPI", f"FLOG:SRAT {name}", "FLOG 1"):
            self._talk.tell(command)
        return _RATES[name]

    def read(self) -> tuple[float, ...]:
        """The currents of one block, when one is there."""
        if not self._talk.flag(self._ready):
            return ()
        return _floats(self._talk.name, self._talk.block("FLOG:DATA?"), "<")[1::2]

    def stop(self) -> None:
        """End the log."""
        self._talk.tell("FLOG 0")


def _floats(name: str, data: bytes, order: str) -> tuple[float, ...]:
    if len(data) % 4:
        raise RigError(f"instrument {name} logged {len(data)} bytes, not whole figures",
                       remedy="check that the kind fits this model")
    return struct.unpack(f"{order}{len(data) // 4}f", data)
