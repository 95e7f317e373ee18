"""A module's SIM as the card in a PC/SC reader: commands from a virtual reader go out as AT+CSIM over a tty.

``csim_bridge.py TTY PORT``: the reader driver (vpcd of vsmartcard) listens at 127.0.0.1:PORT. Its messages
have two bytes of length; one byte alone is power off (0), power on (1), reset (2) or the wish for the answer
to reset (4). Every exchange is printed as ``command > answer`` in hexadecimal. It ends when the reader does.
"""

from __future__ import annotations

import re
import socket
import sys
import time

import serial

ATR = bytes.fromhex("3B9F96801FC78031A073BE21136743200718000001A5")
GET_ATR = 4
ANSWER = re.compile(rb'\+CSIM: (\d+),"?([0-9A-F]+)"?\r\n')
FINAL = re.compile(rb"\r\n(OK|ERROR|\+CME ERROR: [^\r]*)\r\n")


def command(port: serial.Serial, line: bytes) -> bytes:
    """A command line and everything up to its final result code."""
    port.reset_input_buffer()
    port.write(line + b"\r")
    received = bytearray()
    while not FINAL.search(received):
        more = port.read(max(1, port.in_waiting))
        if not more:
            raise TimeoutError(f"{line!r}: no answer, {bytes(received)!r}")
        received += more
    return bytes(received)


def exchange(port: serial.Serial, apdu: bytes) -> bytes:
    """One APDU by AT+CSIM; 6F00 when the module refuses."""
    text = apdu.hex().upper()
    found = ANSWER.search(command(port, f'AT+CSIM={len(text)},"{text}"'.encode("ascii")))
    answer = b"\x6f\x00" if found is None else bytes.fromhex(found[2].decode("ascii"))
    if found is not None and int(found[1]) != len(found[2]):
        raise ValueError(f"length {found[1]!r} for {found[2]!r}")
    print(f"{text} > {answer.hex().upper()}", flush=True)
    return answer


def received(reader: socket.socket, size: int) -> bytes:
    """So many bytes from the reader; fewer when it has gone."""
    data = b""
    while len(data) < size:
        more = reader.recv(size - len(data))
        if not more:
            return b""
        data += more
    return data


def connected(number: int) -> socket.socket:
    """The reader's port, which it opens some time after its program has started."""
    until = time.monotonic() + 30.0
    while True:
        try:
            return socket.create_connection(("127.0.0.1", number), 30)
        except ConnectionRefusedError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def main() -> None:
    with serial.Serial(sys.argv[1], 115_200, timeout=15) as port:
        command(port, b"ATE0")
        with connected(int(sys.argv[2])) as reader:
            reader.settimeout(None)
            print("ready", flush=True)
            while head := received(reader, 2):
                message = received(reader, int.from_bytes(head, "big"))
                if len(message) == 1:
                    answer = ATR if message[0] == GET_ATR else None
                else:
                    answer = exchange(port, message)
                if answer is not None:
                    reader.sendall(len(answer).to_bytes(2, "big") + answer)


if __name__ == "__main__":
    main()
