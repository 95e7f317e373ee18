"""The relay board, by a plain telnet socket as the maker's examples use it."""

import socket
from functools import partial

import pytest

from cellbench.virtual.bench.relays import RelayBoard, Wiring

IAC_WILL_ECHO, IAC_WONT_ECHO, IAC_DO_ECHO = b"\xff\xfb\x01", b"\xff\xfc\x01", b"\xff\xfd\x01"


class Telnet:
    """A socket that reads until a text comes."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), 3)
        self.held = b""

    def until(self, end: bytes) -> bytes:
        while end not in self.held:
            chunk = self.sock.recv(4096)
            if not chunk:
                raise EOFError(self.held)
            self.held += chunk
        head, _, self.held = self.held.partition(end)
        return head

    def command(self, text: bytes) -> bytes:
        self.sock.sendall(text + b"\r\n")
        return self.until(b">")

    def login(self, password: bytes = b"admin") -> None:
        self.until(b"User Name: ")
        self.sock.sendall(b"admin\r\n")
        self.until(b"Password: ")
        self.until(IAC_WILL_ECHO)
        self.sock.sendall(IAC_DO_ECHO + password + b"\r\n")


@pytest.fixture
def wires():
    return {"closed": {}, "inputs": {0: True, 31: True}}


@pytest.fixture
def board(loop, wires):
    async def make():
        relays = {pin: partial(wires["closed"].__setitem__, pin) for pin in range(32)}
        inputs = {pin: (lambda pin=pin: wires["inputs"].get(pin, False)) for pin in range(32)}
        made = RelayBoard(Wiring(relays, inputs))
        made.bound = await made.start()
        return made

    made = loop.run(make())
    yield made
    loop.run(made.stop())


@pytest.fixture
def telnet(board):
    client = Telnet(board.bound)
    client.login()
    client.until(b"Logged in successfully\r\n>")
    yield client
    client.sock.close()


def test_relays_switch_and_read_back(telnet, wires):
    assert telnet.command(b"relay read 0") == b"off\r\n"
    assert telnet.command(b"relay on 0") == b""
    assert telnet.command(b"relay read 0") == b"on\r\n"
    assert telnet.command(b"relay on V") == b""
    assert wires["closed"] == {0: True, 31: True}
    assert telnet.command(b"relay readall") == b"80000001\r\n"
    assert telnet.command(b"relay off 0") == b""
    assert wires["closed"][0] is False
    assert telnet.command(b"relay writeall 00000002") == b""
    assert wires["closed"][1] is True
    assert wires["closed"][31] is False


def test_inputs(telnet, wires):
    assert telnet.command(b"gpio read 0") == b"1\r\n"
    assert telnet.command(b"gpio read 1") == b"0\r\n"
    wires["inputs"][1] = True
    assert telnet.command(b"GPIO READ 1") == b"1\r\n"


@pytest.mark.parametrize("text", [b"relay on W", b"relay on 10", b"relay", b"gpio read", b"frob",
                                  b"relay jump 1", b"relay writeall 1"])
def test_wrong_commands_get_a_sentence_and_change_nothing(telnet, wires, text):
    assert telnet.command(text).startswith(b"Invalid")
    assert wires["closed"] == {}


def test_wrong_password_is_refused_and_the_third_one_ends_it(board):
    client = Telnet(board.bound)
    for _ in range(3):
        client.login(b"guess")
        client.until(b"Access denied")
    with pytest.raises(EOFError):
        client.until(b"User Name: ")
    client.sock.close()


def test_relays_stay_when_the_client_goes_and_fall_back_with_the_board(loop, board, telnet, wires):
    telnet.command(b"relay on 3")
    telnet.sock.close()
    again = Telnet(board.bound)
    again.login()
    again.until(b">")
    assert again.command(b"relay read 3") == b"on\r\n"
    loop.run(board.stop())
    assert wires["closed"][3] is False
    again.sock.close()


def test_bytes_one_by_one_and_any_line_end(telnet, wires):
    for byte in b"relay on 2\n\r":
        telnet.sock.sendall(bytes((byte,)))
    telnet.until(b">")
    assert wires["closed"][2] is True
