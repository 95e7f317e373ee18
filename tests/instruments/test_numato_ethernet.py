"""The Numato Ethernet relay module against transcripts.

Source: the maker's command set for its Ethernet and PoE modules (ver, relay on|off|read, gpio read; relays
0 to 9, then A to V; 00 to 63 on boards of 64), and public client code for the login: prompts "User Name: "
and "Password: ", telnet options after the latter, "Logged in successfully" or "Access denied", prompt ">".
"""

from __future__ import annotations

import time

import pytest

from cellbench.base.errors import RigError
from cellbench.instruments.open import equipment_key, open_lines, open_supply

TRANSCRIPT_OF = ("line.numato-ethernet",)
OPTIONS = bytes((255, 251, 1, 255, 251, 3, 255, 253, 24))  # WILL ECHO, WILL SGA, DO TERMINAL-TYPE
ANSWERS = bytes((255, 253, 1, 255, 253, 3, 255, 252, 24))  # DO ECHO, DO SGA, WONT TERMINAL-TYPE
LOGIN = [(b"admin\r\n", b"\r\nPassword: " + OPTIONS), (ANSWERS, b""),
         (b"s3cret\r\n", b"\r\nLogged in successfully\r\n\r\n>")]
PLAIN_LOGIN = [(b"admin\r\n", b"Password: "), (b"s3cret\r\n", b"Logged in successfully\r\n>")]
VERSION = (b"ver\r\n", b"A0M06.01\r\n>")
BANNER = b"\r\nNumato Lab 32 channel Ethernet relay module\r\nUser Name: "


def board_at(port, **settings):
    plain = {"host": "127.0.0.1", "port": port, "user": "admin", "password": "s3cret", **settings}
    stated = {key: value for key, value in plain.items() if value is not None}
    return open_lines("line.numato-ethernet", stated, name="relays1")


def test_login_switch_and_read(play, dialogue):
    player = play(dialogue([
        *LOGIN, VERSION,
        (b"relay on 3\r\n", b"relay on 3\r\n>"), (b"relay read 3\r\n", b"relay read 3\r\non\r\n>"),
        (b"relay off 3\r\n", b"\r\n>"), (b"relay read 3\r\n", b"off\n\r>"),
        (b"relay on A\r\n", b">"), (b"relay read A\r\n", b"on\r\n>"),
        (b"relay read V\r\n", b"\r\noff\r\n>"),
        (b"gpio read 0\r\n", b"1\r\n>"), (b"gpio read B\r\n", b"off\r\n>"),
    ], BANNER))
    board = board_at(player.port)
    assert board.identity() == "Numato Ethernet relay module, firmware A0M06.01"
    board.drive(3, True)
    board.drive(3, False)
    board.drive(10, True)
    assert board.is_closed(31) is False
    assert board.read(0) is True
    assert board.read(11) is False
    board.close()


def test_module_without_telnet_options(play, dialogue):
    player = play(dialogue([*PLAIN_LOGIN, VERSION, (b"gpio read 1\r\n", b"0\r\n>")], b"User Name: "))
    board = board_at(player.port)
    assert board.read(1) is False
    board.close()


def test_module_without_login(play, dialogue):
    player = play(dialogue([VERSION, (b"relay read 0\r\n", b"on\r\n>")], b"\r\n>"))
    board = board_at(player.port, user=None, password=None)
    assert board.is_closed(0) is True
    board.close()


def test_board_of_64_relays_counts_in_two_digits(play, dialogue):
    player = play(dialogue([VERSION, (b"relay on 07\r\n", b">"), (b"relay read 07\r\n", b"on\r\n>"),
                            (b"relay read 63\r\n", b"off\r\n>")], b">"))
    board = board_at(player.port, relays=64)
    board.drive(7, True)
    assert board.is_closed(63) is False
    board.close()


def test_relay_that_does_not_follow(play, dialogue):
    player = play(dialogue([*LOGIN, VERSION, (b"relay on 5\r\n", b"\r\n>"),
                            (b"relay read 5\r\n", b"off\r\n>")], BANNER))
    board = board_at(player.port)
    with pytest.raises(RigError, match="instrument relays1: relay 5 stays open"):
        board.drive(5, True)
    board.close()


def test_login_refused(play, dialogue):
    player = play(dialogue([LOGIN[0], LOGIN[1], (b"s3cret\r\n", b"\r\nAccess denied\r\n")], BANNER))
    with pytest.raises(RigError, match="refuses the login of admin") as caught:
        board_at(player.port)
    assert "s3cret" not in str(caught.value)


def test_login_that_the_rig_file_does_not_give(play, dialogue):
    player = play(dialogue([], BANNER))
    with pytest.raises(RigError, match="asks for a user, the rig file gives none"):
        board_at(player.port, user=None)


def test_module_that_hangs_is_named_and_taken_up_again(play, dialogue):
    login = [*PLAIN_LOGIN, VERSION]
    player = play(dialogue([*login, (b"relay read 1\r\n", b"")], b"User Name: "),
                  dialogue([*login, (b"relay read 2\r\n", b"on\r\n>")], b"User Name: "))
    board = board_at(player.port, timeout_s=0.5)
    began = time.monotonic()
    with pytest.raises(RigError, match=r"relays1 \(127.0.0.1:\d+\) failed at 'relay read 1': no answer"):
        board.is_closed(1)
    assert time.monotonic() - began < 2
    assert board.is_closed(2) is True
    board.close()


def test_connection_that_is_cut(play, dialogue):
    player = play(dialogue([VERSION, (b"relay read 1\r\n", None)], b">"))
    board = board_at(player.port)
    with pytest.raises(RigError, match="the module closed the connection"):
        board.is_closed(1)
    board.close()


def test_answer_that_is_none(play, dialogue):
    player = play(dialogue([VERSION, (b"relay read 1\r\n", b"Error: bad command\r\n>")], b">"),
                  dialogue([VERSION, (b"relay read 1\r\n", b"on\r\n>")], b">"))
    board = board_at(player.port)
    with pytest.raises(RigError, match=r"relays1 .*answered 'Error: bad command' to 'relay read 1'"):
        board.is_closed(1)
    assert board.is_closed(1) is True
    board.close()


def test_something_else_that_talks_without_end(play, dialogue):
    player = play(dialogue([], b"x" * 6000))
    with pytest.raises(RigError, match="characters without a prompt"):
        board_at(player.port)


def test_pins_that_the_board_lacks(play, dialogue):
    player = play(dialogue([VERSION], b">"))
    board = board_at(player.port, relays=8, inputs=0)
    with pytest.raises(RigError, match="no relay 8; it has 0 to 7"):
        board.drive(8, True)
    with pytest.raises(RigError, match="no input 0; it has none"):
        board.read(0)
    board.close()


def test_board_that_is_not_there(unused_port):
    with pytest.raises(RigError, match=r"relays1 \(127.0.0.1:\d+\) cannot be reached: Connection refused"):
        board_at(unused_port)


def test_kind_and_key():
    with pytest.raises(RigError, match="is a line, not a supply"):
        open_supply("line.numato-ethernet", {})
    assert equipment_key("line.numato-ethernet", {"host": "Relays", "port": 23}) == "tcp:relays:23"
    with pytest.raises(RigError, match="instrument relays1: host: "):
        open_lines("line.numato-ethernet", {"host": "a b"}, name="relays1")
