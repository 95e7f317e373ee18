"""The module's MQTT client as Python calls: ``with dut.mqtt().use(MqttServer("broker")) as mqtt:
mqtt.publish("topic", b"...")``.

The form of a message (text, hexadecimal, binary, file) is chosen by what its bytes need. Settings of the
broker and the last will are in mqtt_settings.
"""

from __future__ import annotations

import enum
import secrets
from contextlib import suppress
from typing import NamedTuple

from cellbench.base.clock import Deadline
from cellbench.base.errors import CellbenchError, NotPossible, Owner, UnitError
from cellbench.catalogue.clients import Meaning
from cellbench.catalogue.mqtt import (
    MQTT_CLASS,
    MQTT_ENDS,
    MQTT_LONGEST_HEX,
    MQTT_LONGEST_MESSAGE,
    MQTT_RESULT_S,
    mqtt_meaning,
)
from cellbench.host.answer import Answer
from cellbench.host.channel import Channel
from cellbench.host.clients.blame import Probe, client_failure
from cellbench.host.clients.mqtt_settings import PRINTABLE, MqttServer, check_read_back, topic_text
from cellbench.host.errors import AtError
from cellbench.host.files import Files
from cellbench.host.urclog import UrcEvent, UrcTimeout
from cellbench.wire.at.values import Fields

_URC = "+UUMQTTC"
_POLL_S = 1.0  # a notice that came just before it was waited for is made up for by asking
_LOG_OUT, _LOG_IN, _PUBLISH, _PUBLISH_FILE, _SUBSCRIBE, _UNSUBSCRIBE, _READ = range(7)
_PING, _PUBLISH_BINARY = 8, 9
_ENDED = 100  # from here on, the second number of +UUMQTTC: 0 says why the session ended by itself


class MessageForm(enum.Enum):
    """How a message goes to the module."""

    TEXT = "text"
    HEXADECIMAL = "hexadecimal"
    BINARY = "binary"
    FILE = "file"


class MqttMessage(NamedTuple):
    """A message as the module stored it."""

    topic: str
    payload: bytes
    qos: int

    @property
    def text(self) -> str:
        """The payload as UTF-8, what is none replaced."""
        return self.payload.decode("utf-8", "replace")


class MqttClient:
    """The MQTT client of the module: one profile, one session.

    As a context manager it logs in and, unless the session has ended by itself, out. Every call raises by
    owner: ClientError (the unit's, with class, code and meaning), ClientServiceError when the probe sees the
    broker dead, ClientNetworkError without packet data connection or radio service; AtError where the module
    refuses the command itself (no session, another command's result due); UrcTimeout when no result comes
    within 120 s.
    """

    __slots__ = ("_channel", "_files", "_mark", "_probe", "_waiting")

    def __init__(self, channel: Channel, *, probe: Probe | None = None) -> None:
        """``probe`` asks the broker directly when an error suspects it; see host.blame."""
        self._channel = channel
        self._files = Files(channel)
        self._probe = probe
        self._mark = channel.urcs.mark()
        self._waiting: list[MqttMessage] = []  # read, and not asked for yet

    # -- the profile -----------------------------------------------------------------------------

    def use(self, server: MqttServer, *, probe: Probe | None = None) -> MqttClient:
        """Factory values, then this declaration, read back; not during a session. ``probe`` replaces the
        client's."""
        self.factory()
        for op, value in server.settings():
            self._channel.send(f"AT+UMQTT={op},{value}")
        listed = {int(fields[0] or 0): fields[1:] for fields in
                  self._channel.send("AT+UMQTT?").fields("+UMQTT") if fields}
        for op, wanted in server.readable():
            found = listed.get(op)
            if found is None:  # operations that the guides' lists do not have
                found = self.read(op)
            check_read_back(op, wanted, found)
        self._probe = probe or self._probe
        return self

    def read(self, op: int) -> Fields:
        """The values of an operation of +UMQTT."""
        fields = self._channel.send(f"AT+UMQTT={op}").value("+UMQTT")
        return fields[1:]

    def factory(self) -> None:
        """Factory values into the profile (+UMQTTNV=0)."""
        self._channel.send("AT+UMQTTNV=0")

    def restore(self) -> None:
        """The stored profile into the current one (+UMQTTNV=1)."""
        self._channel.send("AT+UMQTTNV=1")

    def store(self) -> None:
        """The current profile into NVM (+UMQTTNV=2)."""
        self._channel.send("AT+UMQTTNV=2")

    # -- the session -----------------------------------------------------------------------------

    def connect(self) -> None:
        """Log in. Messages of an earlier session are forgotten."""
        self._waiting.clear()
        self._mark = self._channel.urcs.mark()
        self._perform("MQTT log in", _LOG_IN)

    def disconnect(self) -> None:
        """Log out; the broker then sends no last will."""
        self._perform("MQTT log out", _LOG_OUT)

    @property
    def ended(self) -> Meaning | None:
        """Why the session ended by itself since the log in; None while it has not."""
        for event in self._channel.urcs.since(self._mark):
            if event.begins(_URC) and _ends(event):
                return MQTT_ENDS.get(int(event.fields[1] or 0)) or mqtt_meaning(MQTT_CLASS, -1)
        return None

    def publish(self, topic: str, data: bytes | str, *, qos: int = 0, retain: bool = False,
                form: MessageForm | None = None) -> MessageForm:
        """Publish and wait for the outcome; the form it went in.

        Without ``form``: text where the command takes it, else hexadecimal, else binary (up to 1024 bytes),
        else by way of a file in the module, which is deleted afterwards. NotPossible for a form that cannot
        carry the data.
        """
        payload = data.encode() if isinstance(data, str) else data
        chosen = form or self._form(topic, payload)
        what = f"MQTT publish to {topic}"
        start = f"{qos},{int(retain)}"
        name = topic_text(topic)
        if chosen is MessageForm.TEXT:
            self._perform(what, _PUBLISH, f'{start},0,"{name}","{_text(payload)}"')
        elif chosen is MessageForm.HEXADECIMAL:
            _fits(payload, 0, MQTT_LONGEST_HEX, chosen)
            self._perform(what, _PUBLISH, f'{start},1,"{name}","{payload.hex().upper()}"')
        elif chosen is MessageForm.BINARY:
            _fits(payload, 1, MQTT_LONGEST_MESSAGE, chosen)
            self._perform(what, _PUBLISH_BINARY, f'{start},"{name}",{len(payload)}', payload=payload)
        else:
            self._by_file(what, f'{start},"{name}"', payload)
        return chosen

    def publish_file(self, topic: str, file: str, *, qos: int = 0, retain: bool = False) -> None:
        """Publish a file that is in the module already."""
        self._perform(f"MQTT publish of {file} to {topic}", _PUBLISH_FILE,
                      f'{qos},{int(retain)},"{topic_text(topic)}","{file}"')

    def subscribe(self, topic_filter: str, qos: int = 0) -> int:
        """Subscribe; the QoS that the broker grants."""
        fields = self._perform(f"MQTT subscribe to {topic_filter}", _SUBSCRIBE,
                               f'{qos},"{topic_text(topic_filter)}"')
        if len(fields) < 3 or not isinstance(fields[2], int):
            raise UnitError(f"MQTT subscribe to {topic_filter}: {_URC} tells no granted QoS: {fields}")
        return fields[2]

    def unsubscribe(self, topic_filter: str) -> None:
        """End a subscription, by the filter that began it."""
        self._perform(f"MQTT unsubscribe from {topic_filter}", _UNSUBSCRIBE,
                      f'"{topic_text(topic_filter)}"')

    def ping(self, *, on: bool = True) -> None:
        """Start or stop the ping loop, which wants a keep-alive time. A failure comes as +UUMQTTC: 8,0."""
        self._channel.send(f"AT+UMQTTC={_PING},{int(on)}")

    # -- messages --------------------------------------------------------------------------------

    def messages(self) -> tuple[MqttMessage, ...]:
        """Read everything that waits in the module, which deletes it there; the oldest first."""
        self._read_all()
        found, self._waiting = tuple(self._waiting), []
        return found

    def receive(self, topic: str | None = None, timeout_s: float = 30.0) -> MqttMessage:
        """The next message of a topic (of any without one); others are kept for later calls.

        UrcTimeout when none comes in time; when the session ends meanwhile, the error of its owner.
        """
        deadline = Deadline.after(timeout_s)
        with self._channel.expect(_URC, lambda event: event.fields[:1] == (_READ,) or _ends(event)) as news:
            while True:
                self._read_all()
                for place, message in enumerate(self._waiting):
                    if topic is None or message.topic == topic:
                        return self._waiting.pop(place)
                self._still_there()
                if deadline.expired:
                    other = f"; {len(self._waiting)} of other topics" if self._waiting else ""
                    raise UrcTimeout(f"no message of {topic or 'any topic'} within {timeout_s:g} s{other}")
                with suppress(UrcTimeout):
                    news.wait(min(_POLL_S, deadline.remaining))

    # -- errors ----------------------------------------------------------------------------------

    def last_error(self) -> tuple[int, int]:
        """Class and code of the last operation (+UMQTTER)."""
        fields = self._channel.send("AT+UMQTTER").value("+UMQTTER")
        kind, code = (int(value or 0) for value in fields[-2:])
        return kind, code

    def last_meaning(self) -> Meaning:
        """What the last error says, its source, and who else than the unit may be behind it."""
        return mqtt_meaning(*self.last_error())

    # -- inside ----------------------------------------------------------------------------------

    def __enter__(self) -> MqttClient:
        self.connect()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self.ended is not None:
            return
        try:
            self.disconnect()
        except (AtError, UnitError):
            if kind is None:
                raise

    def _perform(self, what: str, op: int, more: str = "", *, payload: bytes | None = None) -> Fields:
        """One operation of +UMQTTC and its result."""
        line = f"AT+UMQTTC={op}" + (f",{more}" if more else "")
        # the guide prints 2 for the result of a binary message, siblings 9 (LARA-R6 guide 6.5)
        told = (op, _PUBLISH) if op == _PUBLISH_BINARY else (op,)

        def ours(event: UrcEvent) -> bool:
            return bool(event.fields) and event.fields[0] in told and not _ends(event)

        with self._channel.expect(_URC, ours) as result:
            try:
                self._channel.send(line, payload=payload)
            except AtError:
                error = self.last_error()
                if mqtt_meaning(*error).suspect is not Owner.NETWORK:
                    raise  # what +UMQTTER tells is of an earlier operation
                raise self._failure(what, *error) from None
            fields = result.wait(MQTT_RESULT_S).fields
        if fields[1] != 1:
            raise self._failure(what, *self.last_error())
        return fields

    def _failure(self, what: str, kind: int, code: int, meaning: Meaning | None = None
                 ) -> CellbenchError:
        return client_failure(what, kind, code, self._probe, meaning or mqtt_meaning(kind, code))

    def _form(self, topic: str, payload: bytes) -> MessageForm:
        """What the bytes need; a command line has its own limit."""
        room = self._channel.profile.serial.max_line.value - len(topic_text(topic)) - len(
            'AT+UMQTTC=2,0,0,0,"",""\r')
        if len(payload) <= min(room, MQTT_LONGEST_MESSAGE) and PRINTABLE.issuperset(payload):
            return MessageForm.TEXT
        if 2 * len(payload) <= min(room, 2 * MQTT_LONGEST_HEX):
            return MessageForm.HEXADECIMAL
        return MessageForm.BINARY if len(payload) <= MQTT_LONGEST_MESSAGE else MessageForm.FILE

    def _by_file(self, what: str, start: str, payload: bytes) -> None:
        name = f"cellbench_mqtt_{secrets.token_hex(4)}"
        self._files.put(name, payload)
        try:
            self._perform(what, _PUBLISH_FILE, f'{start},"{name}"')
        finally:
            self._files.delete(name, missing_ok=True)

    def _read_all(self) -> None:
        while (message := self._read_one()) is not None:
            self._waiting.append(message)

    def _read_one(self) -> MqttMessage | None:
        """The oldest message, None when none waits: one series refuses the read then, the other answers with
        OK and no message, or an incomplete line (ubxlib, u_cell_mqtt.c)."""
        answer = self._channel.send(f"AT+UMQTTC={_READ},1", check=False)
        if not answer.ok:
            return None
        found = answer.fields("+UMQTTC")
        if not found or len(found[0]) < 7:
            return None
        return _message(answer, found[0])

    def _still_there(self) -> None:
        meaning = self.ended
        if meaning is not None:
            raise self._failure("MQTT session", *self.last_error(), meaning)


def _ends(event: UrcEvent) -> bool:
    """The URC of a session that ended by itself."""
    fields = event.fields
    return len(fields) > 1 and fields[0] == _LOG_OUT and isinstance(fields[1], int) and fields[1] >= _ENDED


def _message(answer: Answer, fields: Fields) -> MqttMessage:
    """+UMQTTC: 6,<QoS>,<topic and message length>,<topic length>,"<topic>",<message length>,"<message>";
    UnitError when the lengths are not those of what is there."""
    _, qos, both, topic_length, topic, length, message = fields[:7]
    name, text = _as_text(topic), _as_text(message)
    if (topic_length, length, both) != (len(name), len(text), len(name) + len(text)):
        raise UnitError(f"{answer.command}: announced {topic_length} and {length} bytes, {both} in all; "
                        f"there are {len(name)} and {len(text)}")
    return MqttMessage(name.encode("latin-1").decode("utf-8", "replace"), text.encode("latin-1"),
                       int(qos or 0))


def _as_text(field: int | str | None) -> str:
    return "" if field is None else str(field)


def _text(payload: bytes) -> str:
    _fits(payload, 0, MQTT_LONGEST_MESSAGE, MessageForm.TEXT)
    if not PRINTABLE.issuperset(payload):
        raise NotPossible("a text message holds printable ASCII without quotation marks only",
                          remedy="leave the form open, or say MessageForm.BINARY")
    return payload.decode("ascii")


def _fits(payload: bytes, least: int, most: int, form: MessageForm) -> None:
    if not least <= len(payload) <= most:
        raise NotPossible(f"a message of {len(payload)} bytes in form {form.value}: it takes {least} to "
                          f"{most} bytes", remedy="leave the form open")
