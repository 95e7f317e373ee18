"""Refusals of message commands: +CMS ERROR in place of +CME ERROR (3GPP TS 27.005 3.2.5)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from cellbench.virtual.front.context import Refusal, RefusalKind

COMMANDS = frozenset({"+CSMS", "+CPMS", "+CMGF", "+CSCA", "+CSMP", "+CSDH", "+CNMI", "+CMGL", "+CMGR",
                      "+CNMA", "+CMGS", "+CMSS", "+CMGW", "+CMGD", "+CMMS"})
_FAILURE, _PARAMETER, _NOT_SUPPORTED = 300, 305, 303
_NUMBERS: Mapping[int, int] = MappingProxyType({
    3: 302, 4: _NOT_SUPPORTED, 5: 312, 10: 310, 11: 311, 12: 316, 13: 313, 14: 314, 15: 315, 17: 317, 18: 318,
    50: _PARAMETER, 100: 500})
"""Numbers of 27.007 9.2 and those of 27.005 that mean the same."""


def as_message_error(refusal: Refusal, parameter_error: int) -> Refusal:
    """The refusal of a message command; ``parameter_error`` is what the series gives for a wrong one."""
    if refusal.kind is not RefusalKind.CME:
        return refusal
    if refusal.number == parameter_error:
        return Refusal.cms(_PARAMETER)
    return Refusal.cms(_NUMBERS.get(refusal.number, _FAILURE))
