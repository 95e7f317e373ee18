"""Doubtful facts of the serial lines and interfaces (see ``behaviour``)."""

from __future__ import annotations

from dataclasses import dataclass

from cellbench.catalogue.model import Evidence
from cellbench.virtual.device.behaviour_messaging import X, fact
from cellbench.virtual.device.behaviour_ppp import PppFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class UartFacts(PppFacts):
    """How a series does what the guides leave open about its UARTs."""

    dsr_follows_data: bool = fact(
        "With &S1 DSR is on in data mode only; with &S0 it is always on.",
        Evidence.SIBLING, "TOBY-L2 system integration manual", r8=True, r6=True)
    ring_s: float = fact(
        "How long RI stays on for a URC where +URING wants that, true seconds.",
        Evidence.SIBLING, "system integration manuals: 1 s for a short message", r8=1.0, r6=1.0)
    ipr_of_usb_kept: bool = fact(
        "+IPR on a USB port is the UART's rate from the next boot on, else it is taken and has no effect.",
        X, "", r8=False, r6=False)
    usb_private_net: str = fact(
        "The first three octets of the addresses on the USB network in router mode: the module has 1, the "
        "host 100.", X, "remembered: 192.168.0", r8="192.168.0", r6="192.168.0")
    aux_needs_flow: int = fact(
        "<flow> of +UUARTCONF with which RTS and CTS of the auxiliary UART count.",
        X, "numbered as &K: 3", r8=3, r6=3)
