"""The module of another slot as the far side: it calls this one and sends it short messages.

3GPP TS 27.007 6.3 (ATD), 6.5 (+CHUP); 3GPP TS 27.005 3.2.3 (+CMGF), 3.5.1 (+CMGS).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cellbench.base.errors import NetworkError, NotPossible
from cellbench.host.errors import AtError, CmsError, NoCarrier
from cellbench.roots.farside.surroundings import Bystander, lacks

_CALL_S = 60.0
_END_OF_TEXT = b"\x1a"  # 3GPP TS 27.005 3.5.1: Ctrl-Z ends the text
_LONGEST_TEXT = 160
_NOT_DRIVEN: Mapping[str, str] = {
    "last-will": "procedures on two slots subscribe to it on the other module themselves (dut.mqtt)",
}


@dataclass(frozen=True, slots=True)
class SecondSlotDriver:
    """``number`` and ``own_number`` are the telephone numbers of this slot's SIM and of the other's."""

    slot: str
    number: str
    other: str
    own_number: str
    bystander: Bystander

    def act(self, verb: str, **values: str) -> None:
        """``call [number=N]``, ``call end=1``, ``sms text=T [from=N]``.

        NotPossible for other verbs, and for a caller that the other slot's SIM is not; NetworkError when
        the network does not put the call or the message through.
        """
        if verb == "call":
            self._call(values)
        elif verb == "sms":
            self._sms(values)
        else:
            raise lacks(self.slot, verb, self.why_not(verb))

    def report(self, what: str, **values: str) -> Mapping[str, str]:
        """NotPossible: what the other module sees is read from it by procedures on two slots."""
        raise lacks(self.slot, f"report {what}", "another module reports nothing",
                    "write a procedure on two slots")

    def can(self, verb: str) -> bool:
        """call and sms."""
        return verb in ("call", "sms")

    def why_not(self, verb: str) -> str:
        """It is a telephone."""
        return _NOT_DRIVEN.get(verb, "another module calls and sends messages, and nothing else")

    def _call(self, values: Mapping[str, str]) -> None:
        self._only(values, "number", "end")
        if values.get("end"):
            self.bystander.module(self.other).send("AT+CHUP")
            return
        self._from(values.get("number"))
        module = self.bystander.module(self.other)
        try:
            module.send(f"ATD{self.number};", timeout_s=_CALL_S)
        except (NoCarrier, AtError) as error:
            raise NetworkError(f"slot {self.other} cannot call {self.number}: {error}",
                               remedy="look at its registration, and whether its SIM may call") from None

    def _sms(self, values: Mapping[str, str]) -> None:
        self._only(values, "text", "from")
        self._from(values.get("from"))
        text = values.get("text", "")
        if not text or len(text) > _LONGEST_TEXT or not text.isascii():
            raise lacks(self.slot, "send that text",
                        f"one message takes 1 to {_LONGEST_TEXT} ASCII characters")
        module = self.bystander.module(self.other)
        module.send("AT+CMGF=1")
        try:
            module.send(f'AT+CMGS="{self.number}"', payload=text.encode("ascii") + _END_OF_TEXT)
        except CmsError as error:
            raise NetworkError(f"slot {self.other} cannot send to {self.number}: {error}",
                               remedy="look at its registration and the service centre (+CSCA)") from None

    def _from(self, asked: str | None) -> None:
        if asked is not None and asked.lstrip("+") != self.own_number.lstrip("+"):
            raise lacks(self.slot, f"act as {asked}", f"the SIM of slot {self.other} is {self.own_number}")

    def _only(self, values: Mapping[str, str], *known: str) -> None:
        unknown = [key for key in values if key not in known]
        if unknown:
            raise NotPossible(f"a second slot knows no {', '.join(unknown)}",
                              remedy=f"say {', '.join(known)}")
