"""An AT port as its host meets it: echo, results, errors, abort, prompts, data mode, several ports."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cellbench.catalogue.model import Form, Series
from cellbench.virtual.device.module import Input
from cellbench.virtual.front.context import Call, CommandContext, DataEnd, DataLink, Refusal
from cellbench.virtual.front.dispatch import print_refusal
from cellbench.virtual.front.state import Move


def raw(module: Any, data: bytes, seconds: float = 1.0) -> bytes:
    module.uart.clear()
    module.send(data)
    module.run(seconds)
    out = bytes(module.uart)
    module.uart.clear()
    return out


def test_echo_and_verbose_results(module: Any) -> None:
    assert raw(module, b"ATE1\r") == b"\r\nOK\r\n"
    assert raw(module, b"AT\r\n") == b"AT\r\r\nOK\r\n"
    assert raw(module, b"ATE0\r") == b"ATE0\r\r\nOK\r\n"
    assert raw(module, b"AT\r") == b"\r\nOK\r\n"


def test_numeric_results(module: Any) -> None:
    """V.250 6.2.6: V0 prints a number and CR, and information text without its header."""
    assert raw(module, b"ATV0\r") == b"0\r"
    assert raw(module, b"AT+GMI\r") == b"u-blox\r\n0\r"
    assert raw(module, b"AT+NOSUCH\r") == b"4\r"
    assert raw(module, b"ATV1\r") == b"\r\nOK\r\n"


def test_quiet_suppresses_results_only(module: Any) -> None:
    assert raw(module, b"ATQ1\r") == b""
    assert raw(module, b"AT+GMI\r") == b"\r\nu-blox\r\n"
    assert raw(module, b"AT+CMEE=7\r") == b""
    assert raw(module, b"ATQ0\r") == b"\r\nOK\r\n"


def test_errors_by_cmee(module: Any) -> None:
    assert module.at("AT+COPS=3,9") == ["ERROR"]
    assert module.at("AT+CMEE=1") == ["OK"]
    assert module.at("AT+COPS=3,9") == ["+CME ERROR: 50"]
    assert module.at("AT+CMEE=2") == ["OK"]
    assert [line.casefold() for line in module.at("AT+COPS=3,9")] == ["+cme error: incorrect parameters"]
    assert module.at("AT+CMEE?") == ["+CMEE: 2", "OK"]


def test_a_line_stops_at_its_first_error(module: Any) -> None:
    assert module.at("AT+GMI;+NOSUCH;+CGMM") == ["u-blox", "ERROR"]


@pytest.mark.parametrize("line", ["AT+CREG=", "AT+CREG=x", 'AT+CREG="1"', "AT+CREG=1,2", "AT+CREG=4",
                                  "AT+CREG=-1"])
def test_parameters_out_of_the_catalogue_are_refused(module: Any, line: str) -> None:
    module.at("AT+CMEE=1")
    assert module.at(line) == ["+CME ERROR: 50"]
    assert module.at("AT+CREG?")[-1] == "OK"


def test_test_forms_come_from_the_catalogue(module: Any) -> None:
    assert module.at("AT+CMEE=?") == ["+CMEE: (0-2)", "OK"]
    assert module.at("AT+CEREG=?") == ["+CEREG: (0-5)", "OK"]


def test_s_registers(module: Any) -> None:
    assert module.at("ATS3?") == ["013", "OK"]
    assert module.at("ATS2?S5?") == ["043", "008", "OK"]
    assert module.at("ATS7=20") == ["OK"]
    assert module.at("ATS7?") == ["020", "OK"]
    assert module.at("ATS99?") == ["ERROR"]
    assert module.at("ATS3=200") == ["ERROR"]


def test_s3_changes_what_ends_a_line(module: Any) -> None:
    """V.250 6.2.1: the result code of the changing line has the new character already."""
    assert raw(module, b"ATS3=33\r") == b"!\nOK!\n"
    assert raw(module, b"AT\r") == b""
    assert raw(module, b"!") == b"!\nOK!\n"
    assert raw(module, b"ATS3=13!") == b"\r\nOK\r\n"


def test_profile_is_kept_by_w_and_factory_by_f(module: Any) -> None:
    module.at("ATS7=33E0&W")
    module.at("ATS7=44")
    module.at("ATZ")
    assert module.at("ATS7?") == ["033", "OK"]
    module.at("AT&F")
    module.at("ATE0")
    assert module.at("ATS7?") == ["060", "OK"]


def test_a_over_repeats(module: Any) -> None:
    module.at("AT+GMI")
    assert raw(module, b"A/") == b"\r\nu-blox\r\n\r\nOK\r\n"


def test_a_line_too_long_is_refused_and_the_next_taken(module: Any) -> None:
    module.at("AT+CMEE=1")
    assert module.at("AT" + "I" * 5000) == ["+CME ERROR: 1650"]
    assert module.at("AT") == ["OK"]


def test_a_command_that_cannot_be_aborted_swallows_what_comes(module: Any) -> None:
    """LENA-R8 guide 4.1.3: the new command is ignored without any feedback."""
    module.send(b"AT+CFUN=0\r")
    module.run(0.3)
    module.send(b"AT+GMI\r")
    module.run(10)
    assert module.lines() == ["OK"]


def test_lena_drops_an_aborted_command_without_a_word(lena: Any) -> None:
    """LENA-R8 guide 4.1.3: no ABORTED, the latest command is executed."""
    lena.send(b"AT+COPS=?\r")
    lena.run(2)
    assert lena.at("AT+GMI") == ["u-blox", "OK"]
    lena.run(60)
    assert lena.lines() == []


def test_lara_says_that_it_aborted(lara: Any) -> None:
    lara.send(b"AT+COPS=?\r")
    lara.run(2)
    lara.send(b"A")
    lara.run(0.1)
    assert lara.lines() == ["ABORTED"]


def test_the_line_feed_of_the_command_does_not_abort(module: Any) -> None:
    module.send(b"AT+COPS=?\r")
    module.run(1)
    module.send(b"\n")
    module.run(200)
    assert module.lines()[-1] == "OK"


def test_urcs_wait_for_the_final_result(module: Any) -> None:
    module.send(b"AT+CFUN=0\r")
    module.run(0.2)
    module.module.urc("+TEST: 1")
    module.module.urc("+TEST: 2", keep=False)
    assert module.lines() == []
    module.run(10)
    assert module.lines() == ["OK", "+TEST: 1"]


def test_urcs_wait_while_a_line_is_typed_but_not_for_ever(module: Any) -> None:
    module.send(b"AT+GM")
    module.module.urc("+TEST: 1")
    module.run(1)
    assert module.lines() == []
    assert module.at("M") == [module.module.profile.variant, "OK", "+TEST: 1"]
    module.send(b"AT+GM")
    module.module.urc("+TEST: 2")
    module.run(7)
    assert module.lines() == ["+TEST: 2"]


class Prober:
    """Runs a handler of its own on the UART port, as a command would."""

    def __init__(self, module: Any) -> None:
        self.port = module.module.uart.port
        self.context = CommandContext(module.module, self.port, Call("+TEST", Form.EXECUTE))
        self.loop = module.loop

    def start(self, work: Any) -> asyncio.Task[Any]:
        self.port.mode.move(Move.LINE)
        task = self.loop.create_task(work)
        task.add_done_callback(lambda _: self.port.finish_line())
        return task


def test_a_payload_is_exact_and_early_bytes_are_lost(module: Any) -> None:
    prober = Prober(module)
    task = prober.start(prober.context.payload("@", 5, timeout_s=10, settle_s=0.05))
    module.run(0.01)
    assert bytes(module.uart) == b"\r\n@"
    module.send(b"xx")
    module.run(0.1)
    module.send(b"a\r\x1a")
    module.run(1)
    module.send(b"\x1bbSURPLUS\r\n")
    module.run(0.1)
    assert task.result() == b"a\r\x1a\x1bb"
    assert module.at("AT") == ["OK"]


def test_a_payload_ends_in_time(module: Any) -> None:
    prober = Prober(module)
    task = prober.start(prober.context.payload("@", 5, timeout_s=10))
    module.run(9)
    module.send(b"1")
    module.run(9)
    assert not task.done()
    module.run(2)
    assert task.result() is None


def test_a_text_payload_ends_by_ctrl_z_or_esc(module: Any) -> None:
    prober = Prober(module)
    task = prober.start(prober.context.payload("> ", None, timeout_s=60))
    module.run(0.1)
    module.send(b"hello\x1a")
    module.run(0.1)
    assert task.result() == b"hello"
    task = prober.start(prober.context.payload("> ", None, timeout_s=60))
    module.run(0.1)
    module.send(b"no\x1b")
    module.run(0.1)
    assert task.result() is None


class Sink:
    def __init__(self) -> None:
        self.link: DataLink | None = None
        self.taken = b""

    def opened(self, link: DataLink) -> None:
        self.link = link

    def received(self, data: bytes) -> None:
        self.taken += data


def test_data_mode_and_its_escape(module: Any) -> None:
    """Guides 5.8.2 and 9.1.4: two seconds of silence, three plus signs within 500 ms."""
    prober, sink = Prober(module), Sink()
    task = prober.start(prober.context.data_mode("CONNECT", sink))
    module.run(0.1)
    assert module.lines() == ["CONNECT"]
    module.send(b"abc+++")
    module.run(3)
    module.send(b"++")
    module.run(3)
    module.send(b"+++x")
    module.run(3)
    assert sink.taken == b"abc++++++++x"
    module.module.urc("+TEST: 1")
    assert sink.link is not None
    sink.link.send(b"from afar")
    assert bytes(module.uart) == b"from afar"
    module.uart.clear()
    for _ in range(3):
        module.send(b"+")
        module.run(0.2)
    assert not task.done()
    module.run(1)
    assert task.result() is DataEnd.ESCAPED
    sink.link.send(b"too late")
    assert module.lines() == ["+TEST: 1"]


def test_slow_plus_signs_are_data(module: Any) -> None:
    prober, sink = Prober(module), Sink()
    task = prober.start(prober.context.data_mode("CONNECT", sink))
    module.run(3)
    for _ in range(3):
        module.send(b"+")
        module.run(0.7)
    module.run(3)
    assert sink.taken == b"+++"
    assert not task.done()
    assert sink.link is not None
    sink.link.finish()
    module.run(0.1)
    assert task.result() is DataEnd.FINISHED


def test_dtr_ends_data_mode_as_d_says(module: Any) -> None:
    module.at("AT&D1")
    prober, sink = Prober(module), Sink()
    task = prober.start(prober.context.data_mode("CONNECT", sink))
    module.run(0.1)
    module.module.set_input(Input.DTR, False)
    module.run(0.1)
    assert task.result() is DataEnd.DTR_OFF


def test_final_codes_in_both_forms(module: Any) -> None:
    port = module.module.uart.port
    module.uart.clear()
    print_refusal(port, Refusal.final("NO CARRIER"))
    print_refusal(port, Refusal.cms(321))
    port.settings.style.verbose = False
    print_refusal(port, Refusal.final("NO CARRIER"))
    print_refusal(port, Refusal.plain())
    assert bytes(module.uart) == b"\r\nNO CARRIER\r\n\r\n+CMS ERROR: 321\r\n3\r4\r"


def usb(module: Any, index: int) -> tuple[Any, bytearray]:
    out = bytearray()
    face = [one for one in module.module.usb_faces if one.role == "at"][index]
    face.transmit = out.extend
    face.set_open(True)
    return face, out


def test_lara_runs_one_command_at_a_time_over_all_ports(lara: Any) -> None:
    face, out = usb(lara, 0)
    lara.send(b"AT+CFUN=0\r")
    lara.run(0.2)
    face.receive(b"AT+GMI\r")
    lara.run(0.2)
    assert b"u-blox" not in out
    lara.run(10)
    assert out.endswith(b"\r\nu-blox\r\n\r\nOK\r\n")


def test_lena_does_not_block_other_ports_unless_told(driven: Callable[..., Any]) -> None:
    for serialised in (False, True):
        one = driven(Series.LENA_R8, ports_serialised=serialised)
        one.ready()
        face, out = usb(one, 1)
        one.send(b"AT+CFUN=0\r")
        one.run(0.2)
        face.receive(b"AT+GMI\r")
        one.run(0.2)
        assert (b"u-blox" in out) is not serialised


def test_urcs_go_to_every_open_port_and_settings_stay_apart(module: Any) -> None:
    face, out = usb(module, 0)
    face.receive(b"ATE0\r")
    face.receive(b"AT+CMEE=2\r")
    module.run(0.1)
    face.receive(b"AT+CMEE=2\r")
    module.run(0.1)
    assert module.at("AT+CMEE?") == ["+CMEE: 0", "OK"]
    out.clear()
    module.module.urc("+TEST: 1")
    assert bytes(out) == b"\r\n+TEST: 1\r\n"
    face.set_open(False)
    module.module.urc("+TEST: 2")
    assert bytes(out) == b"\r\n+TEST: 1\r\n"
    assert module.lines() == ["+TEST: 1", "+TEST: 2"]


def test_uurcconf_chooses_the_ports(lara: Any) -> None:
    face, out = usb(lara, 0)
    assert lara.at("AT+UURCCONF=1") == ["OK"]
    out.clear()
    lara.module.urc("+TEST: 1")
    assert bytes(out) == b""
    assert lara.lines() == ["+TEST: 1"]
    assert lara.at("AT+UURCCONF=0") == ["OK"]
    lara.module.urc("+TEST: 2")
    assert bytes(out) == b"\r\n+TEST: 2\r\n"
    assert face.opened


def test_rts_off_holds_the_output_back(module: Any) -> None:
    module.module.set_input(Input.RTS, False)
    module.module.urc("+TEST: 1")
    assert module.lines() == []
    module.module.set_input(Input.RTS, True)
    assert module.lines() == ["+TEST: 1"]
    module.at("AT&K0")
    module.module.set_input(Input.RTS, False)
    assert module.at("AT") == ["OK"]


_FINALS = ("OK", "ERROR", "NO CARRIER", "+CME ERROR", "+CMS ERROR", "ABORTED")
_SPICE = st.sampled_from([b"AT", b"+CREG", b"=", b"?", b";", b",", b'"', b"1", b"E0", b"&F", b"S3", b"D",
                          b"+CGDCONT", b"A/", b"\x08", b" ",
                          b"+USOCR=6", b"=?", b"Z", b"+CRSM=176,28423,0,0,0"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(min_size=1, max_size=6) | _SPICE, max_size=12))
def test_any_line_gets_a_final_code(module: Any, parts: list[bytes]) -> None:
    """Whatever stands between AT and CR: a final result code, never silence, never an exception."""
    module.run(30)
    module.send(b"\rAT&F\rATE0\r")
    module.run(3)
    module.send(b"ATE0V1Q0\r")
    module.run(1)
    body = b"".join(parts).replace(b"\r", b"")
    if _leaves_command_mode(body):
        return
    module.uart.clear()
    module.send(b"AT" + body + b"\r")
    module.run(250)
    lines = module.lines()
    text = "\n".join(lines)
    assert any(final in text for final in _FINALS) or "Q1" in body.decode("latin-1").upper() or lines
    assert module.loop.failures == []


def _leaves_command_mode(body: bytes) -> bool:
    """Lines that ask for silence, another form, a prompt or a restart are not what is tested here."""
    text = body.decode("latin-1").upper().replace(" ", "")
    return any(word in text for word in ("Q", "V", "S3", "S4", "S5", "+CFUN", "+CPWROFF", "+USOWR", "\x08"))
