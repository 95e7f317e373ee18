"""When the ladder stops: causes that no reset cures, budget, waiting, updates, a far end that is away."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from cellbench.base.errors import NetworkError, NotPossible, OperatorError, ServiceError, UnitError
from cellbench.catalogue.model import Series
from cellbench.catalogue.watchdog import Deed, Level, Symptom, ladder_for
from cellbench.host.channel import Channel
from cellbench.host.watchdog.hands import AtHands, HourlyBudget
from cellbench.host.watchdog.ladder import Watchdog
from cellbench.host.watchdog.model import PermanentRefusal, Recovery, UpdateUnderWay, Waits

QUICK = Waits(notice_s=0.1, grace_s=0.0, data_s=0.1, address_s=0.3, registration_s=0.3, answer_s=2.0,
              listen_s=0.0, restore_s=0.0, back_off_s=(0.0,))
OK = b"\r\nOK\r\n"


@dataclass
class Scripted:
    """A module on the PTY: what it answers follows these."""

    peer: Any
    stat: int = 1
    cause: int = 0
    signal: int = 20
    ceer: str = '"No cause information available"'
    addresses: dict[int, str] = field(default_factory=lambda: {0: "10.0.0.1", 1: "10.0.0.2"})
    active: bool = True
    activates: bool = True
    on_flip: Any = None  # called at AT+CFUN=1

    def __post_init__(self) -> None:
        answers = {
            "AT+CEREG?": lambda: f'+CEREG: 5,{self.stat},"2046","07ba7016",7,0,{self.cause},"00","00"',
            "AT+CREG?": lambda: f"+CREG: {self.stat}", "AT+CSQ": lambda: f"+CSQ: {self.signal},99",
            "AT+COPS?": lambda: '+COPS: 0,0,"net",7', "AT+CEER": lambda: f"+CEER: {self.ceer}",
            "AT+CGACT?": lambda: f"+CGACT: 1,{int(self.active)}",
            "AT+CGDCONT?": lambda: "\r\n".join(f'+CGDCONT: {cid},"IP","apn","{address}"'
                                               for cid, address in self.addresses.items())}
        for line, answer in answers.items():
            self.peer.on(line, lambda peer, _, made=answer: peer.say(f"\r\n{made()}\r\n".encode() + OK))
        self.peer.on("AT+CFUN=0", OK)
        self.peer.on("AT+CFUN=1", self._flipped)
        self.peer.on("AT+CGACT=0,1", OK)
        self.peer.on("AT+CGACT=1,1", lambda peer, _: peer.say(
            OK if self.activates else b"\r\nERROR\r\n"))

    def _flipped(self, peer: Any, _: bytes) -> None:
        if self.on_flip is not None:
            self.on_flip()
        peer.say(OK)

    def sent(self, start: bytes) -> int:
        """How many lines began so."""
        return sum(line.startswith(start) for _, line in self.peer.received)


class Flow:
    """Data that flows or does not, as told."""

    level = Level.SOCKET

    def __init__(self, *, works: bool = False, heals: bool = False) -> None:
        self.flows, self.heals, self.opened, self.silent = works, heals, 0, False

    def works(self, timeout_s: float) -> bool:
        return self.flows

    def open(self) -> None:
        self.opened += 1
        self.flows = self.flows or self.heals

    def drop(self, *, silent: bool = False) -> None:
        self.silent = silent


class Hands(AtHands):
    """AT commands, and a hardware switch that does nothing."""

    def __init__(self, channel: Channel, budget: HourlyBudget | None = None, signs: str = "") -> None:
        super().__init__(channel, budget, pause_s=0.0)
        self.offs, self.reboots, self.signs = 0, 0, signs

    def reboot(self, line: str) -> None:
        self.budget.spend("reboot")
        self.reboots += 1

    def switch_off(self) -> None:
        self.budget.spend("off")
        self.offs += 1

    def update_signs(self, listen_s: float) -> str:
        return self.signs


def dog(hands: Hands, flow: Flow, **more: Any) -> Watchdog:
    return Watchdog(hands, flow, ladder_for(Series.LENA_R8), cid=1, initial_cid=0,
                    **{"waits": QUICK, **more})


def deeds(recovery: Recovery) -> list[Deed]:
    return [step.deed for step in recovery.steps]


@pytest.fixture
def module(peer: Any, channel: Channel) -> Scripted:
    """A module that is well below the data."""
    return Scripted(peer)


def test_nothing_is_done_while_data_flows(module: Scripted, channel: Channel) -> None:
    recovery = dog(Hands(channel), Flow(works=True)).recover()
    assert (recovery.symptom, recovery.steps, recovery.error) == (None, (), None)


def test_the_mildest_comes_first_and_its_time_is_measured(module: Scripted, channel: Channel) -> None:
    told: list[Any] = []
    recovery = dog(Hands(channel), Flow(heals=True), report=told.append).recover().check()
    assert deeds(recovery) == [Deed.REOPEN]
    assert recovery.healed_by is Level.SOCKET
    assert told == list(recovery.steps)
    assert 0 <= recovery.steps[0].took_s <= recovery.took_s
    assert recovery.resets == 0


def test_when_nothing_helps_each_is_done_once_and_the_unit_is_named(
        module: Scripted, channel: Channel) -> None:
    hands = Hands(channel)
    recovery = dog(hands, Flow()).recover()
    assert deeds(recovery) == [Deed.REOPEN, Deed.REACTIVATE, Deed.REATTACH, Deed.REBOOT, Deed.SWITCH_OFF]
    assert isinstance(recovery.error, UnitError)
    with pytest.raises(UnitError, match="after close and open the socket, deactivate"):
        recovery.check()
    assert (hands.reboots, hands.offs, module.sent(b"AT+CFUN=0")) == (1, 1, 1)


@pytest.mark.parametrize("cause", [3, 8, 11, 15, 19])
def test_a_permanent_cause_ends_it_before_any_reset(module: Scripted, channel: Channel, cause: int) -> None:
    module.stat, module.cause = 3, cause
    module.ceer = f'"EMM cause",{cause},"told by the network"'
    hands = Hands(channel)
    recovery = dog(hands, Flow()).recover()
    assert recovery.symptom is Symptom.NOT_REGISTERED
    assert recovery.steps == ()
    assert isinstance(recovery.error, PermanentRefusal)
    assert recovery.error.cause == cause
    assert isinstance(recovery.error, NetworkError)
    assert recovery.error.remedy
    assert (hands.reboots, hands.offs, module.sent(b"AT+CFUN")) == (0, 0, 0)
    assert module.sent(b"AT+CEER") == 1


def test_an_old_cause_of_a_module_that_is_not_refused_now_stops_nothing(
        module: Scripted, channel: Channel) -> None:
    module.stat, module.ceer = 2, '"EMM cause",15,"of last week"'
    flow = Flow(heals=True)
    module.on_flip = lambda: setattr(module, "stat", 1)
    recovery = dog(Hands(channel), flow).recover().check()
    assert deeds(recovery) == [Deed.REATTACH]


def test_a_cause_that_a_reset_brought_up_ends_it(module: Scripted, channel: Channel) -> None:
    module.stat = 2

    def refuse() -> None:
        module.stat, module.cause = 3, 11

    module.on_flip = refuse
    hands = Hands(channel)
    recovery = dog(hands, Flow()).recover()
    assert deeds(recovery) == [Deed.REATTACH]
    assert isinstance(recovery.error, PermanentRefusal)
    assert (hands.reboots, hands.offs) == (0, 0)


def test_an_activation_refused_for_its_apn_ends_it(module: Scripted, channel: Channel) -> None:
    module.addresses[1] = "0.0.0.0"
    module.active, module.activates = False, False
    module.ceer = '"ESM cause",27,"Missing or unknown APN"'
    recovery = dog(Hands(channel), Flow()).recover()
    assert recovery.symptom is Symptom.NO_ADDRESS
    assert deeds(recovery) == [Deed.REACTIVATE]
    assert isinstance(recovery.error, PermanentRefusal)
    assert recovery.error.cause == 27


def test_the_mode_of_the_registration_report_is_put_back(module: Scripted, channel: Channel) -> None:
    module.peer.on("AT+CEREG?", b'\r\n+CEREG: 2,2\r\n' + OK)
    module.peer.on("AT+CEREG=5", OK)
    module.peer.on("AT+CEREG=2", OK)
    dog(Hands(channel), Flow()).recover()
    assert module.sent(b"AT+CEREG=5") == module.sent(b"AT+CEREG=2") > 0


def test_without_a_token_of_the_budget_nothing_is_reset(module: Scripted, channel: Channel) -> None:
    module.stat = 2
    budget = HourlyBudget(2)
    hands = Hands(channel, budget)
    watch = dog(hands, Flow())
    recovery = watch.recover()
    assert deeds(recovery) == [Deed.REATTACH, Deed.REBOOT]
    assert isinstance(recovery.error, OperatorError)
    assert hands.offs == 0
    again = watch.recover()
    assert again.steps == ()
    assert isinstance(again.error, OperatorError)
    assert module.sent(b"AT+CFUN=0") == 1


def test_after_three_registrations_in_vain_it_waits(module: Scripted, channel: Channel) -> None:
    module.stat = 2
    watch = dog(Hands(channel), Flow(), waits=Waits(
        notice_s=0.1, grace_s=0.0, data_s=0.1, address_s=0.1, registration_s=0.1, answer_s=2.0, listen_s=0.0,
        restore_s=0.0, back_off_s=(0.1, 0.3, 0.5)))
    watch.recover()
    assert watch.failed_registrations == 3
    second = watch.recover()
    assert [round(step.waited_s, 1) >= wait
            for step, wait in zip(second.steps, (0.1, 0.3, 0.5), strict=True)] == [True] * 3
    assert isinstance(second.error, NetworkError)


def test_a_busy_network_is_given_time_and_what_comes_back_by_itself_is_not_reset(
        module: Scripted, channel: Channel) -> None:
    module.stat, module.cause = 3, 22
    flow = Flow(heals=True)
    watch = dog(Hands(channel), flow, waits=Waits(
        notice_s=0.1, grace_s=0.0, data_s=0.1, address_s=1.0, registration_s=0.1, answer_s=2.0,
        back_off_s=(20.0,)))

    def congestion_ends(peer: Any, _: bytes) -> None:
        module.stat, module.cause = 1, 0
        peer.say(b'\r\n+CEER: "EMM cause",22,"Congestion"\r\n' + OK)

    module.peer.on("AT+CEER", congestion_ends)
    recovery = watch.recover().check()
    assert recovery.steps == ()
    assert module.sent(b"AT+CFUN") == 0


def test_a_silent_module_is_switched_off_at_once_unless_an_update_may_be_under_way(
        module: Scripted, channel: Channel) -> None:
    module.peer.on("AT", b"")
    waits = Waits(notice_s=0.1, data_s=0.1, answer_s=0.6, listen_s=0.0)
    hands, flow = Hands(channel, signs="it asks for a package"), Flow()
    recovery = dog(hands, flow, waits=waits).recover()
    assert recovery.symptom is Symptom.NO_ANSWER
    assert isinstance(recovery.error, UpdateUnderWay)
    assert (hands.offs, recovery.steps) == (0, ())
    hands.signs = ""
    recovery = dog(hands, flow, waits=waits).recover()
    assert hands.offs == 1
    assert deeds(recovery) == [Deed.SWITCH_OFF]
    assert flow.silent, "nothing is said to a module that does not answer"


def test_a_far_end_that_is_away_is_no_reason_to_touch_the_module(module: Scripted, channel: Channel) -> None:
    hands = Hands(channel)
    recovery = dog(hands, Flow(), service=lambda: "the server refuses the host too").recover()
    assert isinstance(recovery.error, ServiceError)
    assert recovery.steps == ()


def test_hands_without_hardware_leave_that_rung_undone(module: Scripted, channel: Channel) -> None:
    module.peer.on("AT", b"")
    watch = Watchdog(AtHands(channel), Flow(), ladder_for(Series.LENA_R8), cid=1, initial_cid=0,
                     waits=Waits(notice_s=0.1, data_s=0.1, answer_s=0.6))
    recovery = watch.recover()
    assert isinstance(recovery.error, NotPossible)
    assert "nothing here can switch the module off" in recovery.steps[0].note


def test_an_hour_has_twenty_registrations() -> None:
    budget = HourlyBudget()
    for _ in range(20):
        budget.spend("registration")
    with pytest.raises(OperatorError, match="20 registrations in an hour"):
        budget.spend("registration")
