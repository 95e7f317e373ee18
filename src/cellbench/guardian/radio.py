"""What is measured at an analyser or power meter, in one go: frequency and span set, then one measurement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import cast

from cellbench.guardian.equipment import JOB_S, Instrument
from cellbench.instruments.analyser.model import Analyser, Peak

_SWEEP_S = 60.0  # the longest that an analyser may take for one sweep


async def measure(instrument: Instrument, args: Mapping[str, object]) -> dict[str, object]:
    """The peak within a span, or without ``span_hz`` the power at a frequency."""
    frequency_hz = float(cast(float, args["frequency_hz"]))
    span_hz = cast("float | None", args.get("span_hz"))
    work = _peak if span_hz is not None else _power
    return await instrument.on_analyser(
        lambda handle: work(handle, frequency_hz, span_hz or 0.0), timeout_s=JOB_S + _SWEEP_S
    )


def _peak(handle: Analyser, frequency_hz: float, span_hz: float) -> dict[str, object]:
    handle.set_frequency_hz(frequency_hz)
    handle.set_span_hz(span_hz)
    found: Peak = handle.peak()
    return asdict(found)


def _power(handle: Analyser, frequency_hz: float, span_hz: float) -> dict[str, object]:
    handle.set_frequency_hz(frequency_hz)
    return {"frequency_hz": frequency_hz, "power_dbm": handle.power_dbm()}
