"""What a port was told about itself, so that a channel keeps its manners when the port comes back."""

from __future__ import annotations

from cellbench.catalogue.model import Form
from cellbench.wire.at.grammar import Plan

WATCHED = frozenset({"E", "V", "+CMEE", "+CSGT", "Z", "&F", "+IPR"})


class PortSettings:
    """The settings that a channel follows; None is not known."""

    __slots__ = ("cmee", "echo", "greeting", "verbose")

    def __init__(self, greeting: str | None) -> None:
        self.echo: int | None = None
        self.verbose: int | None = None
        self.cmee: int | None = None
        self.greeting = greeting

    def forget(self) -> None:
        """The module is about to lose what is volatile, and nobody shall tell it anew."""
        self.echo = self.verbose = self.cmee = None

    def note(self, plan: Plan) -> None:
        """Take over what a line that was answered with OK set."""
        for call in plan.calls:
            args = [plan.line[begin:end] for begin, end in call.args]
            if call.name in ("Z", "&F"):
                self.echo = self.verbose = self.cmee = None
            elif call.name == "E" and call.form is Form.EXECUTE:
                self.echo = int(args[0]) if args else 0
            elif call.name == "V" and call.form is Form.EXECUTE:
                self.verbose = int(args[0]) if args else 0
            elif call.name == "+CMEE" and call.form is Form.SET and args and args[0].isdigit():
                self.cmee = int(args[0])
            elif call.name == "+CSGT" and call.form is Form.SET and args:
                self._note_greeting(args)

    def _note_greeting(self, args: list[str]) -> None:
        if args[0] == "0":
            self.greeting = None
        elif len(args) > 1:
            self.greeting = args[1]

    def to_resume(self) -> tuple[str, ...]:
        """The commands that tell a port anew what this channel had told the last one."""
        lines: list[str] = []
        if self.verbose is not None:
            lines.append(f"ATV{self.verbose}")
        if self.echo is not None:
            lines.append(f"ATE{self.echo}")
        if self.cmee is not None:
            lines.append(f"AT+CMEE={self.cmee}")
        return tuple(lines)
