"""A measured value judged against a declared limit."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from cellbench.base.trace import Span


class Judgement(enum.Enum):
    """Where a value lies: MARGINAL passes but is near a limit; UNJUDGED has no limit."""

    PASS = "PASS"
    MARGINAL = "MARGINAL"
    FAIL = "FAIL"
    UNJUDGED = "UNJUDGED"


@dataclass(frozen=True, slots=True)
class Limit:
    """What a value may be: a range with bounds included, or one of a set of texts.

    ``marginal`` is the width of the band inside each bound, in the measurement's unit, that passes
    as MARGINAL. ``source`` says where the limit comes from ("LENA-R8 guide 5.3, 100 ms").
    """

    low: float | None = None
    high: float | None = None
    equals: str | None = None
    one_of: tuple[str, ...] = ()
    marginal: float = 0.0
    source: str = ""

    def judge(self, value: float | str) -> Judgement:
        """Judge one value; a number against a textual limit (or the reverse) raises TypeError."""
        if self.equals is not None or self.one_of:
            if not isinstance(value, str):
                raise TypeError(f"{value!r} is a number, the limit is a text")
            allowed = self.one_of or (self.equals,)
            return Judgement.PASS if value in allowed else Judgement.FAIL
        if isinstance(value, str):
            raise TypeError(f"{value!r} is a text, the limit is a range")
        if self.low is None and self.high is None:
            return Judgement.UNJUDGED
        if value != value or (self.low is not None and value < self.low) or (
                self.high is not None and value > self.high):
            return Judgement.FAIL
        if (self.low is not None and value < self.low + self.marginal) or (
                self.high is not None and value > self.high - self.marginal):
            return Judgement.MARGINAL
        return Judgement.PASS


@dataclass(frozen=True, slots=True)
class Measurement:
    """One value with its unit, limit and judgement; ``span`` points at the bytes it came from."""

    name: str
    value: float | str
    unit: str
    limit: Limit | None
    judgement: Judgement
    utc_ns: int
    span: Span | None = None
