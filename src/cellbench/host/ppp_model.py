"""What a dial-up connection is asked for, how it may end, and what goes wrong on it, by owner."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from cellbench.base.errors import NetworkError, ServiceError, UnitError


class PppAuth(enum.Enum):
    """Ways of authentication that the host may be asked for."""

    PAP = "pap"
    CHAP = "chap"


class DialCommand(enum.Enum):
    """How the data call is begun (LENA-R8 guide Tables 12, 13; LARA-R6 guide 4.1)."""

    ATD = "ATD*99***{cid}#"
    CGDATA = 'AT+CGDATA="PPP",{cid}'


class HangUp(enum.Enum):
    """How the host ends a data call."""

    LCP = "lcp"  # Terminate-Request
    ATH = "ath"  # +++, then ATH; LARA-R6 wants +CVHU=0
    DTR = "dtr"  # DTR off; the module wants &D2


class Escape(enum.Enum):
    """How the host goes to online command mode."""

    PLUS = "+++"
    DTR = "dtr"  # DTR off; the module wants &D1


class EndKind(enum.Enum):
    """How a data call ended."""

    HUNG_UP = "hung up by the host"
    TERMINATED = "terminated by the module"  # LCP Terminate-Request
    CARRIER_LOST = "carrier lost"  # NO CARRIER without a word of PPP
    NEGOTIATION = "never agreed on"
    PORT_LOST = "port lost"
    RESET = "the module restarted"


@dataclass(frozen=True, slots=True)
class PppEnd:
    """The end of a data call; ``text`` says what was seen."""

    kind: EndKind
    text: str


@dataclass(frozen=True, slots=True)
class PppDial:
    """One declaration of a data call.

    ``user`` and ``password`` are given when the module asks for them by one of ``auth``, the best one first;
    without a user the host says that it has none. ``mru`` is the longest packet that the host takes.
    ``timeout_s`` bounds the negotiation. ``echo_s``: seconds between LCP echo requests, None for none; after
    four without an answer the link is over.
    """

    cid: int
    user: str = ""
    password: str = field(default="", repr=False)
    auth: tuple[PppAuth, ...] = (PppAuth.CHAP, PppAuth.PAP)
    command: DialCommand = DialCommand.ATD
    ipv4: bool = True
    ipv6: bool = False
    mru: int = 1500
    timeout_s: float = 60.0
    echo_s: float | None = None

    @property
    def line(self) -> str:
        """The command line that dials."""
        return self.command.value.format(cid=self.cid)


@dataclass(frozen=True, slots=True)
class Ping:
    """One echo request. ``seconds`` is the round trip, None when nothing came; ``said`` what came: "echo
    reply", or the error of ``address``."""

    sequence: int
    size: int
    address: str
    ttl: int
    seconds: float | None
    said: str

    @property
    def answered(self) -> bool:
        """True when it was an echo reply, with the data sent."""
        return self.said == "echo reply"


class PppFailed(UnitError):
    """The negotiation came to nothing."""


class PppNoAnswer(UnitError):
    """Nothing came over an open link within the time given."""


class PppAuthRefused(NetworkError):
    """User and password were refused."""


class PppLost(NetworkError):
    """The data call ended while it was used; ``end`` says how."""

    def __init__(self, message: str, end: PppEnd) -> None:
        super().__init__(message, remedy="look at registration and context (+CEREG?, +CGACT?)")
        self.end = end


class PppUnreachable(NetworkError):
    """A router says that the place cannot be reached, or no address is there to reach it from."""


class PppRefused(ServiceError):
    """The server refused the connection."""


class PppReset(ServiceError):
    """The server reset the connection."""
