"""The module's MQTT-SN client as Python calls: a gateway as one declaration, topics and messages as objects.

The module has one such client: one profile, one session, one command at a time. Facts: LENA-R8 guide 9.3.4,
LARA-R6 guide 7, a public driver; MQTT-SN 1.2 for what topics and QoS are.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from cellbench.base.clock import Deadline
from cellbench.base.errors import CellbenchError, NotPossible, UnitError
from cellbench.catalogue.clients import Meaning
from cellbench.catalogue.mqttsn import (
    MQTTSN_CONNECT_S,
    MQTTSN_ENDED,
    MQTTSN_LONGEST_HEX,
    MQTTSN_LONGEST_TEXT,
    MQTTSN_RESULT_S,
    mqttsn_meaning,
)
from cellbench.host.answer import Answer
from cellbench.host.channel import Channel
from cellbench.host.clients.blame import Probe, client_failure
from cellbench.host.clients.mqttsn_model import (
    MqttSnGateway,
    MqttSnMessage,
    MqttSnTopic,
    Subscription,
    TopicKind,
)
from cellbench.host.urclog import Expectation, UrcEvent
from cellbench.wire.at.values import Fields

_URC = "+UUMQTTSNC"
_DISCONNECT, _CONNECT, _REGISTER = 0, 1, 2
_PUBLISH, _SUBSCRIBE, _UNSUBSCRIBE, _WILL_TOPIC, _WILL_MESSAGE, _READ, _PING = range(4, 11)
_UNCONNECTED = 3  # QoS -1 as the command has it
_PRINTABLE = frozenset(range(0x20, 0x7F)) - {ord('"')}
_FACTORY = ("4,0", "5,0", '6,""', '7,""', "8,0")
_SEARCHGW = b"\x03\x01\x00"
_PROBE_S = 3.0
_READ_LINE = re.compile(r"\+UMQTT(?:SN)?C?: ?9 ?,")


class MqttSnClient:
    """The MQTT-SN client behind a channel. Nothing is remembered of the session: the module knows it."""

    __slots__ = ("_channel", "_probe")

    def __init__(self, channel: Channel, *, probe: Probe | None = None) -> None:
        """``probe`` asks the gateway directly when an error suspects it; see ``mqttsn_probe``."""
        self._channel = channel
        self._probe = probe

    # -- the profile ----------------------------------------------------------------------------------

    def use(self, gateway: MqttSnGateway, *, probe: Probe | None = None) -> MqttSnClient:
        """End a session that is left over, reset the profile, set it and read back what the list shows.
        ``probe`` replaces the client's. Raises UnitError when a setting reads otherwise, AtError when one is
        refused."""
        self.leave()
        self.reset()
        for op, value in gateway.settings():
            self._channel.send(f"AT+UMQTTSN={op},{value}")
        shown = self.settings()
        for op, wanted in gateway.readable():
            if op in shown and shown[op][:len(wanted)] != wanted:
                raise UnitError(f"AT+UMQTTSN={op}: set to {wanted}, reads {shown[op]}")
        self._probe = probe or self._probe
        return self

    def reset(self) -> None:
        """Factory values: by +UMQTTSNNV=0, by hand where a module refuses that."""
        if self._channel.send("AT+UMQTTSNNV=0", check=False).ok:
            return
        for setting in _FACTORY:
            self._channel.send(f"AT+UMQTTSN={setting}")

    def store(self) -> None:
        """The profile into the NVM."""
        self._channel.send("AT+UMQTTSNNV=2")

    def restore(self) -> None:
        """The profile as it was stored."""
        self._channel.send("AT+UMQTTSNNV=1")

    def settings(self) -> dict[int, Fields]:
        """What AT+UMQTTSN? lists: operation → its values. Operations 10 and 20 are not listed (guides)."""
        found: dict[int, Fields] = {}
        for fields in self._channel.send("AT+UMQTTSN?").fields("+UMQTTSN"):
            if fields and isinstance(fields[0], int):
                found[fields[0]] = fields[1:]
        return found

    # -- the session ----------------------------------------------------------------------------------

    def connect(self, timeout_s: float = MQTTSN_CONNECT_S) -> None:
        """Begin a session.

        Raises, as all that follow, by owner: ClientError (the unit's, with class, code and meaning),
        ClientServiceError when the probe sees the gateway dead, ClientNetworkError without radio or packet
        data connection; AtError when the module refuses the command at once, UrcTimeout when no result comes.
        """
        self._perform(_CONNECT, "", "connect", timeout_s)

    def disconnect(self, timeout_s: float = MQTTSN_RESULT_S) -> None:
        """End the session; the will is not sent."""
        self._perform(_DISCONNECT, "", "disconnect", timeout_s)

    def leave(self) -> None:
        """End a session if there is one; what the module says to that is not judged."""
        with self._expect(_DISCONNECT) as ended:
            if self._channel.send(f"AT+UMQTTSNC={_DISCONNECT}", check=False).ok:
                ended.wait(MQTTSN_RESULT_S)

    @contextmanager
    def session(self) -> Iterator[MqttSnClient]:
        """Connected inside the block, without a session after it, whatever happened."""
        self.connect()
        try:
            yield self
        except BaseException:
            self.leave()
            raise
        self.disconnect()

    # -- topics ---------------------------------------------------------------------------------------

    def register(self, name: str) -> MqttSnTopic:
        """Ask the gateway for the id of a name, to publish by it."""
        fields = self._perform(_REGISTER, f',"{name}"', f"register {name}")
        return MqttSnTopic.normal(_number(fields, 2, least=1))

    def subscribe(self, topic: str | MqttSnTopic, qos: int = 0) -> Subscription:
        """Ask for messages of at most ``qos`` (0 to 2): of a name (with wildcards too, which have no id), or
        of a predefined or short topic."""
        kind, text = (TopicKind.NORMAL, topic) if isinstance(topic, str) else (topic.kind, topic.text)
        fields = self._perform(_SUBSCRIBE, f',{qos},{int(kind)},"{text}"', f"subscribe {text}")
        if len(fields) < 4:
            raise UnitError(f"{_URC}: {fields}: a subscription gives two numbers behind its result")
        granted = MqttSnTopic.normal(_number(fields, 3)) if isinstance(topic, str) else topic
        return Subscription(granted, _number(fields, 2))

    def unsubscribe(self, topic: MqttSnTopic) -> None:
        """Ask for no more messages of a topic."""
        self._perform(_UNSUBSCRIBE, f',{int(topic.kind)},"{topic.text}"', f"unsubscribe {topic.text}")

    # -- messages -------------------------------------------------------------------------------------

    def publish(self, topic: MqttSnTopic, message: str | bytes, *, qos: int = 0, retain: bool = False,
                timeout_s: float = MQTTSN_RESULT_S) -> None:
        """Send a message: as text where it is printable and has no quotation mark, else as hexadecimal
        digits. ``qos`` -1 needs no session, and a predefined or short topic. NotPossible above 1024
        characters of text, 512 bytes of anything else."""
        level = _UNCONNECTED if qos == -1 else qos
        data = message.encode("utf-8") if isinstance(message, str) else message
        form, text = _form(data)
        self._perform(_PUBLISH, f',{level},{int(retain)},{form},{int(topic.kind)},"{topic.text}","{text}"',
                      f"publish to {topic.text}", timeout_s)

    def receive(self, timeout_s: float) -> MqttSnMessage:
        """The next message, waiting for one at most ``timeout_s`` seconds. UrcTimeout when none comes; client
        errors when the session ends meanwhile."""
        deadline = Deadline.after(timeout_s)
        with self._expect(_READ) as notice:
            while (message := self.read()) is None:
                self._still_on(notice.wait(max(0.0, deadline.remaining)), "receive")
        return message

    def read(self) -> MqttSnMessage | None:
        """The oldest message that waits; None when none does (an error result code on some series)."""
        answer = self._channel.send(f"AT+UMQTTSNC={_READ},1", check=False)
        lines = [line for line in answer.info if _READ_LINE.match(line)]
        return _message(answer, lines[0]) if answer.ok and lines else None

    def discard(self) -> int:
        """Read away what waits, so that it cannot pass for something new; how many messages that were."""
        count = 0
        while self.read() is not None:
            count += 1
        return count

    # -- the will and the pings -----------------------------------------------------------------------

    def update_will_topic(self, topic: str, *, qos: int = 0, retain: bool = False) -> None:
        """Another topic of the last will, in the session; "" deletes the will."""
        self._perform(_WILL_TOPIC, f',{qos},{int(retain)},"{topic}"', f"will topic {topic}")

    def update_will_message(self, message: str) -> None:
        """Another message of the last will, in the session; printable text."""
        self._perform(_WILL_MESSAGE, f',"{message}"', "will message")

    def keep_alive(self, *, on: bool) -> None:
        """Start or stop the pings that keep a session with a duration alive. AtError without duration."""
        self._channel.send(f"AT+UMQTTSNC={_PING},{int(on)}")

    # -- errors ---------------------------------------------------------------------------------------

    def last_error(self) -> tuple[int, int]:
        """Class and code of the last command (+UMQTTSNER); (0, 0) when it went well."""
        kind, code = self._channel.send("AT+UMQTTSNER").value("+UMQTTSNER")[:2]
        if not isinstance(kind, int) or not isinstance(code, int):
            raise UnitError(f"+UMQTTSNER: class {kind!r} and code {code!r} are no numbers")
        return kind, code

    # -- inside ---------------------------------------------------------------------------------------

    def _expect(self, op: int) -> Expectation:
        """URCs of an operation, and of a session that ends by itself."""
        return self._channel.expect(_URC, lambda event: event.fields[:1] == (op,) or _ended(event.fields) > 0)

    def _perform(self, op: int, more: str, what: str, timeout_s: float = MQTTSN_RESULT_S) -> Fields:
        what = f"MQTT-SN {what}"
        with self._expect(op) as result:
            self._channel.send(f"AT+UMQTTSNC={op}{more}")
            fields = self._still_on(result.wait(timeout_s), what)
        if fields[1:2] != (1,):
            raise self._failure(what)
        return fields

    def _failure(self, what: str, meaning: Meaning | None = None) -> CellbenchError:
        kind, code = self.last_error()
        return client_failure(what, kind, code, self._probe, meaning or mqttsn_meaning(kind, code))

    def _still_on(self, event: UrcEvent, what: str) -> Fields:
        """The fields of a URC that is not the end of the session."""
        why = _ended(event.fields)
        if why:
            raise self._failure(f"{what}: the session is over", MQTTSN_ENDED.get(why))
        return event.fields


def mqttsn_probe(host: str, port: int) -> Probe:
    """Asks whether an MQTT-SN gateway over plain UDP is there, by SEARCHGW (MQTT-SN 1.2, 5.4.2); at most
    3 s."""

    def ask() -> str:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(_PROBE_S)
            try:
                sock.connect((host, port))
                sock.send(_SEARCHGW)
                sock.recv(64)
            except OSError as error:
                return f"the MQTT-SN gateway at {host}:{port} does not answer the host: {error}"
        return ""

    return ask


def _number(fields: Fields, place: int, *, least: int = 0) -> int:
    """A topic id or a QoS of a URC."""
    number = fields[place] if len(fields) > place else None
    if not isinstance(number, int) or not least <= number <= 0xFFFF:
        raise UnitError(f"{_URC}: {fields}: {number!r} is no number from {least} to 65535")
    return number


def _ended(fields: Fields) -> int:
    """Why a session ended by itself, 0 where it did not."""
    return fields[1] if fields[:1] == (_DISCONNECT,) and len(fields) > 1 and isinstance(fields[1], int) \
        and fields[1] >= 100 else 0


def _form(data: bytes) -> tuple[int, str]:
    """Text or digits, as the bytes need it; the flag and what stands in the command."""
    if _PRINTABLE.issuperset(data):
        longest, form, text = MQTTSN_LONGEST_TEXT, 0, data.decode("ascii")
    else:
        longest, form, text = MQTTSN_LONGEST_HEX, 1, data.hex().upper()
    if len(data) > longest:
        raise NotPossible(f"an MQTT-SN message of {len(data)} bytes: +UMQTTSNC takes {longest} "
                          f"{'of text' if not form else 'that are no plain text'}")
    return form, text


def _message(answer: Answer, line: str) -> MqttSnMessage:
    """``9,<QoS>,<topic type>,<sum>,<length>,"<topic>",<length>,"<message>"``, with whichever prefix."""
    fields = answer.fields(line.partition(":")[0].rstrip())[0]
    match fields:
        case (9, int(qos), int(kind), int(total), int(first), str(topic), int(second), str(text)):
            pass
        case _:
            raise UnitError(f"{answer.command}: no message in {line[:80]!r}")
    if (len(topic), len(text)) != (first, second) or total != first + second or kind not in (0, 1, 2):
        raise UnitError(f"{answer.command}: lengths and contents of {line[:80]!r} do not agree")
    return MqttSnMessage(MqttSnTopic(TopicKind(kind), topic), qos, text.encode("latin-1"))
