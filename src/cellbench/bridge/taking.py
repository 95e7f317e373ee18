"""Taking a capture: the graded set on one module, everything put back, everything masked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from cellbench.base.clock import Deadline
from cellbench.base.errors import UnitError
from cellbench.bridge.masking import Masker
from cellbench.bridge.model import Capture, Conditions, Exchange, Header, StandIn
from cellbench.bridge.playing import NOT_ASKED, Player
from cellbench.bridge.questions import Plan, Question
from cellbench.catalogue.model import Series
from cellbench.catalogue.overlay import filled
from cellbench.host.channel import Channel
from cellbench.rig.dut import Dut
from cellbench.wire.at.values import Fields, fields_of, prefix_of

Progress = Callable[[int, str], None]

REGISTERED_S = 120.0
_SIM_S = 20.0
_POLL_S = 0.2
_SLOW_S = 0.8
_ACTIVATIONS = 5  # a quick ERROR just after registration means busy (module facts 16)
_TOLD_WITH_MODE = frozenset({"+CREG", "+CGREG", "+CEREG", "+CIREG"})  # <n> is there only with <stat> behind


@dataclass(frozen=True, slots=True)
class Facts:
    """What a capture says of itself besides its exchanges."""

    by: str
    taken: str
    grade: int
    evidence: Literal["measured", "simulated"]
    timing: Literal["real", "fast"]
    port: str


@dataclass(slots=True)
class Taking:
    """One capture under way."""

    dut: Dut
    player: Player
    progress: Progress
    raw: list[Exchange] = field(default_factory=list)
    undo: list[str] = field(default_factory=list)
    online: bool = False

    def run(self, plan: Plan, apn: str | None) -> None:
        """Ask everything; what was changed is put back whatever happens."""
        try:
            for number, question in enumerate(plan.questions, 1):
                self.progress(number, question.send)
                if question.grade >= 2 and not self.online:
                    bring_online(self.dut.at, self.dut.cid, apn)
                    self.online = True
                self._one(question)
        finally:
            while self.undo:
                self.player.channel.send(self.undo.pop(), check=False)

    def _one(self, question: Question) -> None:
        if not self.player.can_ask(question.send):
            return
        if question.spares is not None and self._is_in_use(*question.spares):
            return
        if question.toggles:
            self._toggle(question)
            return
        answer = self._ask(question.send, question)
        sent = filled(question.send, self.player.values)
        if sent in self.undo:
            self.undo.remove(sent)
        if question.undo and answer.final == "OK" and self.player.can_ask(question.undo):
            self.undo.append(filled(question.undo, self.player.values))

    def _ask(self, send: str, like: Question) -> Exchange:
        answer = self.player.ask(Exchange(
            n=len(self.raw) + 1, grade=like.grade, send=send, payload=like.payload, final="", final_s=0.0,
            awaits=like.awaits, await_s=like.await_s, registers=like.registers, binds=dict(like.binds)))
        if answer.final == NOT_ASKED:
            return answer
        if like.grade == 0 and answer.final and answer.final_s > _SLOW_S:
            answer = quicker(answer, self.player.ask(answer))  # was it the host?
        self.raw.append(answer)
        return answer

    def _is_in_use(self, send: str, begin: str) -> bool:
        """True when somebody else's setting stands where ours would; ours stands there by our own undo."""
        if self.undo:
            return False
        return any(line.startswith(begin) for line in self.player.channel.send(send, check=False).info)

    def _toggle(self, question: Question) -> None:
        """A setting read, given each other value, read, put back, read."""
        name = question.send[2:].rstrip("?")
        before = self._ask(question.send, question)
        original = _mode(name, before)
        if original is None:
            return  # what cannot be read cannot be put back
        self.undo.append(f"AT{name}={original}")
        for value in question.toggles:
            if value != original:
                self._ask(f"AT{name}={value}", question)
                self._ask(question.send, question)
        self._ask(self.undo[-1], question)
        self.undo.pop()
        self._ask(question.send, question)


def quicker(answer: Exchange, again: Exchange) -> Exchange:
    """An answer with the shorter times of two tries: what the host's own load added is gone."""
    if again.final != answer.final or again.final_s >= answer.final_s:
        return answer
    return answer.model_copy(update={"first_s": again.first_s, "final_s": again.final_s})


def _mode(name: str, answer: Exchange) -> int | None:
    """The value of a setting as its read form tells it."""
    fields: Fields = next((fields_of(line) for line in answer.lines if prefix_of(line) == name), ())
    if not fields or not isinstance(fields[0], int) or (name in _TOLD_WITH_MODE and len(fields) < 2):
        return None
    return fields[0]


# -- the module ------------------------------------------------------------------------------------


def settle(channel: Channel, pin: str | None = None, *, register: bool = True) -> Conditions:
    """Bring a module to where captures begin: errors by their texts, the card and the network settled.

    It asks in small letters: no edit of an overlay is spelt so, and a module must not mind (V.250 5.2.1).
    """
    channel.sync(10.0)
    channel.send("AT+CMEE=2")
    sim = _sim(channel)
    if sim == "locked" and pin is not None:
        channel.send(f'at+cpin="{pin}"', check=False)
        sim = _sim(channel)
    registered = sim == "ready" and register and await_network(channel)
    channel.send("AT", check=False)  # so that the line before the first command is known
    return Conditions(sim=sim, registered=registered)


def await_network(channel: Channel) -> bool:
    """Wait until the module shows an operator; False when it does not in time."""
    deadline = Deadline.after(REGISTERED_S)
    while True:
        answer = channel.send("at+cops?", check=False)
        told = next((fields_of(line) for line in answer.info), ())
        if len(told) > 2 and told[2]:
            return True
        if deadline.expired:
            return False
        time.sleep(_POLL_S)


def _sim(channel: Channel) -> Literal["ready", "absent", "locked"]:
    deadline = Deadline.after(_SIM_S)
    while True:
        answer = channel.send("at+cpin?", check=False)
        if answer.final.success:
            return "ready" if "READY" in "".join(answer.info) else "locked"
        if "busy" not in answer.final.text.lower() or deadline.expired:
            return "absent"
        time.sleep(_POLL_S)


def identify(channel: Channel) -> tuple[str, str]:
    """Model and firmware, as ATI0 and ATI9 tell them."""
    model, firmware = (channel.send(line, check=False).info for line in ("ATI0", "ATI9"))
    if not model or not firmware:
        raise UnitError(f"{channel.name}: ATI0 and ATI9 tell no model and firmware")
    return model[0], firmware[0]


def bring_online(channel: Channel, cid: int, apn: str | None) -> None:
    """Make the user's context usable before the commands that need it; where it does not work, they show
    it."""
    def lines(send: str) -> list[Fields]:
        return [fields_of(line) for line in channel.send(send, check=False).info]

    if apn is not None and not any(one and one[0] == cid for one in lines("at+cgdcont?")):
        channel.send(f'at+cgdcont={cid},"IP","{apn}"', check=False)
    for _ in range(_ACTIVATIONS):
        if any(one[:2] == (cid, 1) for one in lines("at+cgact?")):
            break
        channel.send(f"at+cgact=1,{cid}", check=False)
        time.sleep(_POLL_S)
    channel.send("AT", check=False)


def player_for(dut: Dut, values: dict[str, str]) -> Player:
    """A player on the main port of a module."""
    return Player(dut.at, dut.slot.trace, values, lambda: await_network(dut.at), dut.spend_attach)


# -- the result ------------------------------------------------------------------------------------


def masked(raw: Iterable[Exchange], masker: Masker) -> tuple[Exchange, ...]:
    """The exchanges as they may be shown: all are learnt from before the first is masked."""
    exchanges = tuple(raw)
    masker.learn_all(exchanges)
    return tuple(masker.mask(one) for one in exchanges)


def capture_of(told: tuple[str, str], conditions: Conditions, facts: Facts, series: Series, variant: str,
               exchanges: tuple[Exchange, ...], masker: Masker, strays: Iterable[str]) -> Capture:
    """The whole capture."""
    return Capture(header=Header(
        series=series, variant=variant, model=told[0], firmware=told[1], taken=facts.taken,
        by=facts.by, grade=facts.grade, evidence=facts.evidence, timing=facts.timing, port=facts.port,
        conditions=conditions, commands=tuple(one.send for one in exchanges),
        stand_ins=tuple(StandIn(kind=kind, value=value) for kind, value in masker.stand_ins.listed()),
        strays=tuple(sorted(set(strays)))), exchanges=exchanges)
