"""The console: commands in, everything that comes back out."""

from __future__ import annotations

import io
import sys

import pexpect
import pytest

from cellbench.host.console import announced_payload, run_console

OK = b"\r\nOK\r\n"


def talk(channel, commands: list[str], typed: str = "", interactive: bool = False) -> tuple[int, str]:
    out = io.StringIO()
    status = run_console(channel, commands, io.StringIO(typed), out, interactive)
    return status, out.getvalue()


def test_one_shot(channel, peer):
    peer.on("AT+CSQ", b"\r\n+CSQ: 25,0\r\n" + OK)
    assert talk(channel, ["AT", "AT+CSQ"]) == (0, "OK\n+CSQ: 25,0\nOK\n")


def test_a_refusal_ends_with_1_and_its_text(channel, peer):
    peer.on("AT+CPIN?", b"\r\n+CME ERROR: 10\r\n")
    assert talk(channel, ["AT+CPIN?", "AT"]) == (1, "+CME ERROR: 10 (SIM not inserted)\nOK\n")


def test_lines_from_a_pipe(channel, peer):
    status, out = talk(channel, [], "AT\n\n/help\n/nothing\nAT+NOSUCH\n/quit\nAT\n", interactive=True)
    assert status == 1
    assert out.startswith("OK\n")
    assert "/hex" in out
    assert out.endswith("unknown: /nothing (/help lists what there is)\nERROR\n")


def test_what_is_no_command_is_said(channel):
    status, out = talk(channel, ["hello"])
    assert status == 1
    assert "begins with AT" in out


def test_urcs_are_shown_as_they_come(channel, peer):
    peer.on("AT+CSQ", b"\r\n+UUSORD: 0,5\r\n\r\n+CSQ: 25,0\r\n" + OK)
    assert talk(channel, ["AT+CSQ"]) == (0, "* +UUSORD: 0,5\n+CSQ: 25,0\nOK\n")


def prompting(peer, line: str, mark: bytes, count: int, reply: bytes) -> None:
    def ask(peer, line):
        peer.want_payload(count, lambda peer, data: peer.say(reply))
        peer.say(mark)

    peer.on(line, ask)


@pytest.mark.parametrize(("given", "sent"), [
    ("ab", b"ab"), ("/hex 00 ff", b"\x00\xff"), ("abc", b"ab"), ("a", b"a ")])
def test_a_payload_of_announced_length(channel, peer, given, sent):
    prompting(peer, "AT+USOWR=0,2", b"\r\n@", 2, b"\r\n+USOWR: 0,2\r\n" + OK)
    status, out = talk(channel, ["AT+USOWR=0,2", given])
    assert peer.received[-1][1] == sent
    assert status == (0 if given in ("ab", "/hex 00 ff") else 1)
    assert out.endswith("+USOWR: 0,2\nOK\n")


def test_a_payload_from_a_file(channel, peer, tmp_path):
    (tmp_path / "data").write_bytes(b"\x00\r\n\xff")
    prompting(peer, 'AT+UDWNFILE="f",4', b"\r\n>", 4, OK)
    assert talk(channel, ['AT+UDWNFILE="f",4', f"/file {tmp_path}/data"])[0] == 0
    assert peer.received[-1][1] == b"\x00\r\n\xff"


def test_a_payload_that_cannot_be_read_is_said(channel, peer):
    prompting(peer, "AT+USOWR=0,2", b"\r\n@", 2, OK)
    status, out = talk(channel, ["AT+USOWR=0,2", "/hex xyz"])
    assert status == 1
    assert "payload" in out


def test_a_message_text_ends_with_ctrl_z(channel, peer):
    prompting(peer, 'AT+CMGS="123"', b"\r\n> ", 6, b"\r\n+CMGS: 5\r\n" + OK)
    assert talk(channel, [], 'AT+CMGS="123"\nhello\n', interactive=True)[0] == 0
    assert peer.received[-1][1] == b"hello\x1a"


def test_control_characters_do_not_reach_the_terminal(channel, peer):
    peer.on("AT+USORD=0,5", b'\r\n+USORD: 0,5,"\x1b[2Jx"' + OK)
    assert "\x1b" not in talk(channel, ["AT+USORD=0,5"])[1]


def test_lines_of_a_port_without_lines(channel):
    status, out = talk(channel, ["/lines", "/dtr on"])
    assert status == 1
    assert out.count("no control lines") == 2


def test_secrets_are_not_shown_in_errors(channel):
    assert "9753" not in talk(channel, ['AT+CPIN="9753"'])[1]


@pytest.mark.parametrize(("line", "count"), [
    ("AT+USOWR=0,12", 12), ('AT+USOST=0,"1.2.3.4",7,5', 5), ('AT+UDWNFILE="a,9",30', 30),
    ('AT+UDWNFILE="a",30,"FOAT"', 30), ('AT+CMGS="123"', None), ("AT+CMGW", None), ("AT+CSQ", None)])
def test_announced_lengths(line, count):
    assert announced_payload(line) == count


TYPED = """
import sys
from cellbench.catalogue.model import Series
from cellbench.catalogue.modules import profile_for
from cellbench.host.channel import Channel
from cellbench.host.console import run_console
from cellbench.host.transcript import Transcript
from cellbench.io.serial_port import SerialPort
channel = Channel(SerialPort(sys.argv[1]), profile_for(Series.LENA_R8), trace=Transcript(), name="uart")
channel.start()
status = run_console(channel, [], sys.stdin, sys.stdout, True)
channel.stop()
sys.exit(status)
"""


def test_someone_types(peer, tmp_path):
    peer.on('AT+CPIN="9753"', OK)
    prompting(peer, "AT+USOWR=0,6", b"\r\n@", 6, OK)
    env = {"XDG_STATE_HOME": str(tmp_path), "PYTHONPATH": ":".join(sys.path), "TERM": "dumb"}
    child = pexpect.spawn(sys.executable, ["-c", TYPED, peer.path], env=env, timeout=10, encoding="latin-1")
    child.expect_exact("uart: /help for help")
    child.sendline("AT")
    child.expect_exact("OK")
    peer.say(b"\r\n+UUSORD: 0,3\r\n")
    child.expect_exact("* +UUSORD: 0,3")
    child.sendline('AT+CPIN="9753"')
    child.expect_exact("OK")
    child.sendline("AT+USOWR=0,6")
    child.expect_exact("@ ")
    child.sendline("hidden")
    child.expect_exact("OK")
    child.sendeof()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert peer.received[-1][1] == b"hidden"
    history = (tmp_path / "cellbench" / "at_history").read_text()
    assert "AT+USOWR=0,6" in history
    assert "9753" not in history
    assert "hidden" not in history
