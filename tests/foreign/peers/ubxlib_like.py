"""A foreign program: drives one module the way u-blox's own driver library does, and prints what it found.

Order of commands, what is read from each answer, retries and waits follow the public driver (ubxlib,
cell/src: power, network, sockets, information, GPIO); written anew, with pyserial for the UART and plain
sockets for the supply (SCPI) and the relay board. One JSON object goes to standard output; an assertion that
fails is the driver giving up.
"""

from __future__ import annotations

import argparse
import json
import re
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import serial

CREG_TYPE, CEREG_TYPE = 2, 4
REGISTERED = (1, 5)
URCS = ("+CREG:", "+CGREG:", "+CEREG:", "+CGEV:", "+UUSORD:", "+UUSORF:", "+UUSOCL:", "+CSCON:", "+CTZV:",
        "+UUSTATUS:")


@dataclass(frozen=True)
class Module:
    """One row of facts, as the driver's table has it."""

    name: str
    pwr_on_s: float
    needs_empty_credentials: bool
    creg_without_n: bool
    cereg_extra: bool
    asynchronous_close: bool
    udp_write_prefix: str
    radio_mode: str | None
    bands: str


MODULES = (
    Module("LENA-R8", 2.0, True, True, False, True, "+USOST:", None, "AT+SETLOCK=2,0"),
    Module("LARA-R6", 0.3, False, False, True, False, "+USOWR:", "AT+UCGED=2", "AT+UBANDMASK?"),
)


class GaveUp(Exception):
    """The driver cannot go on."""


class DeviceError(GaveUp):
    """ERROR, +CME ERROR or +CMS ERROR."""


class At:
    """The AT client: a command at a time, URCs to their own list."""

    def __init__(self, url: str) -> None:
        self.port = serial.serial_for_url(url, 115200, timeout=0.02)
        self.urcs: list[str] = []
        self._text = b""

    def _read(self, deadline: float) -> None:
        if time.monotonic() > deadline:
            raise TimeoutError
        self._text += self.port.read(self.port.in_waiting or 1)

    def _line(self, deadline: float) -> str:
        while b"\r\n" not in self._text:
            self._read(deadline)
        line, _, self._text = self._text.partition(b"\r\n")
        return line.decode("latin-1").strip("\r")

    def begin(self, command: str) -> None:
        """Send a command line; the next one keeps 20 ms."""
        time.sleep(0.02)
        self.port.write(command.encode("latin-1") + b"\r")

    def response(self, prefix: str, timeout: float = 10.0) -> str:
        """The rest of the information response with that prefix."""
        deadline = time.monotonic() + timeout
        while True:
            line = self._line(deadline)
            if line.startswith(prefix):
                return line[len(prefix):].strip()
            if line in ("OK", "ERROR") or line.startswith(("+CME ERROR", "+CMS ERROR")):
                raise DeviceError(f"{line} instead of {prefix}")
            self._aside(line)

    def _aside(self, line: str) -> None:
        if line.startswith(URCS):
            self.urcs.append(line)

    def stop(self, timeout: float = 10.0) -> list[str]:
        """Everything up to the final result code; DeviceError when it is none of success."""
        deadline, lines = time.monotonic() + timeout, []
        while True:
            line = self._line(deadline)
            if line == "OK":
                return lines
            if line == "ERROR" or line.startswith(("+CME ERROR", "+CMS ERROR", "ABORTED")):
                raise DeviceError(line)
            if line.startswith(URCS):
                self.urcs.append(line)
            elif line:
                lines.append(line)

    def command(self, command: str, timeout: float = 10.0) -> list[str]:
        """A command with its whole answer, echo left out."""
        self.begin(command)
        return [line for line in self.stop(timeout) if line != command]

    def value(self, command: str, prefix: str, timeout: float = 10.0) -> str:
        """A command whose information response is wanted."""
        self.begin(command)
        found = self.response(prefix, timeout)
        self.stop(timeout)
        return found

    def wait_character(self, character: bytes, timeout: float = 10.0) -> None:
        """The prompt."""
        deadline = time.monotonic() + timeout
        while character not in self._text:
            if b"ERROR" in self._text:
                raise DeviceError(self._text.decode("latin-1"))
            self._read(deadline)
        self._text = self._text.partition(character)[2]

    def exact(self, count: int, timeout: float = 10.0) -> bytes:
        """Bytes that nothing stops, whatever they look like."""
        deadline = time.monotonic() + timeout
        while len(self._text) < count:
            self._read(deadline)
        taken, self._text = self._text[:count], self._text[count:]
        return taken

    def until(self, character: bytes, timeout: float = 10.0) -> bytes:
        """Bytes up to and without a character."""
        deadline = time.monotonic() + timeout
        while character not in self._text:
            self._read(deadline)
        found, _, self._text = self._text.partition(character)
        return found

    def urc(self, prefix: str, timeout: float = 10.0) -> str:
        """The next URC with that prefix, the rest of its line."""
        deadline = time.monotonic() + timeout
        while True:
            for urc in self.urcs:
                if urc.startswith(prefix):
                    self.urcs.remove(urc)
                    return urc[len(prefix):].strip()
            self._aside(self._line(deadline))


class Supply:
    """A SCPI supply, by a plain socket."""

    def __init__(self, place: str, channel: int) -> None:
        host, _, port = place.rpartition(":")
        self._socket = socket.create_connection((host, int(port)), 10)
        self._file = self._socket.makefile("rwb")
        self.tell(f"INST:NSEL {channel}")

    def tell(self, text: str) -> None:
        self._file.write(text.encode() + b"\n")
        self._file.flush()

    def ask(self, text: str) -> str:
        self.tell(text)
        return self._file.readline().decode().strip()

    def switch(self, on: bool) -> None:
        """3.8 V, or nothing."""
        if on:
            self.tell("VOLT 3.8")
            self.tell("CURR 3")
        self.tell(f"OUTP {'ON' if on else 'OFF'}")
        assert self.ask("OUTP?") in (("1", "ON") if on else ("0", "OFF"))


class Relays:
    """The relay board's telnet dialogue, by a plain socket."""

    def __init__(self, place: str, password: str) -> None:
        host, _, port = place.rpartition(":")
        self._socket = socket.create_connection((host, int(port)), 10)
        self._until(b"User Name: ")
        self._say("admin")
        self._until(b"Password: ")
        self._say(password)
        self._until(b">")

    def _say(self, text: str) -> None:
        self._socket.sendall(text.encode() + b"\r\n")

    def _until(self, mark: bytes) -> bytes:
        heard = b""
        while not heard.rstrip().endswith(mark.rstrip()):
            chunk = self._socket.recv(4096)
            if not chunk:
                raise GaveUp(f"the relay board closed: {heard!r}")
            heard += re.sub(rb"\xff[\xfb-\xfe].", b"", chunk)
        return heard

    def _ask(self, text: str) -> str:
        self._say(text)
        return self._until(b">").decode("latin-1")

    def switch(self, relay: str, closed: bool) -> None:
        self._ask(f"relay {'on' if closed else 'off'} {relay}")

    def level(self, number: str) -> bool:
        """An input; the answer is the only digit alone on its line."""
        found = re.findall(r"^\s*([01])\s*$", self._ask(f"gpio read {number}"), re.MULTILINE)
        return found[-1] == "1"


class Driver:
    """Power, network, sockets: what an application asks of the library."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.found: dict[str, object] = {}
        self.at = At(arguments.uart)
        self._supply = Supply(arguments.supply, arguments.channel)
        self._relays = Relays(arguments.relays, arguments.password)
        self._pwr_on, self._v_int, self._vusb = arguments.pwr_on, arguments.v_int, arguments.vusb_det
        self._apn, self._expected = arguments.apn, arguments.module
        self._flip_s, self._flipped = arguments.flip, 0.0
        self.module = next(one for one in MODULES if one.name == arguments.module)

    # -- power -------------------------------------------------------------------------------------

    def power_on(self) -> None:
        """Volts, V_INT, PWR_ON, AT until it answers, then identify and configure."""
        self._supply.switch(True)
        self._relays.switch(self._vusb, True)
        time.sleep(0.1)
        assert not self._relays.level(self._v_int), "VCC alone switched the module on"
        assert not self._alive(1, 0.3), "a module that is off answered"
        self._relays.switch(self._pwr_on, True)
        time.sleep(self.module.pwr_on_s)
        self._relays.switch(self._pwr_on, False)
        began = time.monotonic()
        assert self._alive(40, 0.5), "no answer to AT after the power-on pulse"
        self.found["alive_s"] = round(time.monotonic() - began, 2)
        assert self._relays.level(self._v_int)
        model = self.at.command("AT+CGMM")[0]
        self.found["model"] = model
        assert model.startswith(self._expected), model
        self._configure()

    def _alive(self, attempts: int, wait: float) -> bool:
        for _ in range(attempts):
            try:
                self.at.command("AT", wait)
            except TimeoutError:
                continue
            except DeviceError:
                pass
            return True
        return False

    def _configure(self) -> None:
        for line in ("ATE0", "AT+CMEE=2", "AT+UDCONF=1,0", "ATI9", "AT&C1", "AT&D0", "AT+CGEREP=1"):
            self._twice(line)
        if self.module.radio_mode is not None:
            self._twice(self.module.radio_mode)
        for line in ("AT&K3", "AT&K0"):
            self.at.command(line)
        self.at.command("AT+UPSV=0")
        if self.module.name == "LARA-R6":
            self.found["mno_profile"] = int(self.at.value("AT+UMNOPROF?", "+UMNOPROF:"))
        self._function(4)

    def _twice(self, line: str) -> None:
        try:
            self.at.command(line)
        except (DeviceError, TimeoutError):
            self.at.command(line)

    def _function(self, value: int) -> None:
        time.sleep(max(0.0, self._flipped + self._flip_s - time.monotonic()))
        self.at.command(f"AT+CFUN={value}", 15.0)
        self._flipped = time.monotonic()

    def power_off(self) -> None:
        """By command, then V_INT low, then the volts."""
        self.at.command("AT+UPSV=0")
        self.at.command("AT+CPWROFF", 40.0)
        end = time.monotonic() + 35.0
        while self._relays.level(self._v_int):
            assert time.monotonic() < end, "V_INT stays high"
            time.sleep(0.05)
        self._supply.switch(False)
        self._relays.switch(self._vusb, False)
        self.found["off"] = True

    # -- network -----------------------------------------------------------------------------------

    def connect(self) -> None:
        """Register, attach, activate context 1."""
        self._twice("AT+CREG=2")
        self._twice("AT+CGREG=2")
        self._twice("AT+CEREG=4")
        self.found["imsi"] = self._imsi()
        assert self.at.value("AT+COPS?", "+COPS:").startswith("0")
        self.at.command(f'AT+CGDCONT=1,"IP","{self._apn}"')
        self.at.command("AT+UAUTHREQ=1,0" + (',"",""' if self.module.needs_empty_credentials else ""))
        self._function(1)
        self._register()
        self._attached()
        self._activate()
        address = re.findall(r'"([^"]*)"', self.at.value("AT+CGPADDR=1", "+CGPADDR:"))
        self.found["address"] = address[0]
        context = self.at.value("AT+CGCONTRDP=1", "+CGCONTRDP:").split(",")
        assert context[2].strip('"') == self._apn, context
        self.at.command("AT+COPS=3,0")
        self.found["operator"] = self.at.value("AT+COPS?", "+COPS:").split(",")[2].strip('"')
        self.at.command("AT+COPS=3,2")
        self.found["plmn"] = self.at.value("AT+COPS?", "+COPS:").split(",")[2].strip('"')

    def _imsi(self) -> str:
        for _ in range(10):
            try:
                lines = self.at.command("AT+CIMI")
            except DeviceError:  # the card is being read
                time.sleep(0.2)
                continue
            if lines and re.fullmatch(r"\d{15}", lines[0]):
                return lines[0]
        raise GaveUp("no IMSI")

    def _register(self) -> None:
        end, status = time.monotonic() + 60.0, {}
        kinds = ("+CREG", "+CGREG", "+CEREG")
        turn = 0
        while not any(value in REGISTERED for value in status.values()):
            assert time.monotonic() < end, f"not registered: {status}"
            kind = kinds[turn % 3]
            turn += 1
            self.at.begin(f"AT{kind}?")
            status[kind] = self._registration(kind, self.at.response(f"{kind}:"))
            self.at.stop()
            for urc in [urc for urc in self.at.urcs if urc.startswith(kinds)]:
                self.at.urcs.remove(urc)
                name, _, rest = urc.partition(":")
                status[name] = int(rest.split(",")[0])
            time.sleep(0.1)
        self.found["registered_by"] = sorted(kind for kind, value in status.items() if value in REGISTERED)

    def _registration(self, kind: str, text: str) -> int:
        """The driver's way to tell an answer from a URC that slipped in."""
        fields = [field.strip().strip('"') for field in text.split(",")]
        if kind == "+CREG" and self.module.creg_without_n:
            return int(fields[0])
        first = int(fields[0])
        wanted = CEREG_TYPE if kind == "+CEREG" else CREG_TYPE
        if first != wanted:  # a URC: the answer follows
            return self._registration(kind, self.at.response(f"{kind}:"))
        if len(fields) == 1:  # a URC whose status looks like <n>
            return self._registration(kind, self.at.response(f"{kind}:"))
        status = int(fields[1])
        if status in REGISTERED and kind == "+CEREG":
            place = 4 if self.module.cereg_extra else 3
            self.found["cell"] = int(fields[place], 16)
            assert fields[place + 1] in ("", "7"), fields
        return status

    def _attached(self) -> None:
        for _ in range(10):
            if self.at.value("AT+CGATT?", "+CGATT:") == "1":
                return
            time.sleep(0.5)
        raise GaveUp("not attached")

    def _active(self) -> bool:
        lines = [line for line in self.at.command("AT+CGACT?") if line.startswith("+CGACT:")]
        return any(re.fullmatch(r"\+CGACT:\s*1,\s*1", line) for line in lines)

    def _activate(self) -> None:
        for _ in range(5):
            if self._active():
                return
            try:
                self.at.command("AT+CGACT=1,1", 180.0)
            except DeviceError as error:
                if str(error) != "ERROR":  # a refusal of the network
                    raise
        raise GaveUp("context 1 is not active")

    # -- sockets -----------------------------------------------------------------------------------

    def resolve(self, name: str) -> str:
        """The context is asked first; the answer may have the URC's prefix."""
        self.at.command("AT+CGDCONT?")
        for line in self.at.command(f'AT+UDNSRN=0,"{name}"', 332.0):
            if line.startswith(("+UDNSRN:", "+UUDNSRN:")):
                return line.partition('"')[2].rstrip('"')
        raise GaveUp(f"{name} has no address")

    def open(self, protocol: int) -> int:
        return int(self.at.value(f"AT+USOCR={protocol}", "+USOCR:").split(",")[0])

    def write(self, number: int, data: bytes, *, prefix: str = "+USOWR:") -> int:
        """In binary mode: the prompt, 50 ms, the bytes."""
        self.at.begin(f"AT+USOWR={number},{len(data)}")
        self.at.wait_character(b"@")
        time.sleep(0.05)
        self.at.port.write(data)
        sent = int(self.at.response(prefix).split(",")[1])
        self.at.stop()
        return sent

    def read(self, number: int, wanted: int) -> bytes:
        """In binary mode: the quote, then exactly the bytes, then the stop tag."""
        if int(self.at.value(f"AT+USORD={number},0", "+USORD:").split(",")[1]) == 0:
            return b""
        self.at.begin(f"AT+USORD={number},{wanted}")
        self.at.until(b"+USORD:")
        self.at.until(b",")
        count = int(self.at.until(b","))
        assert self.at.exact(1) == b'"'
        data = self.at.exact(count)
        assert self.at.exact(1) == b'"'
        self.at.stop()
        return data

    def echo_tcp(self, address: str, port: int) -> None:
        """All 256 bytes there and back, then hex mode, then the close."""
        number = self.open(6)
        self.at.command(f'AT+USOCO={number},"{address}",{port}', 140.0)
        data = bytes(range(256)) * 2
        assert self.write(number, data) == len(data)
        back = b""
        while len(back) < len(data):
            self.at.urc(f"+UUSORD: {number},")
            while chunk := self.read(number, 1024):
                back += chunk
        assert back == data, "the echo differs"
        self.at.command("AT+UDCONF=1,1")
        self.at.value(f'AT+USOWR={number},4,"00FF0D0A"', "+USOWR:")
        self.at.urc("+UUSORD:")
        self.found["hex"] = self.at.value(f"AT+USORD={number},512", "+USORD:").split(",")[2]
        self.at.command("AT+UDCONF=1,0")
        assert self.at.value(f"AT+USOCTL={number},1", "+USOCTL:").endswith(",0")
        self.found["sent"] = int(self.at.value(f"AT+USOCTL={number},2", "+USOCTL:").split(",")[2])
        self._options(number)
        self._close(number)

    def _options(self, number: int) -> None:
        self.at.command(f"AT+USOSO={number},6,1,1")
        assert self.at.value(f"AT+USOGO={number},6,1", "+USOGO:") == "1"
        self.at.command(f"AT+USOSO={number},6,2,30000")
        assert self.at.value(f"AT+USOGO={number},6,2", "+USOGO:") == "30000"
        self.at.command(f"AT+USOSO={number},65535,8,1")

    def _close(self, number: int) -> None:
        """With a callback where the series can: the URC ends it."""
        if self.module.asynchronous_close:
            self.at.command(f"AT+USOCL={number},1")
            self.at.urc(f"+UUSOCL: {number}")
        else:
            self.at.command(f"AT+USOCL={number}", 60.0)
        try:
            self.at.command(f"AT+USOCTL={number},10")
        except DeviceError:
            self.at.value("AT+USOER", "+USOER:")
            self.found["closed"] = True

    def echo_udp(self, address: str, port: int) -> None:
        """Datagrams by address, then on a connected socket with the series' prefix."""
        number, data = self.open(17), b'"\r\nOK\r\n@\x00>'
        self.at.begin(f'AT+USOST={number},"{address}",{port},{len(data)}')
        self.at.wait_character(b"@")
        time.sleep(0.05)
        self.at.port.write(data)
        assert int(self.at.response("+USOST:").split(",")[1]) == len(data)
        self.at.stop()
        assert self._datagram(number) == data
        self.at.command(f"AT+USOCL={number}")
        number = self.open(17)
        self.at.command(f'AT+USOCO={number},"{address}",{port}')
        assert self.write(number, data, prefix=self.module.udp_write_prefix) == len(data)
        self.at.urc("+UUSOR")
        assert self.read(number, 1024) == data
        self.at.command(f"AT+USOCL={number}")
        self.found["udp"] = True

    def _datagram(self, number: int) -> bytes:
        self.at.urc("+UUSOR")
        self.at.begin(f"AT+USORF={number},1024")
        self.at.until(b"+USORF:")
        for _ in range(3):
            self.at.until(b",")
        count = int(self.at.until(b","))
        assert self.at.exact(1) == b'"'
        data = self.at.exact(count)
        self.at.stop()
        return data

    # -- the rest ----------------------------------------------------------------------------------

    def information(self) -> None:
        """Identity, radio, time, GPIO, bands, rate."""
        at = self.at
        assert re.fullmatch(r"\d{15}", at.command("AT+CGSN")[0])
        self.found["iccid"] = at.value("AT+CCID", "+CCID:")
        self.found["firmware"] = at.command("ATI9")[0]
        rssi = int(at.value("AT+CSQ", "+CSQ:").split(",")[0])
        assert 0 <= rssi <= 31
        assert len(at.value("AT+CESQ", "+CESQ:").split(",")) == 6
        if self.module.radio_mode is not None:
            at.begin("AT+UCGED?")
            assert at.response("+UCGED:") == "2"
            assert len(at.stop()) == 2
        assert re.fullmatch(r'"\d\d/\d\d/\d\d,\d\d:\d\d:\d\d[+-]\d\d"', at.value("AT+CCLK?", "+CCLK:"))
        at.command("AT+URAT?")
        at.command(self.module.bands)
        at.command("AT+UGPIOC=16,0,0")
        at.command("AT+UGPIOW=16,1")
        assert at.value("AT+UGPIOR=16", "+UGPIOR:").replace(" ", "") == "16,1"
        at.command("AT+UGPIOC=16,255")
        at.command("AT+IPR=460800")
        at.port.baudrate = 460800
        time.sleep(0.2)
        at.command("AT")
        at.command("AT+IPR=115200")
        at.port.baudrate = 115200
        time.sleep(0.2)
        at.command("AT")


@contextmanager
def told(driver: Driver) -> Iterator[None]:
    """What failed goes into what was found."""
    try:
        yield
    except (GaveUp, AssertionError, TimeoutError, OSError, ValueError, IndexError) as error:
        driver.found["failed"] = f"{type(error).__name__}: {error}"


def main() -> int:
    """0 when the module did all a driver wants of it."""
    parser = argparse.ArgumentParser()
    for name in ("uart", "supply", "relays", "password", "pwr-on", "v-int", "vusb-det", "apn", "module"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--channel", type=int, required=True)
    parser.add_argument("--echo", required=True, help="name:port")
    parser.add_argument("--flip", type=float, default=1.0, help="seconds between two changes of +CFUN")
    driver = Driver(parser.parse_args())
    name, _, port = parser.parse_args().echo.rpartition(":")
    with told(driver):
        driver.power_on()
        driver.connect()
        address = driver.found["echo"] = driver.resolve(name)
        driver.echo_tcp(str(address), int(port))
        driver.echo_udp(str(address), int(port))
        driver.information()
        driver._function(4)
        driver.power_off()
    print(json.dumps(driver.found))
    return 1 if "failed" in driver.found else 0


if __name__ == "__main__":
    sys.exit(main())
