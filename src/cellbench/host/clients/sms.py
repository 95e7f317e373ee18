"""Short messages in text mode, as Python calls (3GPP TS 27.005; LENA-R8 guide 8.1.1, Table 19).

Received text is asked for in hexadecimal (+CSCS="UCS2"): so no message can look like a result code, and no
character gets lost. What has been said here is put back at the end. PDUs pass as they are: there is no codec
for them here.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from types import TracebackType

from cellbench.base.clock import Deadline
from cellbench.base.errors import UnitError
from cellbench.host.answer import Answer
from cellbench.host.channel import Channel, Expectation
from cellbench.host.clients.sms_model import (
    SmsAlphabet,
    SmsMessage,
    SmsReport,
    SmsStatus,
    SmsStore,
    alphabet_of,
    check_length,
    is_plain,
    send_failure,
)
from cellbench.host.errors import CmsError
from cellbench.wire.at.values import Fields, fields_of

_END = b"\x1a"  # Ctrl-Z (27.005 3.5.1)
_HEADER = 0x40  # TP-UDHI
_REPORT = 0x20  # TP-SRR
_SUBMIT_RELATIVE = 0x11
_DAY = 167  # a relative validity period of 24 h (23.040 9.2.3.12.1)
_UCS2 = 0x08
_HEX = re.compile(r"(?:[0-9A-Fa-f]{4})+")
_SIM_BUSY, _CARD_S, _POLL_S = 314, 15.0, 0.2
_KEPT = ("+CMGF", "+CSCS", "+CSDH")


class SmsClient:
    """The messages of a module: ``with dut.sms() as sms: sms.send("+39...", "Hello")``.

    As a context manager it sets text mode, headers and the character set, and puts them back. Raises
    SmsRefused (the unit's) and SmsNetworkError (the network's) where a message is not sent, CmsError for
    every other refusal.
    """

    __slots__ = ("_before", "_channel")

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._before: list[str] = []

    def __enter__(self) -> SmsClient:
        send = self._channel.send
        self._before = [_write(name, send(f"AT{name}?").value(name)) for name in _KEPT]
        self._await_card()
        send("AT+CMGF=1")
        send("AT+CSDH=1")
        send('AT+CSCS="UCS2"')
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if kind is not None and self._channel.lost is not None:
            return
        for line in self._before:
            self._channel.send(line, check=False)

    def _await_card(self) -> None:
        """For seconds after a start the card is busy (+CMS ERROR 314) and nothing can be read or sent."""
        deadline = Deadline.after(_CARD_S)
        while True:
            try:
                self._channel.send("AT+CPMS?")
                return
            except CmsError as error:
                if error.number != _SIM_BUSY or deadline.expired:
                    raise
            time.sleep(_POLL_S)

    # sending
    def send(self, number: str, text: str, *, report: bool = False) -> int:
        """Send a text of one message; its reference. ``report`` asks for a status report."""
        return self._submit("+CMGS", number, text, report=report)

    def store(self, number: str, text: str) -> int:
        """Put a text into the store for sending; its index."""
        return self._submit("+CMGW", number, text, report=False)

    def send_stored(self, index: int, number: str = "") -> int:
        """Send what is stored, to another number if one is given; its reference."""
        tail = f',"{self._as_set(number)}"' if number else ""
        try:
            answer = self._channel.send(f"AT+CMSS={index}{tail}")
        except CmsError as error:
            raise send_failure(f"message {index} is not sent", error) from None
        return _number(answer, "+CMSS")

    def _submit(self, command: str, number: str, text: str, *, report: bool) -> int:
        check_length(text)
        dcs = 0 if is_plain(text) else _UCS2
        first = _SUBMIT_RELATIVE | (_REPORT if report else 0)
        before = _write("+CSMP", self._channel.send("AT+CSMP?").value("+CSMP"))
        self._channel.send(f"AT+CSMP={first},{_DAY},0,{dcs}")
        # With the set UCS2 both ways come to the same digits: the module turns them into its alphabet, or
        # takes them for the octets of the message (27.005 3.1, <data>).
        typed = text.encode("utf-16-be").hex().upper().encode() + _END
        try:
            answer = self._channel.send(f'AT{command}="{self._as_set(number)}"', payload=typed)
        except CmsError as error:
            raise send_failure(f"no message to {number}", error) from None
        finally:
            self._channel.send(before, check=False)
        return _number(answer, command)

    def _as_set(self, number: str) -> str:
        """A number in the character set in force (27.007 5.5)."""
        return number.encode("utf-16-be").hex().upper()

    def send_pdu(self, pdu: bytes, length: int) -> int:
        """Send a PDU (service centre in front, TPDU of ``length`` octets) as it is; its reference."""
        with _Mode(self._channel, 0):
            try:
                answer = self._channel.send(f"AT+CMGS={length}", payload=pdu.hex().upper().encode() + _END)
            except CmsError as error:
                raise send_failure("a PDU is not sent", error) from None
        return _number(answer, "+CMGS")

    # reading
    def read(self, index: int) -> SmsMessage:
        """The message of an index of the store for reading; it is no longer unread then."""
        lines = self._channel.send(f"AT+CMGR={index}").info
        head = _head(lines, "+CMGR", f"message {index}")
        fields = fields_of(lines[head])
        # <stat>,<oa>,<alpha>,<scts>,<tooa>,<fo>,<pid>,<dcs>,<sca>,<tosca>,<length>; of a message of our own
        # <stat>,<da>,<alpha>,<toda>,<fo>,<pid>,<dcs>,<vp>,<sca>,<tosca>,<length> (27.005 4.2)
        status = SmsStatus(fields[0])
        own = status in (SmsStatus.UNSENT, SmsStatus.SENT)
        first, pid, dcs = (_whole(fields, place) for place in ((4, 5, 6) if own else (5, 6, 7)))
        text, data = _body(lines[head + 1:], first, dcs)
        at = "" if own else str(fields[3] or "")
        return SmsMessage(self._reading, index, status, _party(fields[1]), at, text, data, first, pid, dcs,
                          _party(fields[8]))

    def read_report(self, index: int) -> SmsReport:
        """The status report of an index."""
        lines = self._channel.send(f"AT+CMGR={index}").info
        fields = fields_of(lines[_head(lines, "+CMGR", f"report {index}")])
        # <stat>,<fo>,<mr>,<ra>,<tora>,<scts>,<dt>,<st>
        return SmsReport(index, _whole(fields, 2), _party(fields[3]), str(fields[5] or ""),
                         str(fields[6] or ""), _whole(fields, 7))

    def read_pdu(self, index: int) -> bytes:
        """Service centre and TPDU of an index, as the module gives them."""
        with _Mode(self._channel, 0):
            lines = self._channel.send(f"AT+CMGR={index}").info
        return bytes.fromhex(lines[_head(lines, "+CMGR", f"message {index}") + 1])

    def listed(self, status: SmsStatus | None = None) -> dict[int, SmsStatus]:
        """Indices of the store for reading with where each message stands; None: of all."""
        wanted = "ALL" if status is None else status.value
        lines = self._channel.send(f'AT+CMGL="{wanted}"').info
        heads = (fields_of(line) for line in lines if line.startswith("+CMGL:"))
        return {_whole(fields, 0): SmsStatus(fields[1]) for fields in heads}

    def arrival(self) -> Arrival:
        """Wait for a message: ``with sms.arrival() as one: ...; message = one.wait(60.0)``; armed at once."""
        return Arrival(self, self._channel)

    # stores
    def delete(self, index: int) -> None:
        """Delete one message."""
        self._channel.send(f"AT+CMGD={index}")

    def clear(self) -> None:
        """Delete every message of the store for reading."""
        self._channel.send("AT+CMGD=1,4")

    def stores(self) -> tuple[SmsStore, SmsStore, SmsStore]:
        """The stores for reading, sending and receiving."""
        fields = self._channel.send("AT+CPMS?").value("+CPMS")
        if len(fields) != 9:
            raise UnitError(f"+CPMS? gives {len(fields)} values, 9 are due (27.005 3.2.2)")
        first, second, third = (SmsStore(str(fields[at]), _whole(fields, at + 1), _whole(fields, at + 2))
                                for at in (0, 3, 6))
        return first, second, third

    def use(self, *names: str) -> None:
        """Choose the stores, as +CPMS takes them: for reading, for sending, for receiving."""
        self._channel.send("AT+CPMS=" + ",".join(f'"{name}"' for name in names))

    @property
    def _reading(self) -> str:
        return self.stores()[0].name

    @property
    def centre(self) -> str:
        """The service centre's number (+CSCA)."""
        return _party(self._channel.send("AT+CSCA?").value("+CSCA")[0])


class Arrival:
    """A message that is waited for by +CMTI; a context manager."""

    __slots__ = ("_client", "_expected")

    def __init__(self, client: SmsClient, channel: Channel) -> None:
        self._client = client
        # LENA-R8 stores it by itself, LARA-R6 forgets it (module facts 10): written only where it is not so
        if channel.send("AT+CNMI?").value("+CNMI")[:2] != (2, 1):
            channel.send("AT+CNMI=2,1")
        self._expected: Expectation = channel.expect("+CMTI")

    def wait(self, timeout_s: float) -> SmsMessage:
        """The next message that came, read from the store that +CMTI names. Raises UrcTimeout."""
        event = self._expected.wait(timeout_s)
        name, index = str(event.fields[0]), _whole(event.fields, 1)
        reading = self._client.stores()[0].name
        if name == reading:
            return self._client.read(index)
        self._client.use(name)
        try:
            return self._client.read(index)
        finally:
            self._client.use(reading)

    @property
    def came(self) -> bool:
        """True when a message was told of that ``wait`` has not given yet."""
        return bool(self._expected.heard)

    def __enter__(self) -> Arrival:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._expected.close()


class _Mode:
    """Text or PDU mode for a while."""

    __slots__ = ("_channel", "_mode")

    def __init__(self, channel: Channel, mode: int) -> None:
        self._channel = channel
        self._mode = mode

    def __enter__(self) -> None:
        self._channel.send(f"AT+CMGF={self._mode}")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._channel.send(f"AT+CMGF={1 - self._mode}", check=False)


def _write(name: str, fields: Fields) -> str:
    """The command that sets again what was read."""
    return f"AT{name}=" + ",".join("" if one is None else f'"{one}"' if isinstance(one, str) else str(one)
                                   for one in fields)


def _number(answer: Answer, prefix: str) -> int:
    return _whole(answer.value(prefix), 0)


def _whole(fields: Fields, place: int) -> int:
    value = fields[place] if place < len(fields) else None
    if not isinstance(value, int):
        raise UnitError(f"a number is due at place {place + 1} of {fields}")
    return value


def _head(lines: Sequence[str], prefix: str, what: str) -> int:
    """The line that a message begins with."""
    for place, line in enumerate(lines):
        if line.startswith(f"{prefix}:"):
            return place
    raise UnitError(f"{what}: no {prefix} line in the answer {list(lines)}")


def _party(value: object) -> str:
    """A number that may have come in the character set UCS2; a name."""
    text = "" if value is None else str(value)
    if _HEX.fullmatch(text):
        read = bytes.fromhex(text).decode("utf-16-be", "replace")
        if read.isprintable() and read.isascii():
            return read
    return text


def _body(lines: Sequence[str], first: int, dcs: int) -> tuple[str | None, bytes]:
    """Text and octets of a message's data, all of it in hexadecimal."""
    try:
        data = bytes.fromhex("".join(lines))
    except ValueError:
        raise UnitError(f"no hexadecimal where +CSCS=\"UCS2\" asks for it: {list(lines)}") from None
    if first & _HEADER or alphabet_of(dcs) is SmsAlphabet.DATA:
        return None, data
    return data.decode("utf-16-be", "replace"), b""
