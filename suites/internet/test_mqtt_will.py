"""The last will: LARA-R6 guide 6.7, 6.1.2; its settings on LENA-R8 by guide 9.3.3.1.

As printed it takes two modules, the one that is lost and the one that hears of it. What one module can show
alone stands beside it: a retained will that it reads itself, wills that the far side counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from cellbench.api import Dut, DutState, FarSide, MqttClient, MqttWill, Recorder, Slot, procedure

from .broker import BROKER, RESULT_S, broker_of, log_out, outcome, session, setup
from .web import Services, nonce

WILL = "R6:6.7"
KEEP_ALIVE_S = 4  # a broker that hears nothing sends the will after one and a half times of it
HEARD_S = 120.0


@contextmanager
def watched(peer: Dut, services: Services, topic: str, qos: int = 1) -> Iterator[MqttClient]:
    """The second module, logged in and subscribed to the will's topic."""
    with session(peer, broker_of(services["mqtt"])) as watcher:
        watcher.subscribe(topic, qos)
        yield watcher


def lose_network(dut: Dut) -> None:
    """AT+CFUN=4, the guide's network error, and the URC that notifies it."""
    with dut.at.expect("+UUMQTTC", lambda event: event.fields == (0, 101)) as lost:
        dut.send("AT+CFUN=4")
        lost.wait(RESULT_S)


def back(dut: Dut) -> None:
    """Full function, registered, the context active."""
    dut.spend_attach("+CFUN=4 and back")
    dut.send("AT+CFUN=1")
    dut.register()
    dut.activate()


@procedure(WILL, title="The last will of a module that loses the network, as printed", slots=2,
           depends_on=BROKER)
def test_as_printed(online: Dut, peer_at: Callable[[DutState], Dut], services: Services, record: Recorder
                    ) -> None:
    """The table row by row with 6.1.2 before it; topic and message carry a nonce."""
    peer = peer_at(DutState.ONLINE)
    topic, text = f"u-blox/publish/{nonce()}", f"Unrequested disconnect. {nonce()}"
    setup(online, services["mqtt"], "AT+UMQTT=6,1", f'AT+UMQTT=8,"{topic}"', f'AT+UMQTT=9,"{text}"',
          f"AT+UMQTT=10,{KEEP_ALIVE_S}")
    setup(peer, services["mqtt"])
    try:
        with record.step("module 1: session"):
            assert outcome(online, "AT+UMQTTC=1") == "+UUMQTTC: 1,1"
            online.send("AT+UMQTTC=8,1")
        with record.step("module 2: session and subscription"):
            assert outcome(peer, "AT+UMQTTC=1") == "+UUMQTTC: 1,1"
            peer.mqtt().messages()
            assert outcome(peer, f'AT+UMQTTC=4,0,"{topic}"') == f'+UUMQTTC: 4,1,0,"{topic}"'
        with peer.at.expect("+UUMQTTC", lambda event: event.fields == (6, 1)) as heard:
            with record.step("module 1: network error"):
                lose_network(online)
            with record.step("module 2: the will"):
                heard.wait(HEARD_S)
        assert peer.send("AT+UMQTTC=6,1").text.replace(", ", ",", 6) == (
            f'+UMQTTC: 6,0,{len(topic) + len(text)},{len(topic)},"{topic}",{len(text)},"{text}"')
    finally:
        log_out(peer)
        online.send("AT+UMQTTNV=0", check=False)
        back(online)


@procedure(WILL, title="The last will of a module whose supply is cut", slots=2, depends_on=BROKER,
           needs=("cut-power",))
def test_power_cut(online: Dut, slot: Slot, peer_at: Callable[[DutState], Dut], services: Services) -> None:
    """The broker hears nothing any more, and sends it when the keep alive time is over."""
    topic, mark = f"will/{nonce()}", nonce()
    with watched(peer_at(DutState.ONLINE), services, topic) as watcher:
        will = MqttWill(topic, mark, qos=1)
        online.mqtt().use(broker_of(services["mqtt"], will=will, keep_alive_s=KEEP_ALIVE_S)).connect()
        slot.power_off(hard=True, cause="the procedure cuts the supply in an MQTT session")
        message = watcher.receive(topic, HEARD_S)
        assert (message.text, message.qos) == (mark, 1)


@procedure(WILL, title="The last will of a module that falls silent", slots=2, depends_on=BROKER,
           needs=("far-side:link",))
def test_silent(online: Dut, far_side: FarSide, peer_at: Callable[[DutState], Dut], services: Services
                ) -> None:
    """No user data either way: one and a half times the keep alive time later the will is there, not
    before the module was silent."""
    topic, mark = f"will/{nonce()}", nonce()
    with watched(peer_at(DutState.ONLINE), services, topic) as watcher:
        will = MqttWill(topic, mark, qos=2)
        mqtt = online.mqtt().use(broker_of(services["mqtt"], will=will, keep_alive_s=KEEP_ALIVE_S))
        mqtt.connect()
        far_side.act("link", state="blocked")
        try:
            message = watcher.receive(topic, HEARD_S)
        finally:
            far_side.act("link", state="ok")
        assert (message.text, message.qos) == (mark, 1), "QoS 1 was subscribed"
    log_out(online)


@procedure(WILL, title="A module that logs out leaves no will", slots=2, depends_on=BROKER)
def test_log_out(online: Dut, peer_at: Callable[[DutState], Dut], services: Services) -> None:
    """What is published after the log out comes first."""
    topic, mark = f"will/{nonce()}", nonce()
    with watched(peer_at(DutState.ONLINE), services, topic) as watcher:
        with session(online, broker_of(services["mqtt"], will=MqttWill(topic, "will", qos=1))):
            pass
        watcher.publish(topic, mark, qos=1)
        assert watcher.receive(topic).text == mark, "the log out sent the will"


@procedure(WILL, "R6:6.1.2", "R8:9.3.3.1", title="A retained will is read by the module itself afterwards",
           depends_on=BROKER)
@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("payload", [b"Unrequested disconnect. ", b'"\r\n\0\xff'], ids=["text", "hex"])
def test_retained(online: Dut, services: Services, qos: int, payload: bytes) -> None:
    """Each QoS and both forms of the message; the network is lost, the next session finds the will."""
    topic, message = f"will/{nonce()}", payload + nonce().encode()
    server = broker_of(services["mqtt"], will=MqttWill(topic, message, qos, True), keep_alive_s=KEEP_ALIVE_S)
    mqtt = online.mqtt().use(server)
    mqtt.connect()
    lose_network(online)
    back(online)
    with session(online, broker_of(services["mqtt"])) as later:
        later.subscribe(topic, 2)
        try:
            found = later.receive(topic, HEARD_S)
            assert (found.payload, found.qos) == (message, qos)
        finally:
            later.publish(topic, b"", qos=1, retain=True)


@procedure(WILL, "R8:9.3.3.1", title="The broker sends one will for a lost session, none for a log out",
           depends_on=BROKER, needs=("far-side:server", "far-side:report"))
def test_counted(online: Dut, services: Services, far_side: FarSide) -> None:
    """The far side counts."""
    will = MqttWill(f"will/{nonce()}", nonce())
    server = broker_of(services["mqtt"], will=will, keep_alive_s=KEEP_ALIVE_S)

    def sent() -> int:
        return int(far_side.report("mqtt")["wills"])

    before = sent()
    with session(online, server):
        pass
    assert sent() == before, "a log out sent the will"
    online.mqtt().use(server).connect()
    lose_network(online)
    try:
        assert online.at.wait_until(lambda: sent() == before + 1, HEARD_S), "no will was sent"
    finally:
        back(online)
