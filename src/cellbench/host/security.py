"""Security profiles (+USECPRF) as one declaration each, with read-back, and sessions to be resumed."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from cellbench.base.errors import FrameworkError, UnitError
from cellbench.host.channel import Channel, Expectation

_UNREADABLE = frozenset({7, 8})  # a key's password and the PSK: no read form shows them
_URC = "+UUSECPRF"


class ServerCheck(enum.IntEnum):
    """Operation 0."""

    NONE = 0
    CHAIN = 1
    HOST = 2
    DATES = 3


class TlsVersion(enum.IntEnum):
    """Operation 1: the oldest version that is taken (the guides), or the only one (a driver's reading)."""

    ANY = 0
    TLS_1_0 = 1
    TLS_1_1 = 2
    TLS_1_2 = 3
    TLS_1_3 = 4


class PinLevel(enum.IntEnum):
    """Operation 12."""

    KEY_INFORMATION = 0
    KEY = 1
    CERTIFICATE = 2


class SessionKind(enum.IntEnum):
    """Types of operation 13,1 (LARA-R6 guide 3.4.4); the data's tag is the type and 2."""

    ID = 0
    TICKET = 1
    PSK_TICKET = 3
    ID_ENCRYPTED = 10
    TICKET_ENCRYPTED = 11
    PSK_TICKET_ENCRYPTED = 13

    @property
    def tag(self) -> int:
        """The number that the data goes under."""
        return self.value + 2

    @property
    def told(self) -> bool:
        """True when the module tells the data by URC at each handshake; else it is read."""
        return self in (SessionKind.ID, SessionKind.ID_ENCRYPTED)

    @property
    def prompted(self) -> bool:
        """True when the data is given at a prompt."""
        return self in (SessionKind.PSK_TICKET, SessionKind.PSK_TICKET_ENCRYPTED)


@dataclass(frozen=True, slots=True)
class SessionData:
    """What resumes a session. ``texts`` as the module gives them: for ID the session id and the master
    secret, else the data alone."""

    kind: SessionKind
    texts: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Psk:
    """A pre-shared key and its identity; ``hexadecimal`` (firmware with that form) says that both are
    digits."""

    identity: str
    key: str = field(repr=False)
    hexadecimal: bool = False


@dataclass(frozen=True, slots=True)
class Pin:
    """A stored server certificate that the server must show."""

    certificate: str
    level: PinLevel = PinLevel.CERTIFICATE


@dataclass(frozen=True, slots=True)
class SecurityProfile:
    """A whole profile. What is None stays as the reset leaves it.

    ``suites``: a number of the module's own list, or IANA numbers as four hexadecimal digits ("C030"; more
    than one only with firmware that has the list). ``root``, ``certificate`` and ``key`` are names in the
    module. ``session``: the kind of resumption to collect, or data to resume with.
    """

    check: ServerCheck | None = None
    version: TlsVersion | None = None
    suites: int | tuple[str, ...] | None = None
    root: str | None = None
    host: str | None = None
    certificate: str | None = None
    key: str | None = None
    key_password: str | None = field(default=None, repr=False)
    psk: Psk | None = None
    sni: str | None = None
    pin: Pin | None = None
    session: SessionKind | SessionData | None = None

    def settings(self) -> Iterator[tuple[int, str]]:
        """Operations and their values as the command takes them, without the session."""
        if self.check is not None:
            yield 0, str(int(self.check))
        if self.version is not None:
            yield 1, str(int(self.version))
        yield from self._suites()
        texts = ((3, self.root), (4, self.host), (5, self.certificate), (6, self.key), (7, self.key_password))
        yield from ((op, f'"{text}"') for op, text in texts if text is not None)
        if self.psk is not None:
            form = ",1" if self.psk.hexadecimal else ""
            yield 8, f'"{self.psk.key}"{form}'
            yield 9, f'"{self.psk.identity}"{form}'
        if self.sni is not None:
            yield 10, f'"{self.sni}"'
        if self.pin is not None:
            yield 12, f'"{self.pin.certificate}",{int(self.pin.level)}'

    def _suites(self) -> Iterator[tuple[int, str]]:
        if isinstance(self.suites, int):
            yield 2, str(self.suites)
        elif self.suites is not None:
            one = len(self.suites) == 1
            for suite in self.suites:
                yield 2, f'{99 if one else 100},"{suite[:2]}","{suite[2:]}"' + ("" if one else ",0")

    def readable(self) -> Iterator[tuple[int, tuple[object, ...]]]:
        """Operations and the fields that their read form must give."""
        for op, value in self.settings():
            if op == 2 and not isinstance(self.suites, int):
                continue
            if op == 9 and self.psk is not None and self.psk.hexadecimal:
                continue
            if op not in _UNREADABLE:
                yield op, tuple(part.strip('"') for part in value.split(","))
        if isinstance(self.suites, tuple):
            form = "99" if len(self.suites) == 1 else "100"
            yield 2, (form, ";".join(self.suites))


class SettingNotKept(UnitError):
    """A security profile reads back otherwise than it was set."""


class NoSession(UnitError):
    """The module gave no data to resume a session with."""


class Security:
    """The security profiles behind a channel."""

    __slots__ = ("_channel",)

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def reset(self, number: int) -> None:
        """All of a profile back to its factory values."""
        self._channel.send(f"AT+USECPRF={number}")

    def apply(self, number: int, profile: SecurityProfile) -> None:
        """Reset a profile, set it and read back what can be read. Raises SettingNotKept, CmeError (a setting
        that the series refuses)."""
        self.reset(number)
        for op, value in profile.settings():
            self._channel.send(f"AT+USECPRF={number},{op},{value}")
        if profile.session is not None:
            self._resume(number, profile.session)
        for op, wanted in profile.readable():
            found = self.read(number, op)
            if _plain(found) != _plain(wanted):
                raise SettingNotKept(
                    f"security profile {number}, operation {op}: set {wanted}, reads {found}")

    def read(self, number: int, op: int) -> tuple[int | str | None, ...]:
        """The values of an operation."""
        answer = self._channel.send(f"AT+USECPRF={number},{op}")
        fields = answer.value("+USECPRF")
        if fields[:2] != (number, op):
            raise UnitError(f"{answer.command}: the answer is of something else: {list(answer.info)}")
        return fields[2:]

    def watch(self, number: int) -> SessionWatch:
        """Collect what the module tells of sessions from now on; a context manager. Arm it before the command
        that connects."""
        return SessionWatch(self._channel, number)

    def _resume(self, number: int, session: SessionKind | SessionData) -> None:
        kind = session if isinstance(session, SessionKind) else session.kind
        start = f"AT+USECPRF={number},13,"
        self._channel.send(f"{start}0,1")
        self._channel.send(f"{start}1,{int(kind)}")
        if isinstance(session, SessionKind):
            return
        _keep_secret(self._channel, session)
        first = session.texts[0]
        if kind.prompted:
            self._channel.send(f"{start}{kind.tag},{len(first)}", payload=first.encode("latin-1"))
        elif kind is SessionKind.ID:
            self._channel.send(f'{start}{kind.tag},"{first}","{session.texts[1]}"')
        else:
            self._channel.send(f'{start}{kind.tag},"{first}",{len(first)}')


class SessionWatch:
    """What the module tells of sessions on a profile, until ``close`` or the end of the block."""

    __slots__ = ("_channel", "_heard", "_number")

    def __init__(self, channel: Channel, number: int) -> None:
        self._channel = channel
        self._number = number
        self._heard: Expectation = channel.expect(
            _URC, lambda event: event.fields[:2] == (number, 13))

    def session(self, kind: SessionKind, timeout_s: float = 30.0) -> SessionData:
        """The data of the next handshake: by its URC, or read once the status says "configured". Raises
        NoSession when the handshake gave none, UrcTimeout when the module tells nothing."""
        if kind.told:
            fields = self._next(kind.tag, timeout_s)
            texts = tuple(str(value) for value in fields[3:])
            texts = texts if kind is SessionKind.ID else texts[:1]
        else:
            status = self.status(timeout_s)
            if status != 2:
                raise NoSession(f"security profile {self._number}: session status {status}, no data")
            fields = self._channel.send(f"AT+USECPRF={self._number},13,{kind.tag}").value("+USECPRF")
            texts = (str(fields[3]),)
            if fields[4:] != (len(texts[0]),):
                raise UnitError(f"security profile {self._number}: {len(texts[0])} characters of session "
                                f"data announced as {fields[4:]}")
        if not texts or not all(texts) or (kind is SessionKind.ID and len(texts) != 2):
            raise NoSession(f"security profile {self._number}: the URC of the session holds no data")
        data = SessionData(kind, texts)
        _keep_secret(self._channel, data)
        return data

    def status(self, timeout_s: float = 30.0) -> int:
        """The status of the next +UUSECPRF: <profile>,13,0: 1 enabled, 2 configured."""
        found = self._next(0, timeout_s)[3]
        if not isinstance(found, int):
            raise UnitError(f"{_URC}: status {found!r} is no number")
        return found

    def kind(self, timeout_s: float = 30.0) -> int:
        """The type told by +UUSECPRF: <profile>,13,1 before the data."""
        found = self._next(1, timeout_s)[3]
        if not isinstance(found, int):
            raise UnitError(f"{_URC}: type {found!r} is no number")
        return found

    def _next(self, tag: int, timeout_s: float) -> tuple[int | str | None, ...]:
        while True:
            fields = self._heard.wait(timeout_s).fields
            if len(fields) > 3 and fields[2] == tag:
                return fields

    def close(self) -> None:
        """Stop listening."""
        self._heard.close()

    def __enter__(self) -> SessionWatch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _keep_secret(channel: Channel, data: SessionData) -> None:
    """The session id goes over the wire in clear; all else opens the session."""
    if not data.texts or (data.kind is SessionKind.ID and len(data.texts) != 2):
        raise FrameworkError("session data of type ID is the session id and the master secret")
    secret = data.texts[1:] if data.kind is SessionKind.ID else data.texts
    for text in secret:
        channel.secrets.learn(text.encode("latin-1"))


def _plain(values: Sequence[object]) -> list[str]:
    return ["" if value is None else str(value).upper() for value in values]
