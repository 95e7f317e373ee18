"""Devantech (Robot Electronics) ETH relay modules: commands of a few bytes over TCP.

By the ETH008-B documentation and the ETH8020 technical documentation, "TCP access and commands": all bytes
of a command in one packet; 10h module info, 20h/21h relay on/off with a time (0: for good), 24h states,
25h inputs, 79h password. The protection of a password comes back after 30 s of silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cellbench.base.errors import RigError
from cellbench.instruments.kinds import Ability, InstrumentClass, InstrumentKind
from cellbench.instruments.line.settings import DevantechSettings
from cellbench.instruments.line.stream import BoardStream, not_switched, pin_in_range
from cellbench.instruments.settings import checked

KIND = "line.devantech-eth"
_INFO, _ON, _OFF, _OUTPUTS, _INPUTS, _PASSWORD = b"\x10", 0x20, 0x21, b"\x24", b"\x25", b"\x79"
_FOR_GOOD = 0
_DONE, _UNLOCKED = 0, 1


@dataclass(frozen=True, slots=True)
class _Model:
    """One model: how many relays and inputs, and the length of the answers that hold them."""

    name: str
    relays: int
    output_bytes: int
    inputs: int = 0
    input_bytes: int = 0


_MODELS: Mapping[int, _Model] = {
    19: _Model("ETH008", 8, 1),
    21: _Model("ETH8020", 20, 3, inputs=8, input_bytes=4),
}


class DevantechBoard:
    """One module; for one thread at a time. The connection is opened anew after each failure."""

    __slots__ = ("_identity", "_model", "_password", "_stream", "name")

    def __init__(self, name: str, settings: DevantechSettings, password: str | None = None) -> None:
        """Connects and reads the module's number and versions; RigError when that fails or it is unknown."""
        self.name = name
        self._password = password
        self._identity = ""
        self._model = _MODELS[19]
        self._stream = BoardStream(name, f"socket://{settings.host}:{settings.port}",
                                   timeout_s=settings.timeout_s)
        self._open()

    def identity(self) -> str:
        """The model with its hardware and firmware versions."""
        return self._identity

    def drive(self, pin: int, closed: bool) -> None:
        """Switch one relay, counted from 0, and read it back."""
        self._open()
        pin_in_range(self.name, pin, self._model.relays)
        if self._password is not None:
            self._unlock(self._password)
        answer = self._ask(bytes((_ON if closed else _OFF, pin + 1, _FOR_GOOD)), 1)
        if answer[0] != _DONE:
            missing = "give the module's TCP/IP password in the rig file"
            raise RigError(f"{self._stream.where} refuses to switch relay {pin}",
                           remedy=missing if self._password is None else "check the module's relay supply")
        if self._closed(pin) is not closed:
            raise not_switched(self.name, pin, closed)

    def is_closed(self, pin: int) -> bool:
        """True while the relay is on."""
        self._open()
        pin_in_range(self.name, pin, self._model.relays)
        return self._closed(pin)

    def read(self, input: int) -> bool:
        """The level at one digital input, counted from 0: True is high (the module reports low as active)."""
        self._open()
        pin_in_range(self.name, input, self._model.inputs, "input")
        return not self._ask(_INPUTS, self._model.input_bytes)[-1] >> input & 1

    def close(self) -> None:
        """Give the connection back; relays stay as they are."""
        self._stream.close()

    def _open(self) -> None:
        if not self._stream.open():
            return
        number, hardware, firmware = self._ask(_INFO, 3)
        if number not in _MODELS:
            self._stream.close()
            raise RigError(f"{self._stream.where} says it is module {number}, which is none of "
                           + ", ".join(f"{model.name} ({known})" for known, model in _MODELS.items()),
                           remedy="choose the kind that fits the model")
        self._model = _MODELS[number]
        self._identity = f"Devantech {self._model.name}, hardware {hardware}, firmware {firmware}"

    def _closed(self, pin: int) -> bool:
        return bool(self._ask(_OUTPUTS, self._model.output_bytes)[pin // 8] >> pin % 8 & 1)

    def _unlock(self, password: str) -> None:
        self._stream.send(_PASSWORD + password.encode("latin-1", "replace"))
        if self._stream.take(b"the password", bool)[:1] != bytes((_UNLOCKED,)):
            self._stream.close()
            raise RigError(f"{self._stream.where} refuses the password",
                           remedy="correct the instrument's password in the rig file")

    def _ask(self, question: bytes, size: int) -> bytes:
        answer = self._stream.ask(question, lambda got: len(got) >= size)
        if len(answer) != size:
            raise self._stream.out_of_step(question, answer, f"{size} bytes")
        return answer


def _opener(name: str, settings: Mapping[str, object]) -> DevantechBoard:
    stated = checked(DevantechSettings, KIND, name,
                     {key: value for key, value in settings.items() if key != "password"})
    password = settings.get("password")
    if password is not None and not isinstance(password, str):
        raise RigError(f"instrument {name}: the password was not resolved to a text")
    return DevantechBoard(name, stated, password)


def _equipment(settings: Mapping[str, object]) -> str:
    port = settings.get("port", DevantechSettings.model_fields["port"].default)
    return f"tcp:{str(settings['host']).lower()}:{port}"


def _pins(settings: Mapping[str, object]) -> tuple[int | None, int | None]:
    return None, None


KINDS: tuple[InstrumentKind, ...] = (InstrumentKind(
    kind=KIND, serves=InstrumentClass.LINE, settings=DevantechSettings, open=_opener, equipment=_equipment,
    pins=_pins, models=("Devantech ETH008", "Devantech ETH8020"),
    source="Devantech, ETH008-B documentation and ETH8020 technical documentation, TCP access and commands",
    abilities=frozenset({Ability.DRIVE, Ability.READ_BACK, Ability.INPUTS}),
    doubts="inputs on the ETH8020 alone; the polarity of its inputs is the documentation's"),)
