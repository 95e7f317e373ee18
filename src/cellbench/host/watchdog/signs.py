"""What the ladder reads from the module: answer, registration, signal, addresses, the last cause."""

from __future__ import annotations

from dataclasses import dataclass

from cellbench.host.answer import Fields
from cellbench.host.channel import Channel
from cellbench.host.errors import AtTimeout, UnexpectedReset
from cellbench.io.pipe import PortLost, PortMissing

REGISTERED = frozenset({1, 5, 6, 7, 9, 10})
"""<stat>: home, roaming and their kinds (3GPP TS 27.007 10.1.22)."""
DENIED = 3
_UNKNOWN_SIGNAL = 99
_LTE = frozenset({7, 9})  # <AcT> of 27.007 7.3: E-UTRAN, with and without NB
LOST = (AtTimeout, UnexpectedReset, PortLost, PortMissing)
"""What a question ends with that nobody answers."""
_WITH_CAUSE = 5  # +CEREG mode that tells the cause (LENA-R8 guide Table 19)


def answers(at: Channel, timeout_s: float) -> bool:
    """Whether AT is answered within ``timeout_s`` seconds; a port on USB that went away is looked for."""
    try:
        at.sync(timeout_s)
    except LOST:
        return False
    return True


def registration(at: Channel) -> int:
    """<stat> of +CEREG, or of +CREG where that is further."""
    stats = [_stat(at, name) for name in ("+CEREG", "+CREG")]
    return next((stat for stat in stats if stat in REGISTERED), stats[0])


def _stat(at: Channel, name: str) -> int:
    fields = at.send(f"AT{name}?", check=False).fields(name)
    numbers = [one for one in (fields or ((),))[0][:2] if isinstance(one, int)]
    return numbers[-1] if numbers else 0  # LENA-R8 leaves out <n> in +CREG?


def hears_cell(at: Channel) -> bool:
    """Whether +CSQ knows a signal."""
    found = at.send("AT+CSQ", check=False).fields("+CSQ")
    return bool(found) and found[0][0] != _UNKNOWN_SIGNAL


def on_lte(at: Channel) -> bool:
    """Whether the network in use is LTE, where the initial context has an address of its own."""
    found = at.send("AT+COPS?", check=False).fields("+COPS")
    return bool(found) and len(found[0]) > 3 and found[0][3] in _LTE


def address(at: Channel, cid: int) -> str:
    """The address of a context, "" when it has none."""
    for fields in at.send("AT+CGDCONT?", check=False).fields("+CGDCONT"):
        if fields and fields[0] == cid and len(fields) > 3:
            text = str(fields[3] or "").removeprefix("IPv4:").split(" ")[0]
            return "" if not text.strip("0.:") else text
    return ""


def is_active(at: Channel, cid: int) -> bool:
    """Whether a context is active."""
    return any(fields[:2] == (cid, 1) for fields in at.send("AT+CGACT?", check=False).fields("+CGACT"))


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the network last said: ``denied`` is that the registration stands refused now, ``cause`` the
    number of +CEREG, ``kind``, ``last`` and ``text`` what +CEER holds (it may be older)."""

    denied: bool
    cause: int | None
    kind: str
    last: int | None
    text: str

    @property
    def reject_cause(self) -> int | None:
        """The cause of a registration that stands refused."""
        esm = "ESM" in self.kind.upper()
        return (self.cause or (None if esm else self.last)) if self.denied else None

    @property
    def activation_cause(self) -> int | None:
        """The cause of the last refused activation."""
        return self.last if "ESM" in self.kind.upper() or "SM" in self.kind.upper().split() else None

    def __str__(self) -> str:
        said = f"+CEER: {self.text}" if self.text else "+CEER says nothing"
        return said + (f", +CEREG: cause {self.cause}" if self.cause else "")


def refusal(at: Channel) -> Refusal:
    """Read +CEREG with its cause, and +CEER (LENA-R8 guide 8.1.1, 8.1.2). The mode of +CEREG is put back."""
    before = at.send("AT+CEREG?", check=False).fields("+CEREG")
    mode = before[0][0] if before and isinstance(before[0][0], int) else 0
    if mode != _WITH_CAUSE:
        at.send(f"AT+CEREG={_WITH_CAUSE}", check=False)
    try:
        told = at.send("AT+CEREG?", check=False).fields("+CEREG")
    finally:
        if mode != _WITH_CAUSE:
            at.send(f"AT+CEREG={mode}", check=False)
    stats = {told[0][1] if told and len(told[0]) > 1 else 0, _stat(at, "+CREG")}
    denied = DENIED in stats and stats.isdisjoint(REGISTERED)  # data without SMS is +CREG: 3 beside +CEREG: 1
    kind, last, text = _last_error(at)
    return Refusal(denied, _cause(told[0]) if told else None, kind, last, text)


def _cause(fields: Fields) -> int | None:
    """<reject_cause>: a number behind the number of <cause_type>, at the end or before the two timers."""
    rest = list(fields)
    while rest and not isinstance(rest[-1], int):
        rest.pop()
    if len(rest) < 5 or not isinstance(rest[-2], int):
        return None
    cause = rest[-1]
    return cause if isinstance(cause, int) and cause > 0 else None


def _last_error(at: Channel) -> tuple[str, int | None, str]:
    """Kind, number and text of +CEER."""
    answer = at.send("AT+CEER", check=False)
    found = answer.fields("+CEER")
    if not found:
        return "", None, ""
    fields = found[0]
    number = next((one for one in fields if isinstance(one, int)), None)
    return str(fields[0] or ""), number, " ".join(str(one) for one in fields)
