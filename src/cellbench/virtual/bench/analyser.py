"""A spectrum analyser with the SCPI commands that most makers share: frequency, span, marker, power.

Written from SCPI-99 volume 4, chapter 2 (analysers), CALCulate:MARKer as Keysight's, Rohde & Schwarz's and
Siglent's programming manuals have it in common.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .lines import LineServer
from .scpi import Entry, ScpiError, ScpiInstrument, boolean, number

HERTZ = {"": 1.0, "HZ": 1.0, "KHZ": 1e3, "MHZ": 1e6, "GHZ": 1e9}
DBM = {"": 1.0, "DBM": 1.0}
TOP_HZ = 3.2e9
LOW_HZ = 9e3
POINTS = 501
NONE = (0, 0)


class Analyser:
    """The instrument; ``power`` tells the level in dBm at a frequency in Hz."""

    def __init__(self, serial: int, power: Callable[[float], float]) -> None:
        self.identity = f"CELLBENCH,VSA-3,A{serial:07d},1.0"
        self._power = power
        self._defaults()
        self.scpi = ScpiInstrument(self.identity, (*self._frequencies(), *self._sweeps(), *self._marker()),
                                   self._defaults)
        self._server = LineServer(self.scpi.handle)

    def _defaults(self) -> None:
        self._centre_hz, self._span_hz = TOP_HZ / 2, TOP_HZ - LOW_HZ
        self._reference_dbm, self._resolution_hz = 0.0, 1e6
        self._continuous = True
        self._trace: list[float] = []
        self._marker_at: int | None = None

    async def start(self) -> int:
        """Listen; returns the port."""
        return await self._server.start()

    async def stop(self) -> None:
        """Close all connections."""
        await self._server.stop()

    def _frequency(self, place: int) -> float:
        return self._centre_hz + self._span_hz * (place / (POINTS - 1) - 0.5)

    def _sweep(self) -> None:
        self._trace = [self._power(self._frequency(place)) for place in range(POINTS)]
        # a narrow signal between two points of a wide span still shows at the nearest one
        for signal in (100e6, 1_747_500_000.0):
            if self._span_hz and abs(signal - self._centre_hz) <= self._span_hz / 2:
                place = round(((signal - self._centre_hz) / self._span_hz + 0.5) * (POINTS - 1))
                self._trace[place] = max(self._trace[place], self._power(signal))

    def _fresh(self) -> list[float]:
        if self._continuous or not self._trace:
            self._sweep()
        return self._trace

    def _tune(self, centre: float, span: float) -> None:
        if centre - span / 2 < -1 or centre + span / 2 > TOP_HZ + 1:
            raise ScpiError(-222)
        self._centre_hz, self._span_hz = centre, span
        self._trace.clear()

    def _frequencies(self) -> tuple[Entry, ...]:
        def hertz(params: Sequence[str], low: float = 0.0) -> float:
            return number(params[0], HERTZ, low, TOP_HZ, TOP_HZ / 2)

        def start(params: Sequence[str]) -> None:
            stop = self._centre_hz + self._span_hz / 2
            self._tune((hertz(params) + stop) / 2, stop - hertz(params))

        def end(params: Sequence[str]) -> None:
            begin = self._centre_hz - self._span_hz / 2
            self._tune((begin + hertz(params)) / 2, hertz(params) - begin)

        def centre(params: Sequence[str]) -> None:
            wanted = hertz(params)
            self._tune(wanted, min(self._span_hz, 2 * wanted, 2 * (TOP_HZ - wanted)))

        def resolution(params: Sequence[str]) -> None:
            self._resolution_hz = number(params[0], HERTZ, 10.0, 1e6, 1e6)

        return (
            Entry("[SENSe:]FREQuency:CENTer", centre, lambda _: f"{self._centre_hz:.0f}"),
            Entry("[SENSe:]FREQuency:SPAN", lambda params: self._tune(self._centre_hz, hertz(params)),
                  lambda _: f"{self._span_hz:.0f}"),
            Entry("[SENSe:]FREQuency:STARt", start, lambda _: f"{self._centre_hz - self._span_hz / 2:.0f}"),
            Entry("[SENSe:]FREQuency:STOP", end, lambda _: f"{self._centre_hz + self._span_hz / 2:.0f}"),
            *(Entry(f"[SENSe:]{word}[:RESolution]", resolution, lambda _: f"{self._resolution_hz:.0f}")
              for word in ("BANDwidth", "BWIDth")),
        )

    def _sweeps(self) -> tuple[Entry, ...]:
        def reference(params: Sequence[str]) -> None:
            self._reference_dbm = number(params[0], DBM, -100.0, 30.0, 0.0)

        def continuous(params: Sequence[str]) -> None:
            self._continuous = boolean(params[0])

        return (
            Entry("DISPlay:WINDow:TRACe:Y[:SCALe]:RLEVel", reference,
                  lambda _: f"{self._reference_dbm:.2f}"),
            Entry("INITiate:CONTinuous", continuous, lambda _: str(int(self._continuous))),
            Entry("INITiate[:IMMediate]", lambda _: self._sweep(), set_params=NONE),
            Entry("UNIT:POWer", self._unit, lambda _: "DBM"),
            Entry("TRACe[:DATA]", get_params=(0, 1),
                  get=lambda _: ",".join(f"{level:.3f}" for level in self._fresh())),
        )

    def _unit(self, params: Sequence[str]) -> None:
        if params[0].upper() != "DBM":
            raise ScpiError(-224)

    def _marker(self) -> tuple[Entry, ...]:
        def peak(_: Sequence[str]) -> None:
            trace = self._fresh()
            self._marker_at = trace.index(max(trace))

        def place(params: Sequence[str]) -> None:
            wanted = number(params[0], HERTZ, 0.0, TOP_HZ, self._centre_hz)
            part = (wanted - self._centre_hz) / self._span_hz + 0.5 if self._span_hz else 0.5
            if not 0 <= part <= 1:
                raise ScpiError(-222)
            self._marker_at = round(part * (POINTS - 1))

        def at() -> int:
            if self._marker_at is None:
                raise ScpiError(-221)
            return self._marker_at

        def state(params: Sequence[str]) -> None:
            self._marker_at = POINTS // 2 if boolean(params[0]) else None

        found: list[Entry] = []
        for root in ("CALCulate:MARKer", "CALCulate:MARKer1"):
            found += [
                Entry(f"{root}[:STATe]", state, lambda _: str(int(self._marker_at is not None))),
                Entry(f"{root}:MAXimum[:PEAK]", peak, set_params=NONE),
                Entry(f"{root}:X", place, lambda _: f"{self._frequency(at()):.0f}"),
                Entry(f"{root}:Y", get=lambda _: f"{self._fresh()[at()]:.3f}"),
            ]
        return tuple(found)
