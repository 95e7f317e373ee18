"""Relay boards that speak Modbus over TCP: relays are coils, inputs are discrete inputs."""

from __future__ import annotations

from collections.abc import Mapping

from cellbench.instruments.kinds import Ability, InstrumentClass, InstrumentKind
from cellbench.instruments.line.modbus import (
    READ_COILS,
    READ_INPUTS,
    ModbusRefusal,
    RtuFraming,
    TcpFraming,
    bits_of,
    confirm_write,
    read_bits,
    write_coil,
)
from cellbench.instruments.line.settings import RelayTcpSettings
from cellbench.instruments.line.stream import BoardStream, not_switched, pin_in_range
from cellbench.instruments.settings import checked

KIND = "line.relay-tcp"


class RelayTcpBoard:
    """One board; for one thread at a time. The connection is opened anew after each failure."""

    __slots__ = ("_framing", "_settings", "_stream", "name")

    def __init__(self, name: str, settings: RelayTcpSettings) -> None:
        """Connects and reads all relays; RigError when that fails."""
        self.name = name
        self._settings = settings
        self._framing = TcpFraming(settings.unit) if settings.framing == "tcp" else RtuFraming(settings.unit)
        self._stream = BoardStream(name, f"socket://{settings.host}:{settings.port}",
                                   timeout_s=settings.timeout_s)
        self._open()

    def identity(self) -> str:
        """Where it is; Modbus boards have no identification that they share."""
        return f"Modbus relay board, unit {self._settings.unit}, {self._settings.relays} relays"

    def drive(self, pin: int, closed: bool) -> None:
        """Switch one relay, counted from 0, and read it back."""
        pin_in_range(self.name, pin, self._settings.relays)
        self._open()
        request = write_coil(self._settings.first_coil + pin, closed)
        answer = self._exchange(request)
        try:
            confirm_write(request, answer)
        except ModbusRefusal as refusal:
            raise self._stream.out_of_step(request, answer, f"an echo ({refusal})") from refusal
        if self._coil(pin) is not closed:
            raise not_switched(self.name, pin, closed)

    def is_closed(self, pin: int) -> bool:
        """True while the relay is on."""
        pin_in_range(self.name, pin, self._settings.relays)
        self._open()
        return self._coil(pin)

    def read(self, input: int) -> bool:
        """The level at one digital input, counted from 0: True is high."""
        pin_in_range(self.name, input, self._settings.inputs, "input")
        self._open()
        bit = self._bits(read_bits(READ_INPUTS, self._settings.first_input + input, 1))[0]
        return bit is not self._settings.inputs_active_low

    def close(self) -> None:
        """Give the connection back; relays stay as they are."""
        self._stream.close()

    def _open(self) -> None:
        if self._stream.open():
            self._bits(read_bits(READ_COILS, self._settings.first_coil, self._settings.relays))

    def _coil(self, pin: int) -> bool:
        return self._bits(read_bits(READ_COILS, self._settings.first_coil + pin, 1))[0]

    def _bits(self, request: bytes) -> tuple[bool, ...]:
        answer = self._exchange(request)
        try:
            return bits_of(request, answer)
        except ModbusRefusal as refusal:
            raise self._stream.out_of_step(request, answer, f"bits ({refusal})") from refusal

    def _exchange(self, request: bytes) -> bytes:
        answer = self._stream.ask(self._framing.wrap(request), self._framing.complete)
        try:
            return self._framing.unwrap(answer)
        except ModbusRefusal as refusal:
            raise self._stream.out_of_step(request, answer, f"its answer ({refusal})") from refusal


def _opener(name: str, settings: Mapping[str, object]) -> RelayTcpBoard:
    return RelayTcpBoard(name, checked(RelayTcpSettings, KIND, name, settings))


def _equipment(settings: Mapping[str, object]) -> str:
    port = settings.get("port", RelayTcpSettings.model_fields["port"].default)
    return f"tcp:{str(settings['host']).lower()}:{port}"


def _pins(settings: Mapping[str, object]) -> tuple[int | None, int | None]:
    fields = RelayTcpSettings.model_fields
    relays, inputs = (settings.get(key, fields[key].default) for key in ("relays", "inputs"))
    return (relays if isinstance(relays, int) else None), (inputs if isinstance(inputs, int) else None)


KINDS: tuple[InstrumentKind, ...] = (InstrumentKind(
    kind=KIND, serves=InstrumentClass.LINE, settings=RelayTcpSettings, open=_opener, equipment=_equipment,
    pins=_pins, models=("Waveshare Modbus POE ETH Relay, (B), (C), 16CH, 30CH",
                        "Waveshare Modbus POE ETH IO 8CH", "other boards with relays as Modbus coils"),
    source="MODBUS Application Protocol V1.1b3 and Messaging on TCP/IP V1.0b; Waveshare wiki, Modbus POE ETH "
           "Relay, Development Protocol",
    abilities=frozenset({Ability.DRIVE, Ability.READ_BACK, Ability.INPUTS}),
    doubts="whether an input reads 1 while its level is high or low differs by board: inputs_active_low"),)
