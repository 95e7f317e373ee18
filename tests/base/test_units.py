"""Quantities as people read them."""

from __future__ import annotations

import pytest

from cellbench.base.units import format_quantity


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (0.0187, "A", "18.7 mA"),
        (0.00913636, "mA", "9.136 µA"),
        (1500.0, "ms", "1.5 s"),
        (0, "V", "0 V"),
        (-79.0, "dBm", "-79 dBm"),
        (115200, "bit/s", "115.2 kbit/s"),
        (3.79934, "V", "3.799 V"),
        (5, "", "5"),
    ],
)
def test_engineering_form(value: float, unit: str, words: str) -> None:
    assert format_quantity(value, unit) == words
