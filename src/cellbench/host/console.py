"""A console on a module's port: commands in, everything that comes back out."""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from cellbench.base.errors import CellbenchError, NotPossible, OperatorError, RigError
from cellbench.host.answer import Answer
from cellbench.host.channel import Channel
from cellbench.host.urclog import UrcEvent

_HELP = """\
AT...            send a command line; URCs are shown with a * as they come
(at a prompt)    type the payload; the module's own byte count ends it, or /end on a line of its own
/hex 48 65 6C    a payload in hexadecimal
/file PATH       a payload from a file
/lines           the control lines of this port
/dtr on|off      drive DTR (/rts likewise)
/quit            leave
"""


def run_console(channel: Channel, commands: list[str], stdin: TextIO, stdout: TextIO,
                interactive: bool) -> int:
    """Send ``commands`` and, when ``interactive``, then lines read from ``stdin`` until end of file or /quit.
    A command's payload is taken from the next command, or from the next lines of ``stdin``.

    Returns 0 when every command was answered with a success, 1 when one was refused or not answered.
    """
    return _Console(channel, commands, stdin, stdout, interactive).run()


class _Console:
    def __init__(self, channel: Channel, commands: list[str], stdin: TextIO, stdout: TextIO,
                 interactive: bool) -> None:
        self._channel = channel
        self._queue = list(commands)
        self._stdin = stdin
        self._stdout = stdout
        self._interactive = interactive
        self._print_lock = threading.Lock()
        self._line = ""
        self._failed = False

    def run(self) -> int:
        forget = self._channel.urcs.listen(self._show_urc)
        try:
            while self._queue:
                self._do(self._queue.pop(0))
            if self._interactive:
                self._talk()
        finally:
            forget()
        return 1 if self._failed else 0

    def _talk(self) -> None:
        typed = self._stdin.isatty()
        with _history(typed):
            if typed:
                self._print(f"{self._channel.name}: /help for help, Ctrl-D to leave")
            while True:
                line = self._read_line("> " if typed else "", keep=True)
                if line is None or line.strip() == "/quit":
                    return
                if line.strip():
                    self._do(line.strip())

    def _read_line(self, prompt: str, *, keep: bool = False) -> str | None:
        """One line typed or piped; None at its end. Only commands without secrets stay in the history."""
        try:
            if self._stdin.isatty():
                typed = input(prompt)
                if typed and not (keep and not self._has_secrets(typed)):
                    _forget_last()
                return typed
            line = self._stdin.readline()
        except EOFError:
            return None
        except KeyboardInterrupt:
            self._print("")
            return "" if self._stdin.isatty() else None
        return line.rstrip("\r\n") if line else None

    def _has_secrets(self, line: str) -> bool:
        try:
            return not line.startswith("/") and bool(self._channel.plan(line).secrets)
        except CellbenchError:
            return True

    def _do(self, line: str) -> None:
        try:
            if line.startswith("/"):
                self._own_command(line)
            else:
                self._line = line
                self._show(self._channel.send(line, check=False, ask=self._payload))
        except RigError as error:
            if not isinstance(error, NotPossible):
                raise
            self._complain(error)
        except CellbenchError as error:
            self._complain(error)

    def _show(self, answer: Answer) -> None:
        for text in answer.info:
            self._print(text)
        final = answer.final
        detail = f" ({final.detail})" if final.detail and final.detail not in final.text else ""
        self._print(f"{final.text}{detail}")
        self._failed = self._failed or not final.success

    def _show_urc(self, event: UrcEvent) -> None:
        self._print(f"* {event.text}")

    def _complain(self, error: CellbenchError) -> None:
        self._print(f"! {error}")
        self._failed = True

    def _print(self, text: str) -> None:
        with self._print_lock:
            self._stdout.write(_visible(text) + "\n")
            self._stdout.flush()

    def _own_command(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        if word in ("/dtr", "/rts"):
            self._channel.set_line(word[1:], rest.strip() == "on")
        elif word == "/lines":
            states = self._channel.lines().items()
            self._print(" ".join(f"{name}={'on' if on else 'off'}" for name, on in states))
        elif word == "/help":
            self._print(_HELP.rstrip())
        else:
            self._print(f"! unknown: {word} (/help lists what there is)")

    def _payload(self, mark: str) -> bytes:
        """The bytes for a prompt: of exactly the announced number where the command says one."""
        wanted = announced_payload(self._line)
        if self._queue:
            return self._fitted(self._queue.pop(0), wanted, mark)
        lines: list[str] = []
        while True:
            line = self._read_line(f"{mark} ")
            if line is None or line == "/end":
                break
            lines.append(line)
            special = len(lines) == 1 and line.startswith(("/hex ", "/file "))
            if special or (wanted is not None and len(_text_bytes("\r\n".join(lines))) >= wanted):
                break
            if wanted is None and mark == ">" and not self._stdin.isatty():
                break
        return self._fitted("\r\n".join(lines), wanted, mark)

    def _fitted(self, text: str, wanted: int | None, mark: str) -> bytes:
        """The payload in the length that the command announced: the module waits until it has all."""
        data = _payload_bytes(text)
        if wanted is None:
            return data + b"\x1a" if mark == ">" else data
        if len(data) != wanted:
            did = "cut" if len(data) > wanted else "filled up with blanks"
            self._print(f"! {len(data)} bytes given, {wanted} announced: {did}")
            self._failed = True
        return data[:wanted].ljust(wanted, b" ")


def announced_payload(line: str) -> int | None:
    """How many bytes a command with a prompt asks for: the last number of +USOWR, +USOST, +UDWNFILE and their
    kin; None for a message text, which ends with Ctrl-Z."""
    if re.match(r"AT\+CM(GS|GW|SS)\b", line, re.IGNORECASE):
        return None
    numbers: list[str] = re.findall(r"(?:^|[=,])\s*(\d+)\s*(?=,|$)", line)
    return int(numbers[-1]) if numbers else None


def _payload_bytes(text: str) -> bytes:
    try:
        if text.startswith("/hex "):
            return bytes.fromhex(text[5:])
        if text.startswith("/file "):
            return Path(text[6:].strip()).read_bytes()
    except (ValueError, OSError) as error:
        raise OperatorError(f"payload {text[:40]!r}: {error}") from error
    return _text_bytes(text)


def _text_bytes(text: str) -> bytes:
    return text.encode("latin-1", "replace")


def _visible(text: str) -> str:
    """Text with control characters written out, so that a payload cannot steer the terminal."""
    shown = (char if char.isprintable() or char in "\n\t" else f"<{ord(char):02X}>" for char in text)
    return "".join(shown)


def _forget_last() -> None:
    import readline

    length = readline.get_current_history_length()
    if length:
        readline.remove_history_item(length - 1)


@contextlib.contextmanager
def _history(wanted: bool) -> Iterator[None]:
    """Line editing with a history that is kept between sessions, where someone types."""
    if not wanted:
        yield
        return
    import readline  # takes over the terminal when imported, so only where someone types

    state = Path(os.environ.get("XDG_STATE_HOME", Path.home() / ".local" / "state"))
    place = state / "cellbench" / "at_history"
    with contextlib.suppress(OSError):
        readline.read_history_file(place)
    readline.set_history_length(1000)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            place.parent.mkdir(parents=True, exist_ok=True)
            readline.write_history_file(place)
