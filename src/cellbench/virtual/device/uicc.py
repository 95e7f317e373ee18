"""The card itself, as commands to it see it (ETSI TS 102 221, TS 31.102): channels, SELECT, READ, UPDATE."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cellbench.virtual.device.module import Module
    from cellbench.virtual.device.sim import Sim

OK = b"\x90\x00"
NOT_FOUND = b"\x6a\x82"
WRONG_LENGTH = b"\x67\x00"
BAD_P1P2 = b"\x6b\x00"
NO_FUNCTION = b"\x6d\x00"
NO_CHANNEL = b"\x68\x81"
NO_MORE = b"\x6a\x81"
NOT_ALLOWED = b"\x69\x82"

# SELECT of the master file as the LENA-R8 guide prints it (Table 46)
MASTER_FILE = bytes.fromhex("62278202782183023F00A507800171830242868A01058B032F0601"
                            "C60C90016083010183010A83010C")


def file_control(number: int, size: int, record: int = 0) -> bytes:
    """The FCP template of an elementary file (TS 102 221 11.1.1.3), as Table 46 prints it for EF_ICCID."""
    kind = b"\x82\x05\x42\x21" + size.to_bytes(2, "big") + b"\x01" if record else b"\x82\x02\x41\x21"
    body = (kind + b"\x83\x02" + number.to_bytes(2, "big") + b"\x8a\x01\x05\x8b\x03\x2f\x06\x08"
            + b"\x80\x02" + size.to_bytes(2, "big") + b"\x88\x01" + _short(number))
    return b"\x62" + bytes([len(body)]) + body


def _short(number: int) -> bytes:
    """The short file identifier field of the few files that have one; 10h is EF_ICCID's."""
    return {0x2FE2: b"\x10", 0x6F07: b"\x38", 0x6FB7: b"\x08"}.get(number, b"\x00")


def exchange(module: Module, command: bytes) -> bytes:
    """One command APDU to the card and its answer with the status words."""
    sim = module.sim
    channel = command[0] & 0x03
    instruction = command[1]
    if instruction == 0x70:
        return _manage_channel(module, command)
    shared = channel == 1 and module.config.behaviour.channel_1_in_use
    if channel and channel not in sim.channels and not shared:
        return NO_CHANNEL
    if instruction == 0xA4:
        return _select(sim, channel, command)
    if instruction == 0xB0:
        return _read(sim, channel, command)
    if instruction == 0xD6:
        return _update(sim, channel, command)
    if instruction == 0xF2:
        return MASTER_FILE + OK
    if instruction in (0x20, 0x2C) and len(command) <= 5:
        return _tries(sim, instruction, command[3])
    return NO_FUNCTION


def _tries(sim: Sim, instruction: int, key: int) -> bytes:
    """VERIFY PIN and UNBLOCK PIN without data ask for the tries left (TS 102 221 11.1.9, 11.1.12)."""
    left = {(0x20, 0x01): sim.pin_tries, (0x2C, 0x01): sim.puk_tries, (0x20, 0x81): 3, (0x2C, 0x81): 10}
    count = left.get((instruction, key))
    if count is None:
        return b"\x6a\x88"
    return b"\x63" + bytes([0xC0 + count]) if count else b"\x69\x83"


def _manage_channel(module: Module, command: bytes) -> bytes:
    """MANAGE CHANNEL (TS 102 221 11.1.17)."""
    sim, behaviour = module.sim, module.config.behaviour
    operation = command[2]
    if operation == 0x80:
        if command[3] not in sim.channels:
            return NO_CHANNEL
        sim.channels.discard(command[3])
        sim.selected.pop(command[3], None)
        return OK
    if operation != 0x00:
        return BAD_P1P2
    if (len(command) < 5 or command[4] != 1) and behaviour.channel_needs_length:
        return b"\x6c\x01"
    first = 2 if behaviour.channel_1_in_use else 1
    for channel in range(first, module.config.sim.logical_channels + 1):
        if channel not in sim.channels:
            sim.channels.add(channel)
            return bytes([channel]) + OK
    return NO_MORE


def _select(sim: Sim, channel: int, command: bytes) -> bytes:
    if len(command) < 7 or command[4] != 2 or command[2] != 0:
        return NOT_FOUND
    number = int.from_bytes(command[5:7], "big")
    if number == 0x3F00:
        sim.selected[channel] = number
        return MASTER_FILE + OK
    content = sim.read(number)
    if content is None:
        return NOT_FOUND
    sim.selected[channel] = number
    return file_control(number, len(content), sim.kinds[number].record) + OK


def _read(sim: Sim, channel: int, command: bytes) -> bytes:
    content = sim.read(sim.selected.get(channel, 0))
    if content is None:
        return b"\x69\x86"  # no EF selected
    offset = int.from_bytes(command[2:4], "big")
    if offset > len(content):
        return BAD_P1P2
    length = command[4] if len(command) > 4 else 0
    return content[offset:offset + length if length else None] + OK


def _update(sim: Sim, channel: int, command: bytes) -> bytes:
    number = sim.selected.get(channel, 0)
    content = sim.files.get(number)
    if content is None:
        return b"\x69\x86"
    if not sim.kinds[number].writable:
        return NOT_ALLOWED
    offset, data = int.from_bytes(command[2:4], "big"), command[5:]
    if len(command) < 6 or command[4] != len(data) or offset + len(data) > len(content):
        return WRONG_LENGTH
    content[offset:offset + len(data)] = data
    return OK
