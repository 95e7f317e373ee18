"""Values as documents show them: quantities, limits, times, outcomes with their colours.

Documents give times in UTC, ISO 8601. Colours are told apart in grey print and by the colour-blind, and
never stand without a word or a sign beside them.
"""

from __future__ import annotations

from collections.abc import Iterable

from cellbench.base.units import format_quantity
from cellbench.record.measurement import Judgement, Limit
from cellbench.record.transcript import utc_text
from cellbench.record.verdict import Outcome, Verdict

COLOURS: dict[str, str] = {
    "PASS": "#1b7340",
    "FAIL": "#b3201f",
    "ERROR": "#a65300",
    "ABORTED": "#6a4a8c",
    "NOT_APPLICABLE": "#6b7280",
    "NOT_POSSIBLE": "#2f5f8a",
    "MARGINAL": "#8a6d00",
    "UNJUDGED": "#6b7280",
}

SIGNS: dict[str, str] = {
    "PASS": "✓",
    "FAIL": "✗",
    "ERROR": "!",
    "ABORTED": "■",
    "NOT_APPLICABLE": "–",
    "NOT_POSSIBLE": "○",
    "MARGINAL": "≈",
    "UNJUDGED": "·",
}

SERIES_COLOURS = ("#1f5fa8", "#c2571a", "#2c7a5b", "#7a3f8f", "#8a6d00", "#4b5563")


def outcome_words(outcome: Outcome) -> str:
    """An outcome as people read it."""
    return outcome.value.replace("_", " ").lower()


def verdict_words(verdict: Verdict) -> str:
    """An outcome with its owner: ``ERROR network``."""
    word = verdict.outcome.value.replace("_", " ")
    if verdict.outcome is Outcome.ERROR and verdict.owner is not None:
        return f"{word} {verdict.owner.value}"
    return word


def value_words(value: float | str, unit: str) -> str:
    """A measured value with its unit: ``18.7 mA``, ``02.01``."""
    if isinstance(value, str):
        return value
    return quantity_words(value, unit) if value == value else "not a number"


def quantity_words(value: float, unit: str) -> str:
    """A number with its unit; bytes are counted, not scaled; a true minus sign."""
    if unit == "B" and value == int(value) and abs(value) < 1e6:
        return f"{int(value)} B"
    return format_quantity(value, unit).replace("-", "−", 1) if value < 0 else format_quantity(value, unit)


def limit_words(limit: Limit | None, unit: str) -> str:
    """What a value may be: ``3.7 V to 3.9 V``, ``≤ 180 s``, ``02.00 or 02.01``; "" without a limit."""
    if limit is None:
        return ""
    if limit.one_of or limit.equals is not None:
        return " or ".join(limit.one_of or (str(limit.equals),))
    if limit.low is not None and limit.high is not None:
        if limit.low == limit.high:
            return f"= {quantity_words(limit.low, unit)}"
        return _range_words(limit.low, limit.high, unit)
    if limit.high is not None:
        return f"≤ {quantity_words(limit.high, unit)}"
    return f"≥ {quantity_words(limit.low, unit)}" if limit.low is not None else ""


def _range_words(low: float, high: float, unit: str) -> str:
    """Both bounds, the unit once when it is the same."""
    low_text, high_text = quantity_words(low, unit), quantity_words(high, unit)
    number, _, suffix = low_text.partition(" ")
    if low == 0 or suffix == high_text.partition(" ")[2]:
        return f"{number} to {high_text}"
    return f"{low_text} to {high_text}"


def judgement_words(judgement: Judgement) -> str:
    """A judgement as people read it."""
    return {"PASS": "pass", "MARGINAL": "marginal", "FAIL": "fail", "UNJUDGED": "no limit"}[judgement.value]


def duration_words(seconds: float | None) -> str:
    """How long something took: ``38.7 s``, ``5 min 12 s``, ``2 h 30 min``."""
    if seconds is None:
        return "—"
    if seconds < 60:
        return format_quantity(float(f"{seconds:.3g}"), "s")
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def time_words(utc_ns: int) -> str:
    """An instant for people: ``2026-11-05T08:00:00Z``."""
    return utc_text(utc_ns, "seconds")


def listed(names: Iterable[str], most: int = 6) -> str:
    """Names in a row; beyond ``most`` only how many more there are."""
    names = list(names)
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def clipped(text: str, most: int) -> str:
    """A text in one line, cut with an ellipsis where it is too long."""
    text = " ".join(text.split())
    return text if len(text) <= most else text[:most - 1].rstrip() + "…"


def spoken(name: str) -> str:
    """A name for people: ``boot_time`` is ``boot time``; V_INT stays what it is."""
    return name.replace("_", " ") if name == name.lower() else name


def plural(count: int, noun: str) -> str:
    """``1 attempt``, ``2 attempts``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
