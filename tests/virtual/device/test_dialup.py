"""Dial-up on a port: the guides' rows, data mode and its ends, contexts, who authenticates (LENA-R8 guide
5.8, LARA-R6 guide 4)."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cellbench.catalogue.model import Series
from cellbench.virtual.device.dialup import DialUps
from cellbench.virtual.device.module import Input, Output
from cellbench.virtual.device.network import Change
from cellbench.virtual.front.bytestream import EscapeFinder
from cellbench.virtual.net.internet import Internet
from cellbench.virtual.world.world import load_world

LCP = "c021 01 07 0014 0206 00000000 0506 11223344 0702 0802"


class Dialled:
    """A registered module with the virtual internet (no servers) and the host's hands."""

    def __init__(self, driven: Any, hands: Any, series: Series, **behaviour: Any) -> None:
        self.one = driven(series, **behaviour)
        self.one.module.internet = Internet(load_world())
        self.hands = hands
        self.one.module.set_input(Input.DTR, True)
        self.one.module.set_input(Input.RTS, True)
        self.one.ready()
        if series is Series.LENA_R8:
            self.at('AT+CGDCONT=1,"IP","internet.wind.biz"')

    def at(self, line: str) -> list[str]:
        return list(self.one.at(line))

    def dial(self, line: str = "ATD*99***1#") -> str:
        """Dial; the CONNECT line. The module's first frame is left for ``frames``."""
        self.one.uart.clear()
        self.one.send(line.encode() + b"\r")
        self.one.until(lambda: (b"CONNECT" in self.one.uart and b"\x7e" in self.one.uart)
                       or b"NO CARRIER" in self.one.uart, 60)
        head, mark, rest = bytes(self.one.uart).partition(b"\r\n\x7e")
        self.one.uart[:] = b"\x7e" + rest if mark else b""
        return head.decode().strip()

    def frames(self) -> list[str]:
        """The frames that came."""
        self.one.run(0.05)
        found = self.hands.read(bytes(self.one.uart))
        self.one.uart.clear()
        return list(found)

    def say(self, text: str) -> list[str]:
        self.one.send(self.hands.frame(text))
        return self.frames()

    def link(self) -> list[str]:
        """LCP to Opened; what the module says next."""
        asked = self.frames()[0]
        self.say(LCP)
        return self.say("c02102" + asked[6:])

    def network(self) -> str:
        """IPCP up; the host's address."""
        asked = next(packet for packet in self.link() if packet.startswith("8021"))
        self.say("802102" + asked[6:])
        (nak,) = self.say("8021 01 21 000a 0306 00000000")
        self.say("80210122000a0306" + nak[16:24])
        return ".".join(str(byte) for byte in bytes.fromhex(nak[16:24]))

    def escape(self) -> list[str]:
        """+++ with its silences."""
        self.one.run(2.1)
        self.one.uart.clear()
        self.one.send(b"+++")
        self.one.run(2.1)
        return list(self.one.lines())

    def wait_for(self, text: str, seconds: float = 30.0) -> None:
        self.one.until(lambda: text.encode() in self.one.uart, seconds)


@pytest.fixture
def dialled(driven: Callable[..., Any], hand_peer: Any) -> Callable[..., Dialled]:
    """Makes one of a series."""
    return lambda series, **behaviour: Dialled(driven, hand_peer, series, **behaviour)


@pytest.fixture
def lena(dialled: Callable[..., Dialled]) -> Dialled:
    return dialled(Series.LENA_R8)


@pytest.fixture
def lara(dialled: Callable[..., Dialled]) -> Dialled:
    return dialled(Series.LARA_R6)


def test_guide_table_13(lena: Dialled) -> None:
    """Swap between data mode and online command mode, row by row."""
    assert lena.at("AT+CGACT=1,1") == ["OK"]
    assert lena.dial('AT+CGDATA="PPP",1') == "CONNECT"
    assert lena.network().startswith("192.168.")
    assert lena.escape() == ["OK"]
    lena.one.send(b"ATO\r")
    lena.wait_for("\r\nCONNECT\r\n")
    lena.one.uart.clear()
    assert lena.say("c021 09 01 0008 00000000")[0].startswith("c0210a01")
    assert lena.escape() == ["OK"]
    assert lena.at("ATH") == ["OK"]
    assert lena.at("ATO") == ["NO CARRIER"]


@pytest.mark.parametrize("line", ["ATD*99***1#", "ATD*99#", "ATDT*99***1#", "ATD*99**PPP*1#", "atd*99**1*1#",
                                  'AT+CGDATA="PPP",1', 'AT+CGDATA="PPP"'])
def test_ways_to_dial(lara: Dialled, line: str) -> None:
    assert lara.dial(line) == "CONNECT 150000000"
    assert lara.frames()[0].startswith("c02101")


@pytest.mark.parametrize("line", ["ATD*99***9#", "ATD*99***0#", "ATD*99***11#", "ATD0123456", "ATD*98#",
                                  "ATD*99***1", 'AT+CGDATA="PPP",7'])
def test_what_cannot_be_dialled(lena: Dialled, line: str) -> None:
    assert lena.at(line) == ["NO CARRIER"]


def test_rate_behind_connect_goes_with_x0(lara: Dialled) -> None:
    lara.at("ATX0")
    assert lara.dial() == "CONNECT"


def test_addresses(lena: Dialled, lara: Dialled) -> None:
    """Private on LENA-R8 (guide 5.8), the network's own on LARA-R6 (guide 4.1.1)."""
    lena.dial()
    assert lena.network() == "192.168.201.1"
    lara.dial()
    context = lara.one.module.contexts.get(1)
    assert context is not None
    assert lara.network() == context.ipv4


def test_network_mtu_is_the_modules_mru(lara: Dialled) -> None:
    lara.dial()
    assert "01040596" in lara.frames()[0]


def test_carrier_line_follows(lena: Dialled) -> None:
    module = lena.one.module
    assert not module.output(Output.DCD)
    lena.dial()
    assert module.output(Output.DCD)
    lena.network()
    lena.one.levels.clear()
    lena.escape()
    assert not [level for level in lena.one.levels if level[1] is Output.DCD]
    lena.at("ATH")
    assert not module.output(Output.DCD)


def test_terminate_ends_the_call(lena: Dialled) -> None:
    lena.dial()
    lena.network()
    assert lena.say("c021 05 09 0004")[-1] == "c02106090004"
    lena.wait_for("NO CARRIER")
    assert lena.at("AT") == ["OK"]
    assert lena.dial() == "CONNECT"


def test_silent_host_loses_the_carrier(lena: Dialled) -> None:
    lena.dial()
    lena.wait_for("NO CARRIER", 60)
    assert lena.at("AT") == ["OK"]


def active(one: Dialled, cid: int) -> bool:
    context = one.one.module.contexts.get(cid)
    return context is not None and context.active


def test_dial_activates_a_context_and_its_end_undoes_it(lara: Dialled) -> None:
    """LARA-R6 guide 4.1.3: the second context is not activated by hand."""
    lara.at('AT+CGDCONT=2,"IP","APN2"')
    lara.dial("ATD*99***2#")
    assert active(lara, 2)
    first = lara.frames()[0]
    assert "0305c22305" in first  # the host's own credentials: not on the initial context
    (bare,) = lara.say(f"c02104{first[6:8]} 0009 0305 c22305")
    lara.say(LCP)
    lara.say("c02102" + bare[6:])
    lara.say("c021 05 09 0004")
    lara.wait_for("NO CARRIER")
    assert not active(lara, 2)
    lara.dial()
    lara.link()
    lara.say("c021 05 09 0004")
    lara.wait_for("NO CARRIER")
    assert active(lara, 1)


def test_hanging_up_deactivates_where_that_can_be(lara: Dialled) -> None:
    lara.at('AT+CGDCONT=2,"IP","APN2"')
    lara.at("AT+CGACT=1,2")
    lara.dial("ATD*99***2#")
    lara.escape()
    assert lara.at("ATH") == ["OK"]
    assert not active(lara, 2)
    lara.dial()
    lara.escape()
    assert lara.at("ATH") == ["OK"]
    assert active(lara, 1)  # the last one stays


def test_cvhu_lets_ath_do_nothing(lena: Dialled) -> None:
    lena.at("AT+CVHU=1")
    lena.dial()
    lena.escape()
    assert lena.at("ATH") == ["OK"]
    assert lena.dial("ATO").startswith("CONNECT")
    lena.escape()
    lena.at("AT+CVHU=0")
    lena.at("ATH")
    assert lena.at("ATO") == ["NO CARRIER"]


@pytest.mark.parametrize(("setting", "after"), [(0, "data"), (1, "online"), (2, "command")])
def test_dtr_goes_off(lena: Dialled, setting: int, after: str) -> None:
    """V.250 6.2.9."""
    lena.at(f"AT&D{setting}")
    lena.dial()
    lena.network()
    lena.one.module.set_input(Input.DTR, False)
    lena.one.run(1.0)
    lena.one.module.set_input(Input.DTR, True)
    if after == "data":
        assert lena.say("c021 09 01 0008 00000000")[0].startswith("c0210a01")
        return
    assert lena.one.lines() == (["OK"] if after == "online" else ["NO CARRIER"])
    assert (len(lena.one.module.subsystem(DialUps).calls) == 1) is (after == "online")


def test_dtr_in_online_command_mode_hangs_up(lena: Dialled) -> None:
    lena.at("AT&D2")
    lena.dial()
    lena.escape()
    lena.one.module.set_input(Input.DTR, False)
    lena.wait_for("NO CARRIER")
    assert lena.at("AT") == ["OK"]
    assert lena.one.module.subsystem(DialUps).calls == ()


def test_dial_needs_dtr_on_lara(lara: Dialled, lena: Dialled) -> None:
    """LENA-R8 guide Table 54: DTR must be asserted to start a PPP connection (LARA-R6)."""
    for one in (lara, lena):
        one.one.module.set_input(Input.DTR, False)
    assert lara.at("ATD*99***1#") == ["NO CARRIER"]
    assert lena.dial() == "CONNECT"
    lara.one.module.set_input(Input.DTR, True)
    assert lara.dial().startswith("CONNECT")


def test_network_closes_the_context(lena: Dialled) -> None:
    lena.dial()
    lena.network()
    lena.one.module.contexts.network_deactivates(1)
    (request,) = lena.frames()
    assert request.startswith("c02105")
    lena.one.send(lena.hands.frame("c02106" + request[6:]))
    lena.wait_for("NO CARRIER", 1.0)
    lena.dial()
    lena.network()
    lena.escape()
    lena.one.module.contexts.network_deactivates(1)
    lena.wait_for("NO CARRIER", 1.0)
    assert lena.at("ATO") == ["NO CARRIER"]


def test_network_closes_the_context_before_anybody_spoke(lena: Dialled) -> None:
    lena.one.send(b"ATD*99***1#\r")
    lena.wait_for("CONNECT")
    lena.one.module.contexts.network_deactivates(1)
    lena.wait_for("NO CARRIER", 1.0)
    assert lena.at("AT") == ["OK"]


def test_coverage_is_lost_in_data_mode(lara: Dialled) -> None:
    """Carrier loss: the host is told by LCP, then NO CARRIER and DCD off."""
    lara.dial()
    lara.network()
    lara.one.module.network.found = False
    lara.one.module.network.tell(Change.COVERAGE)
    assert any(packet.startswith("c02105") for packet in lara.frames())
    lara.wait_for("NO CARRIER", 10.0)
    assert not lara.one.module.output(Output.DCD)


def test_one_link_on_lena(lena: Dialled) -> None:
    lena.at('AT+CGDCONT=2,"IP","internet.wind"')
    lena.dial()
    lena.escape()
    assert lena.at("ATD*99***2#") == ["NO CARRIER"]


def test_up_to_three_links_on_lara_each_with_its_context_and_apn(lara: Dialled) -> None:
    module = lara.one.module
    for cid in (2, 3, 4):
        lara.at(f'AT+CGDCONT={cid},"IP","APN{cid}"')
    lara.at('AT+CGDCONT=5,"IP","apn3"')
    outs = [bytearray() for _ in range(5)]
    ports = [module.open_channel(f"extra{n}", outs[n].extend) for n in range(5)]

    def dial(n: int, cid: int) -> bool:
        ports[n].receive(f"ATD*99***{cid}#\r".encode())
        lara.one.until(lambda: b"CONNECT" in outs[n] or b"NO CARRIER" in outs[n], 60)
        return b"CONNECT" in outs[n]

    assert dial(0, 2)
    assert not dial(1, 2)  # its own context
    assert dial(2, 3)
    assert not dial(3, 5)  # its own APN, whatever the case
    assert dial(4, 4)
    assert lara.at("ATD*99***1#") == ["NO CARRIER"]  # three are enough
    assert lara.at("AT+CSQ")[-1] == "OK"  # a port in data mode holds up nobody
    assert [call.cid for call in module.subsystem(DialUps).calls] == [2, 3, 4]


def test_password_of_the_context(lena: Dialled) -> None:
    lena.at('AT+UAUTHREQ=1,1,"me","pw"')
    for password, good in (("7077", True), ("7078", False)):
        lena.dial()
        asked = lena.frames()[0]
        assert "0304c023" in asked
        lena.say(LCP)
        lena.say("c02102" + asked[6:])
        answers = lena.say(f"c023 01 01 000a 02 6d65 02 {password}")
        assert answers[0].startswith("c02302" if good else "c02303")
        assert answers[1].startswith("8021" if good else "c02105")
        lena.say("c021 05 09 0004")
        if not good:
            lena.one.send(lena.hands.frame("c02106" + answers[1][6:]))
        lena.wait_for("NO CARRIER")
        lena.one.run(1)


def test_network_is_given_the_hosts_credentials(lara: Dialled) -> None:
    """LARA-R6 guide 4: on all contexts but the initial one."""
    lara.at('AT+CGDCONT=2,"IP","APN2"')
    lara.dial("ATD*99***2#")
    first = lara.frames()[0]
    (asked,) = lara.say(f"c02103{first[6:8]} 0008 0304 c023")
    lara.say(LCP)
    lara.say("c02102" + asked[6:])
    assert lara.say("c023 01 01 000a 02 6d65 02 7077")[0].startswith("c02302")
    assert lara.one.module.contexts.credentials[2] == (1, "me", "pw")


def test_power_goes_in_data_mode(lena: Dialled) -> None:
    lena.dial()
    lena.network()
    lena.one.module.set_supply(0.0)
    lena.one.run(1)
    lena.one.power_up()
    lena.one.wake()
    lena.one.until(lambda: lena.one.module.radio.registered, 120)
    lena.one.run(1)
    assert lena.dial() == "CONNECT"


@given(st.lists(st.tuples(st.sampled_from(["+", "+", "++", "+++", "a", "++++"]),
                          st.sampled_from([0.0, 0.1, 0.49, 0.51, 1.0, 1.99, 2.01, 5.0])), max_size=8))
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_escape_counts_only_with_its_silences(pieces: list[tuple[str, float]]) -> None:
    """Guide 5.8.2 (2 s of silence before), LARA-R6 guide 9.1.4 (500 ms at most between): the finder holds
    back exactly three plus signs that came so, and loses no other byte."""
    finder = EscapeFinder(43, 2.0, 0.5, 0.0)
    now, sent, passed, typed = 0.0, "", b"", [(0.0, "x")]
    for text, pause in pieces:
        now += pause
        typed += [(now, text)]
        sent += text
        passed += finder.take(text.encode(), now)
    assert (passed + finder.held).decode() == sent
    run = ""
    for (before, _), (at, text) in itertools.pairwise(typed):
        joined = run + text
        if run and at - before <= 0.5 + 1e-9 and set(joined) == {"+"} and len(joined) <= 3:
            run = joined
        elif not run and at - before >= 2.0 - 1e-9 and set(text) == {"+"} and len(text) <= 3:
            run = text
        else:
            run = ""
    assert (finder.held == b"+++") is (run == "+++")


def test_own_frames_may_break_the_silence(dialled: Callable[..., Dialled]) -> None:
    """LENA-R8 guide 5.8.2: 2 s after the last data was sent or received."""
    for hears, after in ((True, []), (False, ["OK"])):
        one = dialled(Series.LENA_R8, escape_guard_hears_output=hears)
        one.dial()
        one.network()
        one.one.run(2.1)
        one.one.module.subsystem(DialUps).calls[0]._to_host(b"E" + bytes(30))
        one.one.run(1.0)
        one.one.uart.clear()
        one.one.send(b"+++")
        one.one.run(1.0)
        assert one.one.lines() == after


def test_z_ends_a_held_call(lena: Dialled) -> None:
    """V.250 6.1.1."""
    lena.dial()
    lena.escape()
    assert lena.at("ATZ") == ["OK"]
    assert lena.one.module.subsystem(DialUps).calls == ()


def test_mtu_of_the_network_can_be_read(lara: Dialled) -> None:
    """LARA-R6 guide 4."""
    assert lara.at("AT+CGCONTRDP=1")[0].endswith(',"","",0,0,1430')
