"""The cellular network around one module: what the control room changes and the radio finds."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import replace

from cellbench.virtual.device.config import NetworkFacts


class Rat(enum.Enum):
    """Radio access technology; the value is the name of the world file's control vocabulary."""

    LTE = "lte"
    UTRAN = "3g"
    GSM = "2g"


ACT = {Rat.GSM: 0, Rat.UTRAN: 2, Rat.LTE: 7}  # <AcT> of 27.007 7.2
RAT_NAMES = {"gsm": Rat.GSM, "utran": Rat.UTRAN, "lte": Rat.LTE}  # as profiles name them
_RSSI_DBM = (-115, -105, -97, -89, -79, -65)  # by signal level 0 to 5


class RadioState(enum.Enum):
    """Where the registration stands."""

    OFF = "off"  # +CFUN=0 or 4
    DEREGISTERED = "deregistered"  # +COPS=2
    SEARCHING = "searching"
    REGISTERED = "registered"
    DENIED = "denied"
    LOST = "lost"


class Change(enum.Enum):
    """What changed in the network."""

    COVERAGE = "coverage"
    REJECT = "reject"
    RAT = "rat"
    PLMN = "plmn"
    CELL = "cell"
    SIGNAL = "signal"
    TIME = "time"
    IMS = "ims"
    LINK = "link"


class NetworkState:
    """One network, one cell at a time; survives the module's power cycles."""

    def __init__(self, facts: NetworkFacts) -> None:
        self.facts = facts
        self.found = True
        self.reject: int | None = None
        self.rat = Rat.LTE
        self.area = 0x2046  # LAC, TAC
        self.cell = 0x07BA7016
        self.signal = 4
        self.quarters = 4  # time zone in quarter hours
        self.dst = 0
        self.ims = False
        self.link_ok = True
        self.data_held = False  # by a voice call in 2G
        self.home = facts
        self.beside = ""  # another network whose cells can be received, too
        self.requests = 0  # attach requests that it got
        self.pdp_type = "IP"  # what the network grants of IPV4V6
        self.changed: Callable[[Change], None] | None = None

    def tell(self, change: Change) -> None:
        """Let the radio know."""
        if self.changed is not None:
            self.changed(change)

    def enter(self, plmn: str) -> None:
        """The place is served by another network from now on, with its names where the world has them."""
        known = {code: (long, short) for code, long, short in self.facts.neighbours}
        if plmn == self.home.plmn:
            self.facts = self.home
        else:
            long, short = known.get(plmn, (plmn, plmn))
            self.facts = replace(self.home, plmn=plmn, long_name=long, short_name=short)
        self.beside = "" if self.beside == plmn else self.beside
        self.tell(Change.PLMN)

    @property
    def passes(self) -> bool:
        """True while user data passes."""
        return self.link_ok and not self.data_held

    @property
    def rssi_dbm(self) -> int:
        """Received power of the cell."""
        return _RSSI_DBM[self.signal]

    def knows_apn(self, apn: str) -> bool:
        """True for an APN of this network; an empty one takes the subscription's default."""
        known = {one.casefold() for one in self.facts.apns}
        return not apn or not known or apn.casefold() in known
