"""MQTT profile and session: LENA-R8 guide 9.3.3.1, 9.3.3.2; LARA-R6 guide 6.1.1 to 6.1.4, 6.2, 6.6, 6.8."""

from __future__ import annotations

import time

import pytest

from cellbench.api import (
    ClientError,
    ClientNetworkError,
    Dut,
    FarSide,
    Limit,
    MqttServer,
    MqttWill,
    Network,
    NotPossible,
    Recorder,
    procedure,
)

from .broker import BROKER, RESULT_S, broker_of, log_out, no_error, outcome, session, setup
from .web import Services, nonce

PROFILE = ("R8:9.3.3.1", "R6:6.1.1")
SESSION = ("R8:9.3.3.2", "R6:6.2")
FACTORY = ('2,"",1883', '3,"",1883', '4,""', "6,0", "7,0", '8,""', '9,0,""', "10,0", "11,0")
KEEP_ALIVE_S = 4
USER, PASSWORD = "myname", "mypwd"


def listed(dut: Dut) -> list[str]:
    """The lines of AT+UMQTT?, without prefix and the blanks that do not count."""
    lines = dut.send("AT+UMQTT?").info
    assert all(line.startswith("+UMQTT:") for line in lines), lines
    return [line.partition(":")[2].strip().replace(", ", ",") for line in lines]


@procedure(*PROFILE, title="The factory profile reads as printed, address and port are set", depends_on=())
def test_profile_as_printed(dut: Dut) -> None:
    """The client id is the IMEI."""
    dut.send("AT+UMQTTNV=0")
    imei = dut.identify(sim=False).imei
    assert listed(dut) == [f'0,"{imei}"', *FACTORY]
    dut.send('AT+UMQTT=2,"192.168.105.30",1883')
    assert '2,"192.168.105.30",1883' in listed(dut)
    dut.send("AT+UMQTTNV=0")


@procedure(*PROFILE, title="All the reported values can be modified", depends_on=())
@pytest.mark.parametrize("server", [
    MqttServer("a.example", client_id="module-7"), MqttServer("192.168.105.30", 1884),
    MqttServer("a.example", user="test_user", password="P455w0rd"), MqttServer("a.example", keep_alive_s=600),
    MqttServer("a.example", security=True), MqttServer("a.example", security=4),
    MqttServer("a.example", will=MqttWill("a/b", "gone", 2, True)),
    MqttServer("a.example", will=MqttWill("a/b", b"\x00\x22\xff", 1)),
], ids=["client-id", "port", "user", "keep-alive", "tls", "tls-4", "will", "will-hex"])
def test_values(dut: Dut, server: MqttServer) -> None:
    """Each one reads back; a reset takes all of it back."""
    mqtt = dut.mqtt().use(server)
    mqtt.factory()
    assert listed(dut)[1:] == list(FACTORY)


@procedure(*PROFILE, title="Values out of range are refused", depends_on=())
@pytest.mark.parametrize("line", [
    'AT+UMQTT=2,"a",0', 'AT+UMQTT=2,"a",65536', "AT+UMQTT=6,3", "AT+UMQTT=7,2", "AT+UMQTT=10,-1",
    "AT+UMQTT=11,2", "AT+UMQTT=11,1,5", "AT+UMQTT=99,1", "AT+UMQTTNV=3", 'AT+UMQTT=8,"a/#"'])
def test_refusals(dut: Dut, line: str) -> None:
    """Ports 1 to 65535, QoS 0 to 2, retain 0 and 1, security profiles 0 to 4, no wildcard in a will's
    topic."""
    dut.send("AT+UMQTTNV=0")
    assert not dut.send(line, check=False).ok, f"{line} was taken"
    assert listed(dut)[1:] == list(FACTORY), f"{line} was refused and changed something"


@procedure(*PROFILE, title="The broker is set by its name with operation 3",
           depends_on=(*BROKER, "service:dns"))
def test_name(online: Dut, services: Services) -> None:
    """The last sentence of the table; the module resolves the name."""
    service = services["mqtt"]
    if not service.name:
        raise NotPossible("the rig file gives the broker no name", remedy="name it under services.mqtt")
    online.send("AT+UMQTTNV=0")
    online.send(f'AT+UMQTT=3,"{service.name}",{service.port}')
    try:
        assert outcome(online, "AT+UMQTTC=1") == "+UUMQTTC: 1,1"
    finally:
        log_out(online)


@procedure("R6:6.1.2", title="The last will is configured as printed", depends_on=())
def test_will_as_printed(dut: Dut) -> None:
    """QoS 1, topic and message read back, the message with its length."""
    dut.send("AT+UMQTTNV=0")
    for line in ("AT+UMQTT=6,1", 'AT+UMQTT=8,"u-blox/publish"', 'AT+UMQTT=9, "Unrequested disconnect."'):
        dut.send(line)
    found = listed(dut)
    for value in ("6,1", '8,"u-blox/publish"', '9,23,"Unrequested disconnect."'):
        assert value in found, f"{value} is not among {found}"
    dut.send("AT+UMQTTNV=0")


@procedure("R6:6.1.3", title="The profile is stored and restored as printed, and survives a reboot",
           depends_on=())
def test_profile_management(dut: Dut, record: Recorder) -> None:
    """Stored, factory, restored; after a reboot restored again. NVM is put back to factory values."""
    port = 1000 + int(nonce()[:3], 16)
    try:
        with record.step("store"):
            dut.send("AT+UMQTTNV=0")
            dut.send(f'AT+UMQTT=2,"185.215.193.15",{port}')
            dut.send("AT+UMQTTNV=2")
        with record.step("factory values"):
            dut.send("AT+UMQTTNV=0")
            assert listed(dut)[1:] == list(FACTORY)
        with record.step("restore"):
            dut.send("AT+UMQTTNV=1")
            assert listed(dut)[1:] == [f'2,"185.215.193.15",{port}', *FACTORY[1:]]
        with record.step("restore after a reboot"):
            dut.reboot()
            dut.send("AT+UMQTTNV=1")
            assert f'2,"185.215.193.15",{port}' in listed(dut)
    finally:
        dut.send("AT+UMQTTNV=0")
        dut.send("AT+UMQTTNV=2")


@procedure("R6:6.1.4", title="The client is mapped to another context", depends_on=BROKER,
           needs=("far-side:report",))
def test_other_context(online: Dut, services: Services, network: Network, far_side: FarSide) -> None:
    """AT+UMQTT=20,2,1: context 2, IPv6 preferred; the far side sees the flow on it."""
    online.ensure(f'AT+CGDCONT=2,"IPV4V6","{network.apn}"')
    online.send("AT+CGACT=1,2")
    try:
        setup(online, services["mqtt"], "AT+UMQTT=20,2,1")
        assert outcome(online, "AT+UMQTTC=1") == "+UUMQTTC: 1,1"
        assert far_side.report("flow", service="mqtt")["cid"] == "2"
    finally:
        log_out(online)
        online.send("AT+CGACT=0,2", check=False)


@procedure(*SESSION, title="A session begins and ends as printed", depends_on=BROKER)
def test_session_as_printed(online: Dut, services: Services, record: Recorder) -> None:
    """OK at once, the broker's word by URC."""
    setup(online, services["mqtt"])
    with record.step("log in"):
        assert outcome(online, "AT+UMQTTC=1") == "+UUMQTTC: 1,1"
        no_error(online, record)
    with record.step("log out"):
        assert outcome(online, "AT+UMQTTC=0") == "+UUMQTTC: 0,1"
        no_error(online, record)
    with record.step("again"):
        assert outcome(online, "AT+UMQTTC=1") == "+UUMQTTC: 1,1"
        assert outcome(online, "AT+UMQTTC=0") == "+UUMQTTC: 0,1"


@procedure(*SESSION, title="Client id and keep alive reach the broker", depends_on=BROKER,
           needs=("far-side:server", "far-side:report"))
def test_session_seen(online: Dut, services: Services, far_side: FarSide) -> None:
    """The factory client id is the IMEI, since it is the module's alone; one's own is sent instead."""
    imei = online.identify(sim=False).imei
    with session(online, broker_of(services["mqtt"])):
        assert far_side.report("mqtt")["client_id"] == imei
    own = f"module-{nonce()}"
    with session(online, broker_of(services["mqtt"], client_id=own, keep_alive_s=77)):
        seen = far_side.report("mqtt")
        assert (seen["client_id"], seen["keep_alive_s"]) == (own, "77")


@procedure(*SESSION, title="User and password: refused credentials do not log in, the right ones do",
           depends_on=("network", "service:mqtt-users"))
def test_credentials(online: Dut, services: Services, record: Recorder) -> None:
    """+UUMQTTC: 1,0 and class 13; the code is noted."""
    service, mqtt = services["mqtt-users"], online.mqtt()
    for user, password in ((USER, nonce()), ("nobody", PASSWORD), ("", "")):
        mqtt.use(broker_of(service, user=user, password=password))
        with record.step(f"user {user or 'none'}"), pytest.raises(ClientError) as refused:
            mqtt.connect()
        record.note(str(refused.value))
        assert refused.value.kind == 13
    with session(online, broker_of(service, user=USER, password=PASSWORD)):
        no_error(online, record)


@procedure(*SESSION, title="Without a session nothing is sent; a second log in is refused", depends_on=BROKER)
def test_session_order(online: Dut, services: Services) -> None:
    """Publish, subscribe, unsubscribe, log out before the log in; log in during a session."""
    setup(online, services["mqtt"])
    for line in ('2,0,0,0,"a","b"', '4,0,"a"', '5,"a"', "0"):
        assert not online.send(f"AT+UMQTTC={line}", check=False).ok, f"{line} was taken without a session"
    assert outcome(online, "AT+UMQTTC=1") == "+UUMQTTC: 1,1"
    try:
        assert not online.send("AT+UMQTTC=1", check=False).ok, "a second log in was taken"
    finally:
        log_out(online)


@procedure(*SESSION, title="A session that is not clean keeps what came meanwhile", depends_on=BROKER)
def test_kept_session(online: Dut, services: Services) -> None:
    """Clean session 0: a message of QoS 1 for a client that is away waits for it; a clean log in forgets."""
    own, topic, mark = f"module-{nonce()}", f"kept/{nonce()}", nonce()
    kept = broker_of(services["mqtt"], client_id=own, clean_session=False)
    with session(online, kept) as mqtt:
        mqtt.subscribe(topic, 1)
    with session(online, broker_of(services["mqtt"])) as mqtt:
        mqtt.publish(topic, mark, qos=1)
    mqtt.use(kept).connect()  # what waits comes with the log in: nothing is deleted first
    try:
        assert mqtt.receive(topic).text == mark
    finally:
        log_out(online)
    with session(online, broker_of(services["mqtt"], client_id=own, clean_session=True)):
        pass


@procedure(*SESSION, title="A broker that is not there, or not found, is a failure",
           depends_on=(*BROKER, "service:dns"))
@pytest.mark.parametrize("what", ["port", "name"])
def test_wrong_broker(online: Dut, services: Services, record: Recorder, what: str) -> None:
    """+UUMQTTC: 1,0, class 13; the next log in passes."""
    service = services["mqtt"]
    wrong = {"port": MqttServer(str(service.host), 1884), "name": MqttServer("no-such-host.invalid")}[what]
    with pytest.raises(ClientError) as failed:
        online.mqtt().use(wrong).connect()
    record.note(str(failed.value))
    assert failed.value.kind == 13
    with session(online, broker_of(service)):
        no_error(online, record)


@procedure(*SESSION, title="A broker that goes down ends the session; it is back with the next log in",
           depends_on=("network",), needs=("far-side:server",))
@pytest.mark.parametrize("when", ["before", "during"])
def test_broker_down(online: Dut, services: Services, far_side: FarSide, record: Recorder, when: str) -> None:
    """Before: +UUMQTTC: 1,0. During: +UUMQTTC: 0,101 (LARA-R6 guide 6.7)."""
    mqtt = online.mqtt().use(broker_of(services["mqtt"]))
    if when == "during":
        mqtt.connect()
    try:
        with online.at.expect("+UUMQTTC", lambda event: event.fields == (0, 101)) as lost:
            far_side.act("server", name="mqtt", state="down")
            if when == "during":
                lost.wait(RESULT_S)
        with pytest.raises(ClientError) as failed:
            mqtt.connect()
        record.note(str(failed.value))
    finally:
        far_side.act("server", name="mqtt", state="up")
    with session(online, broker_of(services["mqtt"])):
        no_error(online, record)


@procedure(*SESSION, title="A broker that never answers is a failure in the end", depends_on=("network",),
           needs=("far-side:server",))
def test_mute_broker(online: Dut, services: Services, far_side: FarSide, record: Recorder) -> None:
    """+UUMQTTC: 1,0, and +UMQTTER says what."""
    setup(online, services["mqtt"])
    far_side.act("server", name="mqtt", state="mute")
    try:
        assert outcome(online, "AT+UMQTTC=1") == "+UUMQTTC: 1,0"
        record.note(online.mqtt().last_meaning().text)
        assert online.mqtt().last_error()[0] == 13
    finally:
        far_side.act("server", name="mqtt", state="up")
    with session(online, broker_of(services["mqtt"])):
        pass


@procedure("R6:6", "R6:6.8", "R8:9.3.3.2", title="Without a packet data connection there is no session",
           depends_on=BROKER)
def test_without_network(online: Dut, services: Services, record: Recorder) -> None:
    """Refused, or failed with a code that names it; with the context back the log in passes."""
    mqtt = online.mqtt().use(broker_of(services["mqtt"]))
    online.send("AT+CFUN=4")
    try:
        with pytest.raises(ClientNetworkError) as refused:
            mqtt.connect()
        record.note(str(refused.value))
    finally:
        online.spend_attach("+CFUN=4 and back")
        online.send("AT+CFUN=1")
        online.register()
        online.activate()
    with session(online, broker_of(services["mqtt"])):
        pass


@procedure("R6:6.8", title="The last error is read as printed: the context is not active", depends_on=BROKER)
def test_debug_as_printed(online: Dut, services: Services, network: Network, record: Recorder) -> None:
    """The client mapped to context 2, which is not active: +UUMQTTC: 1,0 and 13,50; then 0,0."""
    online.ensure(f'AT+CGDCONT=2,"IP","{network.apn}"')
    online.send("AT+CGACT=0,2", check=False)
    setup(online, services["mqtt"], "AT+UMQTT=20,2")
    assert outcome(online, "AT+UMQTTC=1") == "+UUMQTTC: 1,0"
    assert online.send("AT+UMQTTER").value("+UMQTTER") == (13, 50)
    with session(online, broker_of(services["mqtt"])):
        no_error(online, record)


@procedure("R6:6.6", title="The ping loop: PINGREQ after about 80 % of the keep alive time",
           depends_on=BROKER, needs=("far-side:server", "far-side:report"))
def test_ping(online: Dut, services: Services, far_side: FarSide, record: Recorder) -> None:
    """As printed but for the time, which is 30 s there; the session outlives one and a half times of it."""
    far_side.act("server", name="mqtt", state="reset")
    setup(online, services["mqtt"], "AT+UMQTT=10,30", f"AT+UMQTT=10,{KEEP_ALIVE_S}")
    with online.at.expect("+UUMQTTC", lambda event: event.fields[:1] in ((0,), (8,))) as ended:
        assert outcome(online, "AT+UMQTTC=1") == "+UUMQTTC: 1,1"
        began = time.monotonic()
        try:
            online.send("AT+UMQTTC=8,1")
            online.at.wait_until(lambda: bool(ended.heard), 2 * KEEP_ALIVE_S + began - time.monotonic())
            assert not ended.heard, f"{ended.heard[0].text} came although pings are on"
            after = float(far_side.report("mqtt")["pingreq_after_s"])
            record.measure("PINGREQ after", after / KEEP_ALIVE_S, limit=Limit(
                low=0.7, high=0.95, source="LARA-R6 guide 6.6: approximately 80 %"))
            online.send("AT+UMQTTC=8,0")
        finally:
            ended.close()
            log_out(online)


@procedure("R6:6.6", title="A ping that fails is notified", depends_on=("network",),
           needs=("far-side:server",))
def test_ping_fails(online: Dut, services: Services, far_side: FarSide) -> None:
    """+UUMQTTC: 8,0 when the broker does not respond."""
    setup(online, services["mqtt"], f"AT+UMQTT=10,{KEEP_ALIVE_S}")
    assert outcome(online, "AT+UMQTTC=1") == "+UUMQTTC: 1,1"
    try:
        with online.at.expect("+UUMQTTC", lambda event: event.fields == (8, 0)) as failed:
            far_side.act("server", name="mqtt", state="mute")
            online.send("AT+UMQTTC=8,1")
            failed.wait(10.0 * KEEP_ALIVE_S)
    finally:
        far_side.act("server", name="mqtt", state="up")
        log_out(online)


@procedure("R6:6.6", title="Without pings the broker ends a silent session", depends_on=BROKER)
def test_silence(online: Dut, services: Services, record: Recorder) -> None:
    """The keep alive time is over: +UUMQTTC: 0,100, or 0,101 where the module tells no difference."""
    setup(online, services["mqtt"], f"AT+UMQTT=10,{KEEP_ALIVE_S}")
    with online.at.expect("+UUMQTTC", lambda event: event.fields[:1] == (0,)) as ended:
        assert outcome(online, "AT+UMQTTC=1") == "+UUMQTTC: 1,1"
        told = ended.wait(10.0 * KEEP_ALIVE_S)
    record.note(told.text)
    assert told.fields in ((0, 100), (0, 101)), told.text
    with session(online, broker_of(services["mqtt"])):
        no_error(online, record)


@procedure("R6:6.6", title="The ping loop wants a session and a keep alive time", depends_on=BROKER)
def test_ping_refusals(online: Dut, services: Services) -> None:
    """Refused without a session, and with a keep alive of 0; 2 is neither on nor off."""
    setup(online, services["mqtt"])
    assert not online.send("AT+UMQTTC=8,1", check=False).ok, "taken without a session"
    assert outcome(online, "AT+UMQTTC=1") == "+UUMQTTC: 1,1"
    try:
        for line in ("8,1", "8,2"):
            assert not online.send(f"AT+UMQTTC={line}", check=False).ok, f"{line} was taken"
    finally:
        log_out(online)
