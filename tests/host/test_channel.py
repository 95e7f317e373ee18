"""The channel against a peer on a real PTY."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace

import pytest

from cellbench.base.errors import FrameworkError
from cellbench.catalogue.modules.model import Known, ModuleProfile
from cellbench.host.channel import Channel
from cellbench.host.death import DeathKind, DeathSign
from cellbench.host.dialogue import Sending
from cellbench.host.errors import (
    AtError,
    AtTimeout,
    CmeError,
    CmsError,
    NoCarrier,
    UnexpectedPrompt,
    UnexpectedReset,
)
from cellbench.host.portgroup import PortGroup
from cellbench.host.transcript import Transcript
from cellbench.host.urclog import UrcTimeout
from cellbench.io.pipe import PortLost, PortMissing
from cellbench.io.serial_port import SerialPort
from cellbench.wire.at.events import StrayKind

OK = b"\r\nOK\r\n"


def test_information_and_final_code(channel, peer):
    peer.on("AT+CSQ", b"\r\n+CSQ: 25,0\r\n" + OK)
    answer = channel.send("AT+CSQ")
    assert answer.command == "AT+CSQ"
    assert (answer.info, answer.final.text, answer.ok) == (("+CSQ: 25,0",), "OK", True)
    assert answer.value("+CSQ") == (25, 0)
    assert 0 < answer.elapsed_s < 1


def test_text_without_prefix_and_several_commands_on_a_line(channel, peer):
    peer.on("ATI0I9", b"\r\nLENA-R8001M10-00C-00\r\n\r\n02.00,A01.22\r\n" + OK)
    peer.on("AT+CGMM;+CGSN", b"\r\nLENA-R8001\r\n\r\n352846090000000\r\n" + OK)
    assert channel.send("ATI0I9").info == ("LENA-R8001M10-00C-00", "02.00,A01.22")
    assert channel.send("AT+CGMM;+CGSN").info == ("LENA-R8001", "352846090000000")


def test_echo_off_gives_the_same_answers(channel, peer):
    peer.on("AT+CSQ", b"\r\n+CSQ: 25,0\r\n" + OK)
    with_echo = channel.send("AT+CSQ").info
    peer.on("ATE0", OK)
    channel.send("ATE0")
    peer.echo = False
    assert channel.send("AT+CSQ").info == with_echo


@pytest.mark.parametrize(("reply", "number", "text"), [
    (b"\r\n+CME ERROR: 3\r\n", 3, "operation not allowed"),
    (b"\r\n+CME ERROR: operation not allowed\r\n", 3, "operation not allowed"),
    (b"\r\n+CME ERROR: Operation Not Allowed\r\n", 3, "Operation Not Allowed"),
    (b"\r\n+CME ERROR: no such text\r\n", None, "no such text"),
])
def test_cme_errors_are_typed(channel, peer, reply, number, text):
    peer.on("AT+COPS=0", reply)
    with pytest.raises(CmeError) as caught:
        channel.send("AT+COPS=0")
    assert (caught.value.number, caught.value.text) == (number, text)


def test_other_refusals_are_typed(channel, peer):
    peer.on("AT+CMGR=1", b"\r\n+CMS ERROR: 321\r\n")
    peer.on("ATD123;", b"\r\nNO CARRIER\r\n")
    with pytest.raises(CmsError) as caught:
        channel.send("AT+CMGR=1")
    assert caught.value.number == 321
    with pytest.raises(NoCarrier):
        channel.send("ATD123;")
    with pytest.raises(AtError):
        channel.send("AT+NOSUCH")
    assert channel.send("AT+NOSUCH", check=False).final.text == "ERROR"


def test_the_time_out_is_the_declared_response_time(channel):
    assert channel.plan("AT+COPS=?").timeout_s > channel.plan("AT+CSQ").timeout_s
    assert channel.plan("AT+CSQ;+COPS=?").timeout_s == channel.plan("AT+COPS=?").timeout_s


def test_silence_is_a_time_out_and_a_late_answer_is_nobodys(channel, peer):
    peer.on("AT+CGMM", lambda peer, line: None)
    peer.on("AT+CSQ", b"\r\n+CSQ: 25,0\r\n" + OK)
    peer.on("ATE1", OK)
    channel.send("ATE1")
    with pytest.raises(AtTimeout) as caught:
        channel.send("AT+CGMM", timeout_s=0.05)
    assert "AT+CGMM" in str(caught.value)
    peer.say(b"\r\nLENA-R8001\r\n" + OK)
    assert channel.send("AT+CSQ").info == ("+CSQ: 25,0",)
    assert {stray.kind for stray in channel.strays} == {StrayKind.LATE}
    assert [stray.text for stray in channel.strays] == ["LENA-R8001", "OK"]


def test_a_late_answer_that_comes_behind_the_next_command(channel, peer):
    peer.on("ATE1", OK)
    channel.send("ATE1")
    peer.on("AT+CGMM", lambda peer, line: None)
    with pytest.raises(AtTimeout):
        channel.send("AT+CGMM", timeout_s=0.05)
    peer.echo = False  # this time the late answer stands between the command and its echo
    peer.on("AT+CSQ", b"\r\nLENA-R8001\r\n" + OK + b"AT+CSQ\r\r\n+CSQ: 25,0\r\n" + OK)
    assert channel.send("AT+CSQ").info == ("+CSQ: 25,0",)


def test_urcs_between_anything(channel, peer):
    def reply(peer, line):
        peer.say(b"\r\n+UUSORD: 0,5\r\n\r\n+CSQ: 25,0\r\n\r\nRING\r\n" + OK + b"\r\n+UUSOCL: 0\r\n")

    peer.on("AT+CSQ", reply)
    with channel.expect("+UUSOCL") as closed:
        answer = channel.send("AT+CSQ")
        closed.wait(1.0)
    assert answer.info == ("+CSQ: 25,0",)
    assert [urc.text for urc in channel.urcs.since(0)] == ["+UUSORD: 0,5", "RING", "+UUSOCL: 0"]
    assert channel.urcs.since(0)[0].fields == (0, 5)


def test_an_expectation_is_armed_at_once_and_gives_one_after_the_other(channel, peer):
    with channel.expect("+UUSORD", lambda urc: urc.fields[0] == 1) as arrived:
        peer.say(b"\r\n+UUSORD: 0,1\r\n\r\n+UUSORD: 1,2\r\n\r\n+UUSORD: 1,3\r\n")
        assert arrived.wait(20.0).fields == (1, 2)
        assert arrived.wait(20.0).fields == (1, 3)
        with pytest.raises(UrcTimeout):
            arrived.wait(0.02)


def test_a_urc_is_logged_while_nobody_waits(channel, peer):
    seen = threading.Event()
    channel.urcs.listen(lambda urc: seen.set())
    peer.say(b"\r\n+CREG: 5\r\n")
    assert seen.wait(20.0)
    assert channel.urcs.since(0)[0].text == "+CREG: 5"


def test_registration_urc_beside_the_read_answer(channel, peer):
    peer.on("AT+CREG?", b'\r\n+CREG: 5,"1A2B","01C3D4E5",7\r\n\r\n+CREG: 2,5,"1A2B","01C3D4E5",7\r\n' + OK)
    assert channel.send("AT+CREG?").value("+CREG")[:2] == (2, 5)
    assert [urc.fields[0] for urc in channel.urcs.since(0)] == [5]
    peer.on("AT+CREG?", b"\r\n+CREG: 5\r\n" + OK)  # LENA-R8 may answer without the mode
    assert channel.send("AT+CREG?").value("+CREG") == (5,)
    peer.on("AT+CREG=2", b"\r\n+CREG: 2\r\n" + OK)
    assert channel.send("AT+CREG=2").info == ()


def test_a_wait_in_another_thread_does_not_keep_a_command_from_its_answer(channel, peer):
    peer.on("AT+CSQ", b"\r\n+CSQ: 25,0\r\n" + OK)
    got = []
    expectation = channel.expect("+UUPING")
    waiter = threading.Thread(target=lambda: got.append(expectation.wait(5.0)))
    waiter.start()
    for _ in range(50):
        assert channel.send("AT+CSQ", timeout_s=20.0).info == ("+CSQ: 25,0",)
    peer.say(b'\r\n+UUPING: 1,32,"www.google.com","173.194.69.106",46,180\r\n')
    waiter.join(5.0)
    assert got[0].fields[2] == "www.google.com"


def test_several_threads_take_turns(channel, peer):
    for number in range(4):
        peer.on(f"AT+CGPADDR={number}", f"\r\n+CGPADDR: {number},\"10.0.0.{number}\"\r\n".encode() + OK)
    wrong = []

    def ask(number):
        for _ in range(25):
            value = channel.send(f"AT+CGPADDR={number}").value("+CGPADDR")
            if value != (number, f"10.0.0.{number}"):
                wrong.append(value)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_payload_at_the_binary_prompt_after_its_pause(channel, peer, r8):
    prompted = []

    def reply(peer, line):
        peer.want_payload(5, lambda peer, data: peer.say(b"\r\n+USOWR: 0,5\r\n" + OK))
        prompted.append(time.monotonic())
        peer.say(b"\r\n@")

    peer.on("AT+USOWR=0,5", reply)
    answer = channel.send("AT+USOWR=0,5", payload=b'a\r\n"\x1a')
    assert answer.value("+USOWR") == (0, 5)
    came, payload = peer.received[-1]
    assert payload == b'a\r\n"\x1a'
    assert came - prompted[0] >= r8.serial.after_prompt_s.value


def test_text_prompt_and_the_echo_of_its_payload(channel, peer):
    def reply(peer, line):
        def stored(peer, data):
            peer.say(data.replace(b"\x1a", b"") + b"\r\n\r\n+CMGS: 5\r\n" + OK)

        peer.want_payload(6, stored)
        peer.say(b"\r\n> ")

    peer.on('AT+CMGS="+4312345"', reply)
    assert channel.send('AT+CMGS="+4312345"', payload=b"hello\x1a").info == ("+CMGS: 5",)


def test_a_long_payload_tells_how_far_it_is(channel, peer):
    data, told = bytes(10_000), []
    peer.on('AT+UDWNFILE="a",10000', lambda peer, line: (
        peer.want_payload(len(data), lambda peer, data: peer.say(b"\r\n" + OK)), peer.say(b"\r\n> ")))
    assert channel.send('AT+UDWNFILE="a",10000', ask=lambda mark: Sending(data, told.append)).ok
    assert told == [4096, 8192, 10_000]
    assert peer.received[-1][1] == data


def test_nothing_more_is_sent_of_a_payload_that_the_module_has_ended(channel, peer):
    told = []

    def reply(peer, line):
        peer.want_payload(4096, lambda peer, data: peer.say(b"\r\nERROR\r\n\r\n+UUSOCL: 0\r\n"))
        peer.say(b"\r\n> ")

    def wait_for_the_end(count):
        told.append(count)
        assert channel.wait_until(lambda: bool(channel.urcs.since(0)), 20.0)  # it came behind ERROR

    peer.on('AT+UDWNFILE="a",10000', reply)
    with pytest.raises(AtError):
        channel.send('AT+UDWNFILE="a",10000', ask=lambda mark: Sending(bytes(10_000), wait_for_the_end))
    assert told == [4096]
    assert channel.send("AT", timeout_s=20.0).ok


def test_a_prompt_without_payload_is_cancelled_and_said(channel, peer):
    def reply(peer, line):
        peer.want_payload(1, lambda peer, data: peer.say(OK))
        peer.say(b"\r\n> ")

    peer.on('AT+UDWNFILE="a.txt",10', reply)
    with pytest.raises(UnexpectedPrompt):
        channel.send('AT+UDWNFILE="a.txt",10')
    assert channel.send("AT", timeout_s=20.0).ok
    assert peer.received[1][1] == b"\x1b"


def test_binary_payload_in_an_answer(channel, peer):
    data = b'ab\r\nOK\r\nc"d,"\r\nERROR\r\n'
    peer.on("AT+USORD=0,100", b"\r\n+USORD: 0,%d,\"%b\"\r\n" % (len(data), data) + OK)
    answer = channel.send("AT+USORD=0,100")
    assert answer.payload("+USORD") == data
    assert answer.value("+USORD")[:2] == (0, len(data))


def test_the_pause_between_commands_counts_from_the_last_final_code_or_urc(peer, r8, transcript):
    channel = Channel(SerialPort(peer.path), r8, trace=transcript, name="uart")
    gap = r8.serial.between_commands_s.value
    peer.on("AT+CSQ", OK + b"\r\n+UUSOCL: 0\r\n")
    channel.start()
    try:
        for _ in range(3):
            channel.send("AT+CSQ")
        channel.wait_until(lambda: len(channel.urcs.since(0)) == 3, 1.0)
    finally:
        channel.stop()
    last_code = 0.0
    waits = []
    for record in transcript.records():
        if record.direction.value == "<":
            last_code = record.monotonic_ns / 1e9
        elif record.direction.value == ">" and last_code:
            waits.append(record.monotonic_ns / 1e9 - last_code)
    assert len(waits) == 2
    assert min(waits) >= gap


def test_a_pause_after_ipr(channel, peer, r8):
    peer.on("AT+IPR=460800", OK)
    channel.send("AT+IPR=460800")
    began = time.monotonic()
    channel.send("AT")
    assert time.monotonic() - began >= r8.serial.after_ipr_s.value


def test_autobauding_swallows_the_first_at(channel, peer, r8):
    asked = []

    def reply(peer, line):
        asked.append(line)
        if len(asked) > 1:
            peer.say(OK)

    peer.on("AT", reply)
    took = channel.sync(5.0)
    assert len(asked) == 2
    assert r8.serial.after_autobaud_s.value <= took < 2


def test_sync_gives_up_at_its_time(channel, peer):
    peer.on("AT", lambda peer, line: None)
    with pytest.raises(AtTimeout):
        channel.sync(0.2)
    assert channel.silent(0.05)


def test_a_greeting_where_none_is_due_is_a_death_sign(channel, peer):
    signs: list[DeathSign] = []
    channel.on_death(signs.append)
    peer.on("AT+COPS=?", b"\r\n+UUSTATUS: READY\r\n")
    with pytest.raises(UnexpectedReset):
        channel.send("AT+COPS=?", timeout_s=5.0)
    assert [sign.kind for sign in signs] == [DeathKind.GREETING]
    assert channel.send("AT").ok
    assert channel.urcs.since(0)[0].prefix == "greeting"


def test_a_declared_reboot_keeps_death_signs_quiet_and_settings_come_back(channel, peer):
    for line in ("AT+CMEE=2", "ATE0", "AT+CFUN=16"):
        peer.on(line, OK)
    channel.send("AT+CMEE=2")
    signs: list[DeathSign] = []
    channel.on_death(signs.append)
    with channel.declare_reboot(5.0), channel.expect("+UUSTATUS") as greeted:
        channel.send("AT+CFUN=16")
        peer.say(b"\r\n+UUSTATUS: READY\r\n")
        greeted.wait(1.0)
        before = len(peer.received)
        channel.sync(2.0)
    assert signs == []
    assert [line for _, line in peer.received[before:]] == [b"AT", b"AT+CMEE=2"]


def test_a_vanished_port_is_a_rig_error_and_the_channel_moves(channel, peer, other_peer):
    peer.on("AT+CMEE=1", OK)
    other_peer.on("AT+CMEE=1", OK)
    channel.send("AT+CMEE=1")
    signs: list[DeathSign] = []
    channel.on_death(signs.append)
    peer.vanish()
    with pytest.raises(PortLost):
        channel.send("AT", timeout_s=1.0)
    assert [sign.kind for sign in signs] == [DeathKind.PORT_LOST]
    assert not channel.is_up
    channel.move(SerialPort(other_peer.path))
    channel.sync(2.0)
    assert channel.is_up
    assert other_peer.received[-1][1] == b"AT+CMEE=1"


def test_an_idle_channel_sees_its_port_vanish(channel, peer):
    seen = threading.Event()
    channel.on_death(lambda sign: seen.set())
    peer.vanish()
    assert seen.wait(20.0)
    with pytest.raises(PortLost):
        channel.send("AT")


def test_a_missing_port_names_those_that_exist(r8, transcript, tmp_path):
    (tmp_path / "ttyUSB7").symlink_to("/dev/null")
    channel = Channel(SerialPort(tmp_path / "ttyUSB3"), r8, trace=transcript, name="uart")
    with pytest.raises(PortMissing, match="ttyUSB7"):
        channel.start()


def test_stop_ends_a_wait_in_another_thread(channel, peer):
    asked = threading.Event()
    peer.on("AT+COPS=?", lambda peer, line: asked.set())
    failures = []

    def wait():
        try:
            channel.send("AT+COPS=?", timeout_s=20.0)
        except PortLost as error:
            failures.append(error)

    waiter = threading.Thread(target=wait)
    waiter.start()
    assert asked.wait(20.0)
    channel.stop()
    waiter.join(3.0)
    assert len(failures) == 1


def test_lines_that_cannot_be_sent_are_our_fault(channel):
    for line in ("CSQ", "AT+CSQ\rAT", "AT+" + "C" * 2000):
        with pytest.raises(FrameworkError):
            channel.send(line)


def test_secrets_never_leave_the_transcript(channel, peer, transcript):
    peer.on('AT+UAUTHREQ=1,1,"usr","hush-hush"', OK)
    peer.on("AT+CPIN=\"9753\"", OK)
    answer = channel.send('AT+UAUTHREQ=1,1,"usr","hush-hush"')
    channel.send("AT+CPIN=\"9753\"")
    text = transcript.export()
    assert "hush-hush" not in text
    assert "9753" not in text
    assert "hush-hush" not in answer.command
    assert "*********" in text


def test_refusals_do_not_tell_secrets(channel, peer):
    with pytest.raises(AtError) as caught:
        channel.send('AT+CPIN="9753"')
    assert "9753" not in str(caught.value)


def test_span_points_at_the_records_of_the_command(channel, peer, transcript):
    peer.on("AT+CSQ", b"\r\n+CSQ: 25,0\r\n" + OK)
    channel.send("AT")
    span = channel.send("AT+CSQ").span
    text = "".join(line.text for line in transcript.lines_for(span))
    assert text == "AT+CSQ<CR>AT+CSQ<CR><CR><LF>+CSQ: 25,0<CR><LF><CR><LF>OK<CR><LF>"


def test_numeric_codes(channel, peer):
    peer.on("ATV0", b"0\r")
    peer.on("AT+CSQ", b"+CSQ: 25,0\r\n0\r")
    peer.on("ATV1", OK)
    peer.on("ATS3?", b"013\r\n0\r")
    assert channel.send("ATV0").final.number == 0
    assert channel.send("AT+CSQ").info == ("+CSQ: 25,0",)
    assert channel.send("ATS3?").info == ("013",)
    channel.send("ATV1")
    peer.on("AT+CGMR", b"\r\n0\r\n" + OK)
    assert channel.send("AT+CGMR").info == ("0",)


def test_data_mode_and_back(peer, r8, transcript):
    guard = Known(0.2, r8.serial.escape_guard_s.source)
    r8 = replace(r8, serial=replace(r8.serial, escape_guard_s=guard))
    channel = Channel(SerialPort(peer.path), r8, trace=transcript, name="uart", gap_s=0)
    channel.start()

    def escape(peer, data):
        assert data == b"+++"
        peer.say(b"\r\nDISCONNECT\r\n" + OK)

    def connect(peer, line):
        peer.want_payload(3, lambda peer, data: (peer.say(b"OK\r\n" + data), peer.want_payload(3, escape)))
        peer.say(b"\r\nCONNECT\r\nfirst")

    peer.on("AT+USODL=0", connect)
    with channel.open_data("AT+USODL=0") as stream:
        assert stream.read_exactly(5, 1.0) == b"first"
        stream.write(b"abc")
        assert stream.read_exactly(7, 1.0) == b"OK\r\nabc"
        written = time.monotonic()
        assert stream.escape().info == ("DISCONNECT",)
        assert time.monotonic() - written >= r8.serial.escape_guard_s.value
    assert channel.send("AT").ok
    channel.stop()


def test_an_escape_right_after_connect_waits_for_the_guard_time(peer, r8, transcript):
    guard = Known(0.2, r8.serial.escape_guard_s.source)
    r8 = replace(r8, serial=replace(r8.serial, escape_guard_s=guard))
    channel = Channel(SerialPort(peer.path), r8, trace=transcript, name="uart", gap_s=0)
    channel.start()
    began = []

    def escape(peer, data):
        began.append(time.monotonic())
        peer.say(b"\r\nDISCONNECT\r\n" + OK)

    def connect(peer, line):
        began.append(time.monotonic())
        peer.want_payload(3, escape)
        peer.say(b"\r\nCONNECT\r\nall")

    peer.on('AT+UFTPC=6,"name"', connect)
    with channel.open_data('AT+UFTPC=6,"name"') as stream:
        assert stream.read_exactly(3, 1.0) == b"all"
        assert stream.escape().info == ("DISCONNECT",)
    assert began[1] - began[0] >= r8.serial.escape_guard_s.value
    channel.stop()


def test_a_command_waits_for_the_other_ports(peer, other_peer, r8):
    group = PortGroup()
    first = Channel(SerialPort(peer.path), r8, trace=Transcript(), name="at0", gap_s=0, group=group)
    second = Channel(SerialPort(other_peer.path), r8, trace=Transcript(), name="at1", gap_s=0, group=group)
    started = threading.Event()
    peer.on("AT+COPS=?", lambda peer, line: started.set())
    other_peer.on("AT+CSQ", lambda peer, line: None)
    first.start()
    second.start()
    try:
        slow = threading.Thread(target=lambda: first.send("AT+COPS=?", timeout_s=5.0))
        slow.start()
        assert started.wait(20.0)
        timer = threading.Timer(0.4, lambda: (peer.say(OK), other_peer.say(b"\r\n+CSQ: 1,1\r\n" + OK)))
        timer.start()
        # far beyond its own time-out, but the parser was busy with the other port
        assert second.send("AT+CSQ", timeout_s=0.1).value("+CSQ") == (1, 1)
        slow.join()
    finally:
        first.stop()
        second.stop()


def test_nothing_is_left_open_after_stop(peer, r8):
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        channel = Channel(SerialPort(peer.path), r8, trace=Transcript(), name="uart", gap_s=0)
        channel.start()
        channel.send("AT")
        channel.stop()
    assert len(os.listdir("/proc/self/fd")) <= before  # others may have let go of theirs
    assert not any(thread.name == "port uart" for thread in threading.enumerate())


def test_every_profile_is_spoken(peer, profile: ModuleProfile):
    channel = Channel(SerialPort(peer.path), profile, trace=Transcript(), name="uart", gap_s=0)
    channel.start()
    assert channel.send("AT").ok
    channel.stop()
