"""Secure MQTT: LENA-R8 guide 9.3.3.4; LARA-R6 guide 6.9, and what 9.1.4 and 3.5 say to check."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cellbench.api import (
    CertificateKind,
    ClientError,
    Dut,
    FarSide,
    MqttServer,
    Recorder,
    SecurityProfile,
    ServerCheck,
    TlsVersion,
    procedure,
)

from .broker import SECURE_BROKER, broker_of, log_out, no_error, outcome, session, setup
from .credentials import CERTIFICATE
from .secure import ANYBODY, CHAIN, FAR, NUMBER, THE_MODULE_REFUSES, Roots, forget, refused_for, trusted
from .web import Services, nonce

SECURE = ("R8:9.3.3.4", "R6:6.9")
ROOT = CertificateKind.ROOT
WRONG = {"authority": replace(CHAIN, root="other root"), "no authority": replace(CHAIN, root="nobody"),
         "host": replace(CHAIN, check=ServerCheck.HOST, host="other.example")}


def there_and_back(dut: Dut, server: MqttServer) -> None:
    """A session in which a message comes back."""
    topic = f"secure/{nonce()}"
    with session(dut, server) as mqtt:
        mqtt.subscribe(topic, 1)
        mqtt.publish(topic, topic, qos=1)
        assert mqtt.receive(topic).text == topic


def refused(dut: Dut, server: MqttServer, record: Recorder) -> None:
    """The log in fails in class 13; the code is noted."""
    with pytest.raises(ClientError) as failed:
        dut.mqtt().use(server).connect()
    record.note(str(failed.value))
    assert failed.value.kind == 13


@procedure(*SECURE, title="A secure session, as printed", depends_on=SECURE_BROKER)
def test_as_printed(online: Dut, services: Services, root_of: Roots, record: Recorder
                    ) -> None:
    """Profile 2 and the port; the profile of section 9.1 or 3 checks the chain. The other commands behave
    as in an unencrypted session."""
    topic, text = f"module/lights/{nonce()}", nonce()
    with trusted(online, root_of("mqtts")):
        online.security.apply(NUMBER, CHAIN)
        setup(online, services["mqtts"], f"AT+UMQTT=11,1,{NUMBER}")
        try:
            assert outcome(online, "AT+UMQTTC=1") == "+UUMQTTC: 1,1"
            mqtt = online.mqtt()
            mqtt.messages()
            for form in (text.encode(), bytes.fromhex(text) + b'"\r', text.encode() * 64):
                mqtt.subscribe(topic, 2)
                mqtt.publish(topic, form, qos=2)
                assert mqtt.receive(topic).payload == form
                mqtt.unsubscribe(topic)
            no_error(online, record)
        finally:
            log_out(online)


@procedure(*SECURE, title="The broker tells of TLS", depends_on=SECURE_BROKER,
           needs=("far-side:server", "far-side:report"))
def test_seen(online: Dut, services: Services, far_side: FarSide) -> None:
    """The handshake is no pretence."""
    online.security.apply(NUMBER, SecurityProfile(check=ServerCheck.NONE, version=TlsVersion.TLS_1_2))
    there_and_back(online, broker_of(services["mqtts"], security=NUMBER))
    assert far_side.report("mqtt", service="mqtts")["tls_version"] in ("TLS_1_2", "TLS_1_3")
    online.security.reset(NUMBER)


@procedure(*SECURE, title="The port must be set: switching TLS on leaves it", depends_on=())
def test_port(dut: Dut) -> None:
    """Only profile and remote port are to be configured, each by its own command."""
    dut.send("AT+UMQTTNV=0")
    dut.send(f"AT+UMQTT=11,1,{NUMBER}")
    found = {fields[0]: fields[1:] for fields in dut.send("AT+UMQTT?").fields("+UMQTT")}
    assert (found[2], found[11]) == (("", 1883), (1, NUMBER))
    dut.send("AT+UMQTTNV=0")


@procedure(*SECURE, "R8:9.1.4", "R6:3.5", title="Each security setting wrong fails, put right it connects",
           depends_on=SECURE_BROKER)
@pytest.mark.parametrize("what", list(WRONG))
def test_wrong_certificate_settings(online: Dut, services: Services, record: Recorder, root_of: Roots,
                                    what: str) -> None:
    """A root that did not sign the broker's certificate, none at all, another host name."""
    server = broker_of(services["mqtts"], security=NUMBER)
    online.certificates.put(ROOT, "other root", CERTIFICATE)
    try:
        with trusted(online, root_of("mqtts")):
            online.security.apply(NUMBER, WRONG[what])
            with record.step(f"wrong {what}"):
                refused(online, server, record)
            online.security.apply(NUMBER, CHAIN)
            with record.step("put right"):
                there_and_back(online, server)
    finally:
        online.certificates.remove(ROOT, "other root")


@procedure(*SECURE, "R8:9.1.4", "R6:3.5", title="It is the module that refuses a broker it cannot trust",
           depends_on=SECURE_BROKER, needs=FAR)
@pytest.mark.parametrize("what", ["authority", "host"])
def test_refused_for_that_reason(online: Dut, services: Services, record: Recorder, root_of: Roots,
                                 far_side: FarSide, what: str) -> None:
    """The broker's own word: the module's alert came, no lack of version or suite."""
    online.certificates.put(ROOT, "other root", CERTIFICATE)
    try:
        with trusted(online, root_of("mqtts")):
            forget(far_side, "mqtts")
            online.security.apply(NUMBER, WRONG[what])
            refused(online, broker_of(services["mqtts"], security=NUMBER), record)
            refused_for(far_side, "mqtts", THE_MODULE_REFUSES)
    finally:
        online.certificates.remove(ROOT, "other root")


@procedure(*SECURE, title="TLS to the plain port and none to the secure port fail",
           depends_on=(*SECURE_BROKER, "service:mqtt"))
@pytest.mark.parametrize("what", ["tls to the plain port", "none to the secure port"])
def test_wrong_port(online: Dut, services: Services, record: Recorder, what: str) -> None:
    """Neither gets a session; the right pair does."""
    online.security.apply(NUMBER, ANYBODY)
    secure = broker_of(services["mqtts"], security=NUMBER)
    wrong = broker_of(services["mqtt"], security=NUMBER) if what.startswith("tls") else broker_of(
        services["mqtts"])
    refused(online, wrong, record)
    there_and_back(online, secure)
    online.security.reset(NUMBER)


@procedure(*SECURE, title="A secure session takes one of the four secure connections",
           depends_on=SECURE_BROKER)
def test_budget(online: Dut, services: Services, record: Recorder) -> None:
    """With four sockets secure the log in fails; with one closed it passes."""
    service = services["mqtts"]
    online.security.apply(NUMBER, ANYBODY)
    server = broker_of(service, security=NUMBER)
    four = [online.sockets.tcp() for _ in range(4)]
    try:
        for one in four:
            one.secure(NUMBER)
            one.connect(server.host, server.effective_port)
        refused(online, server, record)
        four.pop().close()
        there_and_back(online, server)
    finally:
        for one in four:
            one.close()
        online.security.reset(NUMBER)
