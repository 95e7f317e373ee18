"""Doubtful facts of refusals and of networks abroad (see ``behaviour``)."""

from __future__ import annotations

from dataclasses import dataclass

from cellbench.catalogue.model import Evidence
from cellbench.virtual.device.behaviour_messaging import S, X, fact
from cellbench.virtual.device.behaviour_telephony import TelephonyFacts

_SIB = Evidence.SIBLING


@dataclass(frozen=True, slots=True, kw_only=True)
class MobilityFacts(TelephonyFacts):
    """How a series does what the guides leave open about refusals and other networks."""

    attach_tries: int = fact(
        "Attach requests after passing refusals before the long pause.",
        S, "24.301 5.5.1.2.6: five", r8=5, r6=5)
    retry_long_s: float = fact(
        "Pause after so many attach requests in vain.", S, "24.301 T3402: 12 min", r8=720.0, r6=720.0)
    cfun_ends_refusal: bool = fact(
        "After a refusal that puts the card out of use (causes 3, 6, 7, 8) AT+CFUN=0 makes it usable again, "
        "as switching off does.", X, "24.301 5.5.1.2.5 speaks of switching off and of removing the card",
        r8=True, r6=True)
    better_first_s: float = fact(
        "Registration abroad to the first look for a network of higher priority.",
        _SIB, "2 to 8 min after registration; 23.122 4.4.3.3.1: two minutes at least", r8=120.0, r6=120.0)
    better_unit_s: float = fact(
        "Unit of the period of further looks, of which EF HPPLMN tells the count.",
        S, "31.102 4.2.6: 6 min", r8=360.0, r6=360.0)
