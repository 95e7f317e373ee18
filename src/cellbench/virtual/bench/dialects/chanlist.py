"""Channel lists, ``(@1,3)`` or ``(@1:3)`` (SCPI-99 volume 1, 8.3.2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ..scpi import ScpiError

_LIST = re.compile(r"\(\s*@([\d\s,:]*)\)")


def parse(text: str, channels: int) -> list[int]:
    """Places from 0. Raises ScpiError -222 for a channel that is not there, -102 for a wrong form."""
    match = _LIST.fullmatch(text)
    if match is None or not match[1].strip():
        raise ScpiError(-102)
    places: list[int] = []
    for part in match[1].split(","):
        ends = part.split(":")
        try:
            first, last = int(ends[0]), int(ends[-1])
        except ValueError:
            raise ScpiError(-102) from None
        if len(ends) > 2 or not 1 <= first <= channels or not 1 <= last <= channels:
            raise ScpiError(-222)
        step = 1 if last >= first else -1
        places += [number - 1 for number in range(first, last + step, step)]
    return places


def split_off(params: Sequence[str], channels: int,
              default: Callable[[], Sequence[int]]) -> tuple[list[str], Sequence[int]]:
    """Parameters without a channel list at their end, and the channels that are meant."""
    if params and params[-1].startswith("("):
        return list(params[:-1]), parse(params[-1], channels)
    return list(params), default()
