"""What a verb of the control room is.

Each room of the virtual rack exports ``VERBS: Mapping[str, Verb]`` and, for what it can say when asked
``report what=NAME``, ``REPORTS: Mapping[str, Verb]`` keyed by NAME (their values still hold ``what``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..rack import Rack, VirtualSlot


class ControlRefusal(Exception):
    """A verb cannot be done; the message is the sentence that the person reads."""


Answer = Mapping[str, str] | str | None
Action = Callable[["Rack", "VirtualSlot | None", Mapping[str, str]], Awaitable[Answer]]
"""rack, slot (never None when the verb needs one), values → facts printed as ``key=value`` lines, a text
printed as it is, or nothing."""


@dataclass(frozen=True, slots=True)
class Verb:
    """One thing the control room can do. ``doc`` is one line: the keys with their values, then what it does
    (``socket=N: the peer closes its end in order``)."""

    doc: str
    needs_slot: bool
    act: Action


def want(values: Mapping[str, str], key: str, *choices: str) -> str:
    """The value of ``key``; ControlRefusal when it is missing or none of ``choices``."""
    value = values.get(key)
    if value is None:
        known = f" ({', '.join(choices)})" if choices else ""
        raise ControlRefusal(f"{key}= is missing{known}")
    if choices and value not in choices:
        raise ControlRefusal(f"{key}={value} is not possible; it takes {', '.join(choices)}")
    return value


def want_int(values: Mapping[str, str], key: str, low: int, high: int, default: int | None = None) -> int:
    """The whole number of ``key`` from ``low`` to ``high``; ControlRefusal when it is not one."""
    text = values.get(key)
    if text is None and default is not None:
        return default
    try:
        # "+08" quarter hours and "0x1F" are both whole numbers; base 0 refuses the first
        number = int(want(values, key), 16 if "0x" in want(values, key).lower() else 10)
    except ValueError:
        raise ControlRefusal(f"{key}={text} is not a whole number") from None
    if not low <= number <= high:
        raise ControlRefusal(f"{key}={number} is out of range {low} to {high}")
    return number


def only(values: Mapping[str, str], *keys: str) -> None:
    """ControlRefusal when a key is none of ``keys``: a misspelt one must not be silently ignored."""
    for key in values:
        if key not in keys:
            raise ControlRefusal(f"{key}= is not known here; it takes {', '.join(keys) or 'no keys'}")
