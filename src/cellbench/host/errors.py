"""What can go wrong in an AT conversation; all of it is the unit's until a canary says otherwise."""

from __future__ import annotations

from cellbench.base.errors import UnitError
from cellbench.wire.at.events import Final


class AtTimeout(UnitError):
    """No final result code within the command's declared response time."""

    def __init__(self, command: str, seconds: float, heard: tuple[str, ...] = ()) -> None:
        tail = f"; heard only {list(heard)}" if heard else ""
        super().__init__(f"{command}: no final result code within {seconds:g} s{tail}")
        self.command = command
        self.seconds = seconds
        self.heard = heard


class AtError(UnitError):
    """A final result code that says no; ``final`` holds it."""

    def __init__(self, command: str, final: Final, elapsed_s: float = 0.0) -> None:
        super().__init__(f"{command}: {final.text}")
        self.command = command
        self.final = final
        self.elapsed_s = elapsed_s


class CmeError(AtError):
    """+CME ERROR (3GPP TS 27.007 9.2). ``number`` is None when the module sent an unknown text."""

    def __init__(self, command: str, final: Final, elapsed_s: float = 0.0) -> None:
        super().__init__(command, final, elapsed_s)
        self.number: int | None = final.number
        self.text: str = final.detail


class CmsError(AtError):
    """+CMS ERROR (3GPP TS 27.005 3.2.5). ``number`` is None when the module sent an unknown text."""

    def __init__(self, command: str, final: Final, elapsed_s: float = 0.0) -> None:
        super().__init__(command, final, elapsed_s)
        self.number: int | None = final.number
        self.text: str = final.detail


class NoCarrier(AtError):
    """NO CARRIER (or BUSY, NO ANSWER, NO DIALTONE) where a connection was asked for."""


class UnexpectedReset(UnitError):
    """The module's greeting came where no reboot was declared."""


class UnexpectedPrompt(UnitError):
    """The module asked for data where the command has none to give."""
