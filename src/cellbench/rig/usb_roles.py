"""Roles of USB serial ports, confirmed by AT: what the descriptor order promises, the module has to keep.

Compositions of one VID:PID and one number of ports (LARA-R6 by +USIO) are told apart in the same way. A
port is asked by opening it, sending AT once and waiting for OK; a port that streams traces does not answer.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cellbench.base.clock import Deadline
from cellbench.base.errors import CellbenchError, UnitError
from cellbench.catalogue.modules.model import UsbComposition
from cellbench.io.serial_port import SerialPort
from cellbench.rig.usb_view import UsbView

ASK_S = 0.4
_AGAIN_S = 0.2  # a port that has just been opened may lose the first AT
_PATIENCE = 2  # asks more before the silence of a port of a module that is awake is believed
_SLICE = 4096
_KEPT = 256

Asks = Callable[[int, Path], bool | None]
"""Asks the serial port of an index at a node; None where somebody else reads it, so that it says nothing."""


class WrongRole(UnitError):
    """The module has an AT interface on another port than its documents say."""


def answers_at(node: Path, seconds: float = ASK_S) -> bool:
    """True when the port answers AT with OK within ``seconds``; False when it is silent, streams something
    else or goes away."""
    port = SerialPort(node)
    deadline = Deadline.after(seconds)
    heard = b""
    try:
        port.open()
        while not deadline.expired:
            port.write(b"AT\r", deadline)
            slice_end = deadline.earlier(_AGAIN_S)
            while not slice_end.expired:
                heard = (heard + port.read(_SLICE, slice_end.remaining))[-_KEPT:]
                if b"OK\r\n" in heard:
                    return True
    except CellbenchError:
        return False
    finally:
        port.close()
    return False


def told_apart(view: UsbView, asks: Asks) -> UsbComposition | None:
    """Which of the candidates the module shows; None while it cannot be told (it is still booting).

    A silent port counts only when a port that is AT in every candidate answers, and when it stays silent
    afterwards.
    """
    left = list(view.candidates)
    awake = False
    for index, node in enumerate(view.nodes):
        roles = {one.interfaces[index].role for one in left}
        if len(left) == 1:
            break
        if "at" not in roles or roles == {"at"}:
            continue
        said = asks(index, node)
        if said is False:
            awake = awake or _any_sure_port_answers(view, asks)
            if not awake:
                return None
            said = any(asks(index, node) for _ in range(_PATIENCE))
        if said is not None:
            left = [one for one in left if (one.interfaces[index].role == "at") is said]
    return left[0] if len(left) == 1 else None


def _any_sure_port_answers(view: UsbView, asks: Asks) -> bool:
    sure = [index for index in range(len(view.nodes))
            if all(one.interfaces[index].role == "at" for one in view.candidates)]
    return any(asks(index, view.nodes[index]) is True for index in sure)


def misplaced(view: UsbView, silent_index: int, asks: Asks) -> WrongRole | None:
    """After the AT port of an index has not answered: the error when a port of another role does."""
    others = [port for port in view.ports() if port.role not in ("at", "fw-update")]
    for port in others:
        if asks(port.index, port.node):
            faces = view.composition.interfaces
            return WrongRole(
                f"{view.device.words} at {view.device.location}: serial port {silent_index} "
                f"({faces[silent_index].name}) is an AT interface by {view.composition.source.where} and "
                f"does not answer AT, but port {port.index} ({faces[port.index].name}, {port.role}) does",
                remedy="its descriptor order is another one: check firmware and variant in the rig file")
    return None
