"""Quantities with their units, as people read them."""

from __future__ import annotations

_PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"))
_SCALABLE = frozenset({"V", "A", "W", "s", "Hz", "Ohm", "B", "bit/s"})
_SCALED = {"mA": (1e-3, "A"), "ms": (1e-3, "s"), "mV": (1e-3, "V")}


def format_quantity(value: float, unit: str) -> str:
    """A value with a unit in engineering form: ``0.0187 A`` becomes ``18.7 mA``."""
    factor, base = _SCALED.get(unit, (1.0, unit))
    value, unit = value * factor, base
    if unit not in _SCALABLE or value == 0:
        return f"{value:.4g} {unit}".rstrip()
    for factor, prefix in _PREFIXES:
        if abs(value) >= factor:
            return f"{value / factor:.4g} {prefix}{unit}"
    factor, prefix = _PREFIXES[-1]
    return f"{value / factor:.4g} {prefix}{unit}"
