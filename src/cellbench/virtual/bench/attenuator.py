"""A step attenuator with the text commands of Mini-Circuits' RCDAT series, over TCP as by their telnet.

``:SETATT=12.5`` is answered ``1``, ``0`` when it is not understood, ``2`` when more than the range was asked
for (the highest is set then); ``:ATT?`` the attenuation; ``:MN?``, ``:SN?`` and ``:FIRMWARE?`` with their
names before the value. Source: the series' programming manual as public programs use it (answers 0, 1 and 2
of SETATT, forms of MN and SN); its text was not at hand.
"""

from __future__ import annotations

from collections.abc import Callable

from .lines import LineServer

MODEL = "RCDAT-6000-60"
TOP_DB = 60.0
STEP_DB = 0.25
UNKNOWN = f"-99 Unrecognized Command. Model={MODEL}"


class Attenuator:
    """The instrument; ``moved`` learns each new attenuation in dB."""

    def __init__(self, number: int, moved: Callable[[float], None]) -> None:
        self.serial = f"1140101{number:04d}"
        self.attenuation_db = 0.0
        self._moved = moved
        self._server = LineServer(self.handle, "\r\n")

    async def start(self) -> int:
        """Listen; returns the port."""
        return await self._server.start()

    async def stop(self) -> None:
        """Close all connections."""
        await self._server.stop()

    def handle(self, line: str) -> str:
        """One command; its answer."""
        text = line.upper().lstrip(":")
        answers = {"MN?": f"MN={MODEL}", "SN?": f"SN={self.serial}", "FIRMWARE?": "FIRMWARE=C6-2",
                   "ATT?": f"{self.attenuation_db:.2f}"}
        if text in answers:
            return answers[text]
        name, equals, value = text.partition("=")
        if name != "SETATT" or not equals:
            return UNKNOWN
        try:
            wanted = float(value)
        except ValueError:
            return "0"
        if wanted < 0 or wanted != wanted:
            return "0"
        self.attenuation_db = min(TOP_DB, round(wanted / STEP_DB) * STEP_DB)
        self._moved(self.attenuation_db)
        return "2" if wanted > TOP_DB else "1"
