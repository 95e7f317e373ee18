"""+USECPRF: the rows of the guides, every operation of both series, what is refused, what is forgotten."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from cellbench.catalogue.model import Series
from cellbench.io.tls.sessions import session_from_id, session_from_ticket
from cellbench.io.tls.settings import Check, Version
from cellbench.virtual.device.security import Kind, SecurityProfiles

SECRET = bytes(range(48))


def profiles(module: Any) -> SecurityProfiles:
    return module.module.subsystem(SecurityProfiles)


def test_rows_of_the_guides(module: Any) -> None:
    """LENA-R8 guide Table 23, LARA-R6 guide 3.2."""
    for line in ("AT+USECPRF=0", "AT+USECPRF=0,0,1", "AT+USECPRF=0,2,3", 'AT+USECPRF=0,3,"ca_cert"',
                 'AT+USECPRF=0,5,"client_cert"', 'AT+USECPRF=0,6,"client_key"',
                 'AT+USECPRF=0,10,"httpbin.org"'):
        assert module.at(line) == ["OK"], line
    settings = profiles(module).client_settings(0, datagram=False)
    assert settings.check is Check.CHAIN
    assert settings.suites == (0x0035,)
    assert settings.sni == "httpbin.org"


def test_factory_values(module: Any, series: Series) -> None:
    check = 0 if series is Series.LENA_R8 else 1
    read = {0: str(check), 1: "0", 2: "0", 3: '""', 4: '""', 5: '""', 6: '""', 8: '""', 9: '""', 10: '""',
            12: '"",0'}
    for op, value in read.items():
        assert module.at(f"AT+USECPRF=4,{op}") == [f"+USECPRF: 4,{op},{value}", "OK"]
    module.at("AT+USECPRF=4,0,3")
    assert module.at("AT+USECPRF=4") == ["OK"]
    assert module.at("AT+USECPRF=4,0") == [f"+USECPRF: 4,0,{check}", "OK"]


def test_suites(module: Any) -> None:
    assert module.at('AT+USECPRF=1,2,99,"c0","30"') == ["OK"]
    assert module.at("AT+USECPRF=1,2") == ['+USECPRF: 1,2,99,"C030"', "OK"]
    assert profiles(module).client_settings(1, datagram=False).suites == (0xC030,)
    module.at('AT+USECPRF=1,2,100,"C0","2B",0')
    module.at('AT+USECPRF=1,2,100,"C0","2C",0')
    assert module.at("AT+USECPRF=1,2") == ['+USECPRF: 1,2,100,"C02B;C02C"', "OK"]
    module.at('AT+USECPRF=1,2,100,"C0","2B",1')
    assert profiles(module).client_settings(1, datagram=False).suites == (0xC02C,)
    module.at("AT+USECPRF=1,2,0")
    assert profiles(module).client_settings(1, datagram=False).suites == ()


def test_versions(module: Any, series: Series) -> None:
    newest = Version.TLS_1_2 if series is Series.LENA_R8 else Version.TLS_1_3
    module.at("AT+USECPRF=1,1,3")
    settings = profiles(module).client_settings(1, datagram=False)
    assert (settings.minimum, settings.maximum) == (Version.TLS_1_2, newest)
    module.at("AT+CMEE=1")
    expected = ["+CME ERROR: 50"] if series is Series.LENA_R8 else ["OK"]
    assert module.at("AT+USECPRF=1,1,4") == expected


def test_secrets_are_never_shown(module: Any, series: Series) -> None:
    module.at('AT+USECPRF=2,8,"00112233445566778899aabbccddeeff",1')
    module.at('AT+USECPRF=2,9,"unit"')
    assert module.at("AT+USECPRF=2,8") == ['+USECPRF: 2,8,""', "OK"]
    assert module.at("AT+USECPRF=2,9") == ['+USECPRF: 2,9,"unit"', "OK"]
    psk = profiles(module).client_settings(2, datagram=False).psk
    assert psk is not None
    assert (psk.identity, psk.key.hex()) == (b"unit", "00112233445566778899aabbccddeeff")
    module.at('AT+USECPRF=2,7,"password"')
    assert module.at("AT+USECPRF=2,7") == ['+USECPRF: 2,7,""', "OK"]


@pytest.mark.parametrize("line", ["AT+USECPRF=5", "AT+USECPRF=0,15,1", "AT+USECPRF=0,0,4",
                                  "AT+USECPRF=0,2,34", 'AT+USECPRF=0,2,99,"zz","30"',
                                  'AT+USECPRF=0,8,"xyz",1', 'AT+USECPRF=0,12,"a",3',
                                  f'AT+USECPRF=0,10,"{"x" * 129}"', 'AT+USECPRF=0,0,"one"'])
def test_refusals(module: Any, line: str) -> None:
    module.at("AT+CMEE=1")
    assert module.at(line) == ["+CME ERROR: 50"]


@pytest.mark.parametrize("op", [11, 13, 14])
def test_what_lena_does_not_have(lena: Any, op: int) -> None:
    lena.at("AT+CMEE=1")
    assert lena.at(f"AT+USECPRF=0,{op},0") == ["+CME ERROR: 50"]


def test_the_clock_of_the_module_counts(module: Any) -> None:
    module.at('AT+CCLK="31/01/02,03:04:05+04"')
    now = profiles(module).client_settings(0, datagram=False).now
    assert now is not None
    assert abs((now - datetime(2031, 1, 2, 2, 4, 5, tzinfo=UTC)).total_seconds()) < 60


class TestResumption:
    """LARA-R6 guide 3.4.4."""

    def enabled(self, lara: Any, kind: Kind) -> SecurityProfiles:
        assert lara.at("AT+USECPRF=2,13,0,1") == ["OK"]
        assert lara.at(f"AT+USECPRF=2,13,1,{int(kind)}") == ["OK"]
        return profiles(lara)

    def test_it_must_be_enabled_first(self, lara: Any) -> None:
        lara.at("AT+CMEE=1")
        assert lara.at("AT+USECPRF=2,13,1,0") == ["+CME ERROR: 3"]
        self.enabled(lara, Kind.ID)
        assert lara.at("AT+USECPRF=2,13,1") == ["+USECPRF: 2,13,1,0", "OK"]
        assert lara.at("AT+USECPRF=2,13,0") == ["+USECPRF: 2,13,0,1", "OK"]
        assert lara.at("AT+USECPRF=2,13,1,2") == ["+CME ERROR: 50"]
        assert lara.at('AT+USECPRF=2,13,3,"QUJD",4') == ["+CME ERROR: 3"]

    @pytest.mark.parametrize("kind", [Kind.ID, Kind.ID_LOCAL, Kind.TICKET, Kind.TICKET_LOCAL])
    def test_what_was_given_comes_back(self, lara: Any, kind: Kind) -> None:
        held = self.enabled(lara, kind)
        session = (session_from_id(b"i" * 32, SECRET, datagram=False, suite=0xC02F) if kind.by_id else
                   session_from_ticket(b"t" * 180, SECRET, datagram=False, suite=0xC02F, extended=True))
        texts = held.texts_of(kind, session)
        assert texts is not None
        parts = ",".join(f'"{text}"' if not text.isdigit() else text for text in texts)
        assert lara.at(f"AT+USECPRF=2,13,{kind.tag},{parts}") == ["OK"]
        again = held.session_of(held[2], datagram=False)
        assert again is not None
        assert (again.session_id, again.master_secret, again.ticket) == (
            session.session_id, SECRET, session.ticket)
        assert lara.at("AT+USECPRF=2,13,0") == ["+USECPRF: 2,13,0,2", "OK"]
        assert held.client_settings(2, datagram=False).tickets is not kind.by_id

    @pytest.mark.parametrize("kind", [Kind.TICKET, Kind.TICKET_LOCAL, Kind.ID_LOCAL])
    def test_altered_data_is_no_session(self, lara: Any, kind: Kind) -> None:
        held = self.enabled(lara, kind)
        session = (session_from_id(b"i" * 32, SECRET, datagram=False, suite=0xC02F) if kind.by_id else
                   session_from_ticket(b"t" * 180, SECRET, datagram=False, suite=0xC02F, extended=True))
        texts = held.texts_of(kind, session)
        assert texts is not None
        data = bytearray(base64.b64decode(texts[0]))
        data[30] ^= 1
        text = base64.b64encode(data).decode()
        assert lara.at(f'AT+USECPRF=2,13,{kind.tag},"{text}",{len(text)}') == ["OK"]
        assert held.session_of(held[2], datagram=False) is None

    def test_a_psk_ticket_comes_by_the_prompt(self, lara: Any) -> None:
        self.enabled(lara, Kind.PSK_TICKET)
        lara.uart.clear()
        lara.send(b"AT+USECPRF=2,13,5,8\r")
        lara.until(lambda: lara.uart.endswith(b">"), 5)
        lara.send(b"QUJDREVG")
        lara.until(lambda: lara.uart.endswith(b"OK\r\n"), 5)
        lara.uart.clear()
        assert lara.at("AT+USECPRF=2,13,5") == ["+USECPRF: 2,13,5,QUJDREVG,8", "OK"]


def test_profiles_are_forgotten_at_power_off(driven: Callable[..., Any], series: Series) -> None:
    one = driven(series)
    one.ready()
    one.at('AT+USECPRF=1,3,"root"')
    one.at("AT+CFUN=16")
    one.run(1)
    one.until(lambda: one.module.power.running, 60)
    one.wake()
    assert one.at("AT+USECPRF=1,3") == ['+USECPRF: 1,3,""', "OK"]
