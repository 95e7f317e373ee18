"""The SIM as Python calls: its files by +CRSM, its commands by +CSIM and +CGLA, its PINs by +CPIN and +CLCK.

3GPP TS 27.007 8.3, 8.17, 8.18, 8.43 to 8.46; LENA-R8 guide 10.2. A PIN is sent only when its counter was read
before and enough tries are left (``sim_model.FLOOR``); it never stands in a log, a report or a message.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cellbench.base.clock import Deadline
from cellbench.base.errors import NotApplicable, UnitError
from cellbench.catalogue.commands import ALL
from cellbench.host.answer import Answer
from cellbench.host.channel import Channel
from cellbench.host.clients.sim_model import FLOOR, PinAtRisk, PinTries, SimRefused, SimState
from cellbench.host.errors import AtError, CmeError
from cellbench.wire.uicc import apdu
from cellbench.wire.uicc.apdu import Apdu, Ins, Key
from cellbench.wire.uicc.codec import decode_imsi
from cellbench.wire.uicc.errors import MalformedAnswer
from cellbench.wire.uicc.fcp import FileControl, Structure, parse_fcp
from cellbench.wire.uicc.files import FileId
from cellbench.wire.uicc.status import CardAnswer, Status, parse_answer

_BUSY, _ABSENT, _FAILURES = 14, 10, (13, 15)
_CARD_S, _POLL_S = 15.0, 0.2
_CHUNK = 255
_FULL_TRIES = 3


class SimClient:
    """The SIM of a module: ``dut.sim().read(FileId.IMSI)``, ``with dut.sim().channel() as one: ...``.

    Raises SimRefused (the card's status word), AtError (the module's refusal), MalformedAnswer (what is not
    coded as the standards have it).
    """

    __slots__ = ("_channel", "_proved")

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._proved: set[str] = set()

    # identities and state
    def state(self) -> SimState:
        """What the SIM waits for, or why it does not answer."""
        try:
            code = str(self._channel.send("AT+CPIN?").value("+CPIN")[0])
        except CmeError as error:
            return {_ABSENT: SimState.ABSENT, _BUSY: SimState.BUSY}.get(
                error.number or 0, SimState.FAILED if error.number in _FAILURES else SimState.OTHER)
        return SimState(code) if code in {one.value for one in SimState} else SimState.OTHER

    def await_state(self, wanted: SimState, timeout_s: float) -> bool:
        """Ask +CPIN? until the SIM is in a state; False when it is not in time."""
        deadline = Deadline.after(timeout_s)
        while self.state() is not wanted:
            if deadline.expired:
                return False
            time.sleep(_POLL_S)
        return True

    def awake(self, timeout_s: float = _CARD_S) -> SimState:
        """The state once the card is no longer busy, as it is for seconds after a start."""
        deadline = Deadline.after(timeout_s)
        while (state := self.state()) is SimState.BUSY and not deadline.expired:
            time.sleep(_POLL_S)
        return state

    def imsi(self) -> str:
        """As +CIMI tells it."""
        return self._ready("AT+CIMI").text

    def iccid(self) -> str:
        """As +CCID tells it, without filler."""
        return str(self._ready("AT+CCID").value("+CCID")[0]).rstrip("F")

    # files, by +CRSM
    def control(self, file: int, path: str = "") -> FileControl:
        """File control parameters (+CRSM=192); ``path`` of its directory in hexadecimal, as +CRSM has it."""
        return parse_fcp(self.restricted(Ins.GET_RESPONSE, file, 0, 0, 0, path=path).data)

    def read(self, file: int, path: str = "") -> bytes:
        """All of a transparent file; its size is asked for first. SimRefused, also when it is none."""
        control = self.control(file, path)
        if control.structure is not Structure.TRANSPARENT or control.size is None:
            raise SimRefused(f"file {file:04X} is {control.structure.value}", Status.of(0x6981))
        found = b""
        for offset in range(0, control.size, _CHUNK):
            size = min(_CHUNK, control.size - offset)
            found += self.restricted(Ins.READ_BINARY, file, offset >> 8, offset & 0xFF, size, path=path).data
        return found

    def write(self, file: int, data: bytes, path: str = "") -> None:
        """Write a transparent file from its beginning."""
        for offset in range(0, len(data), _CHUNK):
            part = data[offset:offset + _CHUNK]
            self.restricted(Ins.UPDATE_BINARY, file, offset >> 8, offset & 0xFF, len(part), part, path)

    def read_record(self, file: int, record: int, path: str = "") -> bytes:
        """A record, from 1 on; its size is asked for first."""
        size = self.control(file, path).record_size
        return self.restricted(Ins.READ_RECORD, file, record, apdu.RecordMode.ABSOLUTE, size, path=path).data

    def records(self, file: int, path: str = "") -> tuple[bytes, ...]:
        """All records of a file."""
        control = self.control(file, path)
        return tuple(
            self.restricted(Ins.READ_RECORD, file, number, apdu.RecordMode.ABSOLUTE, control.record_size,
                            path=path).data
            for number in range(1, control.records + 1))

    def write_record(self, file: int, record: int, data: bytes, path: str = "") -> None:
        """Write a record, from 1 on."""
        self.restricted(Ins.UPDATE_RECORD, file, record, apdu.RecordMode.ABSOLUTE, len(data), data, path)

    def restricted(self, ins: int, file: int, p1: int, p2: int, p3: int, data: bytes = b"",
                   path: str = "") -> CardAnswer:
        """One +CRSM; SimRefused unless the card ended it normally."""
        answer = self.try_restricted(ins, file, p1, p2, p3, data, path)
        if not answer.ok:
            raise SimRefused(f"+CRSM={int(ins)} of file {file:04X}", answer.status)
        return answer

    def try_restricted(self, ins: int, file: int, p1: int, p2: int, p3: int, data: bytes = b"",
                       path: str = "") -> CardAnswer:
        """One +CRSM; what the card answered, whatever it is."""
        line = f"AT+CRSM={int(ins)},{int(file)},{p1},{int(p2)},{p3}"
        if data or path:
            line += f',"{data.hex().upper()}"'
        if path:
            line += f',"{path}"'
        fields = self._ready(line).value("+CRSM")
        if len(fields) < 2 or not all(isinstance(one, int) and 0 <= one <= 255 for one in fields[:2]):
            raise MalformedAnswer(f"+CRSM: {fields}: two octets of status are due")
        body = _octets(fields[2], 0) if len(fields) > 2 and fields[2] not in (None, "") else b""
        return CardAnswer(body, Status(int(fields[0] or 0), int(fields[1] or 0)))

    # commands, by +CSIM
    def exchange(self, command: Apdu) -> CardAnswer:
        """One command, one answer: 61XX and 6CXX are left to the caller."""
        return self._sent("+CSIM", "", command)

    def exchange_in(self, session: int, command: Apdu) -> CardAnswer:
        """One command in a session of +CCHO, one answer."""
        return self._sent("+CGLA", f"{session},", command)

    def transmit(self, command: Apdu) -> CardAnswer:
        """A command with all that T=0 asks for after it: GET RESPONSE, or the right length once more."""
        return follow(self.exchange, command)

    def run(self, command: Apdu) -> bytes:
        """As ``transmit``; the data. SimRefused unless it ended normally."""
        return _must(self.transmit(command), command)

    @contextlib.contextmanager
    def channel(self) -> Iterator[LogicalChannel]:
        """A logical channel of one's own, closed at the end (LENA-R8 guide 10.2.3.2). SimRefused when the
        card has none left."""
        data = self.run(apdu.open_channel())
        if len(data) != 1:
            raise MalformedAnswer(f"MANAGE CHANNEL gave {data.hex().upper()}: one octet is due")
        opened = LogicalChannel(self, data[0])
        try:
            yield opened
        finally:
            self.exchange(apdu.close_channel(data[0]))

    @contextlib.contextmanager
    def application(self, aid: bytes) -> Iterator[Session]:
        """A session with an application by +CCHO, +CGLA, +CCHC; NotApplicable where the module has none of
        them."""
        if not self._channel.send("AT+CCHO=?", check=False).ok:
            raise NotApplicable("this module has no +CCHO (27.007 8.45)")
        fields = self._channel.send(f'AT+CCHO="{aid.hex().upper()}"')
        session = _session(fields)
        try:
            yield Session(self, session)
        finally:
            self._channel.send(f"AT+CCHC={session}", check=False)

    def _sent(self, name: str, before: str, command: Apdu) -> CardAnswer:
        self._keep(command.secret)
        fields = self._ready(f'AT{name}={before}{len(command.hex)},"{command.hex}"').value(name)
        if len(fields) < 2 or not isinstance(fields[0], int):
            raise MalformedAnswer(f"{name}: {fields}: length and answer are due")
        answer = parse_answer(_octets(fields[1], fields[0]))
        if command.ins == Ins.AUTHENTICATE:
            self._keep(answer.data.hex().upper())
        return answer

    def _ready(self, line: str) -> Answer:
        """Send; for seconds after a start the card is busy (+CME ERROR: 14)."""
        deadline = Deadline.after(_CARD_S)
        while True:
            try:
                return self._channel.send(line)
            except CmeError as error:
                if error.number != _BUSY or deadline.expired:
                    raise
            time.sleep(_POLL_S)

    def _keep(self, text: str) -> None:
        """Never to be stored in clear from now on."""
        if text:
            self._channel.secrets.learn(text.encode("ascii"))

    # PINs
    def tries(self) -> PinTries:
        """Tries left, by the series' command, else by VERIFY without a PIN, which uses none up."""
        series = self._channel.profile.series
        with contextlib.suppress(AtError, UnitError):
            if series in ALL["+UPINCNT"].series:
                counts = [one for one in self._channel.send("AT+UPINCNT").value("+UPINCNT")
                          if isinstance(one, int)]
                if len(counts) == 4:
                    return PinTries(counts[0], counts[2], counts[1], counts[3])
            if series in ALL["+CPINR"].series:
                told = {str(code): count for code, count, *_ in
                        self._channel.send("AT+CPINR").fields("+CPINR") if isinstance(count, int)}
                if "SIM PIN" in told:
                    return PinTries(told["SIM PIN"], told.get("SIM PUK"), told.get("SIM PIN2"),
                                    told.get("SIM PUK2"))
        return PinTries(self._asked(Key.PIN1), pin2=self._asked(Key.PIN2))

    def _asked(self, key: int) -> int | None:
        try:
            return self.exchange(apdu.ask_tries(key)).status.tries
        except (AtError, MalformedAnswer):
            return None

    def locked(self) -> bool:
        """True when PIN1 is asked for at each start (+CLCK="SC",2)."""
        return self._ready('AT+CLCK="SC",2').value("+CLCK")[0] == 1

    def enter(self, pin: str) -> None:
        """Give the PIN that is asked for. PinAtRisk when it is not sent; AtError when it is refused."""
        self._spend(pin, f'AT+CPIN="{pin}"')

    def lock(self, on: bool, pin: str) -> None:
        """Ask for PIN1 at each start, or no longer. Raises as ``enter``."""
        self._spend(pin, f'AT+CLCK="SC",{int(on)},"{pin}"')

    def change(self, old: str, new: str) -> None:
        """Another PIN1; it must be enabled. Raises as ``enter``."""
        self._keep(apdu.pin_octets(new).hex().upper())
        self._spend(old, f'AT+CPWD="SC","{old}","{new}"')
        self._proved.add(new)

    def spoil(self, wrong: str) -> None:
        """Give a PIN that is wrong, on purpose, while all tries are left and the right one is proved:
        AtError as it should be. PinAtRisk when it is not sent."""
        left = self.tries().pin
        if left != _FULL_TRIES or not self._proved or wrong in self._proved:
            raise PinAtRisk(f"a wrong PIN is not tried: {left} tries are told, {_FULL_TRIES} are due, and the"
                            " right PIN must have been taken before")
        self._send_pin(wrong, f'AT+CLCK="SC",1,"{wrong}"')

    def _spend(self, pin: str, line: str) -> None:
        """A PIN that was taken before may be sent while FLOOR tries are left, another one only with more."""
        left = self.tries().pin
        if left is None or left < FLOOR or (left == FLOOR and pin not in self._proved):
            raise PinAtRisk(
                f"the PIN is not sent: {'nobody tells how many' if left is None else left} tries are left",
                remedy="enter the right PIN by hand once (in a telephone), which gives all tries back")
        self._send_pin(pin, line)
        self._proved.add(pin)

    def _send_pin(self, pin: str, line: str) -> None:
        self._keep(apdu.pin_octets(pin).hex().upper())
        self._ready(line)

    # registration from scratch
    def forget_location(self) -> dict[int, bytes]:
        """Erase EF_LOCI, EF_PSLOCI and EF_EPSLOCI (LENA-R8 guide 10.2.1); what they held, by file."""
        held = {file: self.read(file) for file in (FileId.LOCI, FileId.PSLOCI, FileId.EPSLOCI)}
        for file, before in held.items():
            self.write(file, b"\xff" * len(before))
        return {int(file): before for file, before in held.items()}

    def file_imsi(self) -> str:
        """The IMSI as the file has it."""
        return decode_imsi(self.read(FileId.IMSI))


@dataclass(frozen=True, slots=True)
class LogicalChannel:
    """A logical channel that MANAGE CHANNEL opened."""

    sim: SimClient
    number: int

    def exchange(self, command: Apdu) -> CardAnswer:
        """One command on this channel, one answer."""
        return self.sim.exchange(command.on(self.number))

    def transmit(self, command: Apdu) -> CardAnswer:
        """As SimClient.transmit."""
        return follow(self.sim.exchange, command.on(self.number))

    def run(self, command: Apdu) -> bytes:
        """As SimClient.run."""
        return _must(self.transmit(command), command)


@dataclass(frozen=True, slots=True)
class Session:
    """A session of +CCHO; ``number`` is the module's name for it, not the card's channel."""

    sim: SimClient
    number: int

    def exchange(self, command: Apdu) -> CardAnswer:
        """One +CGLA; the module puts the channel into the class byte (27.007 8.43)."""
        return self.sim.exchange_in(self.number, command)

    def run(self, command: Apdu) -> bytes:
        """With all that T=0 asks for after it; the data. SimRefused unless it ended normally."""
        return _must(follow(self.exchange, command), command)


def follow(exchange: Callable[[Apdu], CardAnswer], command: Apdu) -> CardAnswer:
    """Do what 61XX and 6CXX ask for (TS 102 221 7.3.1.1.4), once each."""
    answer = exchange(command)
    if answer.status.sw1 == 0x6C:
        answer = exchange(command.expecting(answer.status.sw2))
    if answer.status.sw1 == 0x61:
        answer = exchange(apdu.get_response(answer.status.sw2 or 256).on(command.channel))
    return answer


def _must(answer: CardAnswer, command: Apdu) -> bytes:
    if not answer.ok:
        header = command.octets[:5].hex().upper()
        raise SimRefused(f"command {header}", answer.status)
    return answer.data


def _octets(field: int | str | None, length: int) -> bytes:
    """Octets of a field; unquoted digits came as a number (+CSIM: 4,9000)."""
    text = str(field).zfill(length) if isinstance(field, int) else field or ""
    try:
        octets = bytes.fromhex(text)
    except ValueError:
        raise MalformedAnswer(f"{text[:20]!r} is not hexadecimal") from None
    if length and len(text) != length:
        raise MalformedAnswer(f"{length} characters announced, {len(text)} came")
    return octets


def _session(answer: Answer) -> int:
    """+CCHO answers a number alone, or behind its name (27.007 8.45 and what modules do)."""
    fields = answer.fields("+CCHO")
    text = str(fields[0][0]) if fields else answer.text.strip()
    if not text.isdigit():
        raise MalformedAnswer(f"+CCHO answered {text!r}: the number of a session is due")
    return int(text)
