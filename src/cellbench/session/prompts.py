"""Questions to the person, in the terminal of a run, whatever captures output, with workers and without.

Registered where the whole run is seen. The questions come from the guardian; the answers are read from the
controlling terminal, not from standard input, which pytest and CI have their own uses for. Without a
terminal each question is a line on standard error that says how to answer it from elsewhere.
"""

from __future__ import annotations

import contextlib
import os
import select
import termios
import threading
from typing import TYPE_CHECKING

import pytest

from cellbench.base.clock import SYSTEM_CLOCK
from cellbench.base.errors import CellbenchError, OperatorError
from cellbench.guardian.client import GuardianClient
from cellbench.guardian.prompts import Prompt
from cellbench.instruments.kinds import find_kind
from cellbench.rig.schema import ManualFarSide, RigFile

if TYPE_CHECKING:
    from cellbench.session.run import Run

_LOOK_S = 0.25
_REST_S = 1.0
_TERMINAL = "/dev/tty"


def asks_people(model: RigFile) -> bool:
    """True when a person takes part: a line that one works, a far side that one is."""
    by_hand = any(find_kind(one.kind).answer_within_s is not None for one in model.instruments.values())
    return by_hand or any(
        isinstance(far, ManualFarSide) for slot in model.slots for far in model.far_sides_of(slot)
    )


class Desk:
    """Shows the open questions and takes the answers, in a thread of its own."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._client: GuardianClient | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._stderr = -1
        self._terminal = -1
        self._said: set[int] = set()
        self._asked: Prompt | None = None
        self._typed = b""

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Begin; pytest has not redirected standard error yet, nor does it while no test runs."""
        if session.config.option.collectonly:
            return
        self._stderr = os.dup(2)
        self._terminal = _open_terminal()
        self._thread = threading.Thread(target=self._watch, name="prompts", daemon=True)
        self._thread.start()

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self):  # type: ignore[no-untyped-def]
        """End after the modules were switched off, which may still ask."""
        try:
            return (yield)
        finally:
            self._end()

    # -- the thread ------------------------------------------------------------------------------

    def _watch(self) -> None:
        seen = -1
        while not self._stop.is_set():
            try:
                if self._client is None:
                    self._client = GuardianClient.connect()
                seen, prompts = self._client.prompts(seen, _LOOK_S if self._asked else _REST_S)
            except CellbenchError:
                if self._stop.wait(_REST_S):
                    return
                continue  # the run tells of a guardian that is gone; its successor has new questions
            self._show(prompts)
            if self._asked is not None:
                self._listen(self._client, self._asked)

    def _show(self, prompts: tuple[Prompt, ...]) -> None:
        if self._asked is not None and self._asked not in prompts:
            self._say(f"\n  question {self._asked.number} is over.\n")
            self._leave()
        for prompt in prompts:
            if self._terminal < 0 or not _in_foreground(self._terminal):
                self._tell_elsewhere(prompt)
            elif self._asked is None:
                self._ask(prompt)

    def _tell_elsewhere(self, prompt: Prompt) -> None:
        if prompt.number in self._said:
            return
        self._said.add(prompt.number)
        example = f" {prompt.answers[0]}" if prompt.answers else " TEXT"
        words = (f"cellbench: question {prompt.number}, {prompt.about}: {prompt.question} Answer within "
                 f"{prompt.within_s:g} s: cellbench answer {prompt.number}{example}\n")
        with contextlib.suppress(OSError):  # nobody is there to read it
            os.write(self._stderr, words.encode())

    def _ask(self, prompt: Prompt) -> None:
        self._progress("pause")
        with contextlib.suppress(termios.error):
            termios.tcflush(self._terminal, termios.TCIFLUSH)  # what was typed before is no answer to this
        self._asked, self._typed = prompt, b""
        left = prompt.left_s(SYSTEM_CLOCK.utc_ns())
        self._say(f"\n{prompt.about}: {prompt.question}\n"
                  f"  within {left:.0f} s, here or by `cellbench answer {prompt.number}`\n{_offer(prompt)}")

    def _listen(self, client: GuardianClient, prompt: Prompt) -> None:
        """Take what was typed, if anything was."""
        line = self._typed_line()
        if line is None:
            return
        try:
            client.answer(prompt.number, line)
        except OperatorError as error:
            self._say(f"  {error}\n{_offer(prompt)}")
        except CellbenchError as error:
            self._say(f"  {error}\n")
        else:
            self._leave()

    def _typed_line(self) -> str | None:
        try:
            readable, _, _ = select.select([self._terminal], [], [], 0)
            if not readable or not _in_foreground(self._terminal):
                return None
            data = os.read(self._terminal, 1024)
        except OSError:
            data = b""
        if not data:  # the terminal is gone, or its user has ended the input
            self._close_terminal()
            self._leave()
            return None
        self._typed += data
        line, end, self._typed = self._typed.partition(b"\n")
        if not end:
            self._typed = line
            return None
        return line.decode("utf-8", "replace")

    def _leave(self) -> None:
        self._asked = None
        self._progress("resume")

    def _progress(self, what: str) -> None:
        """Have the status lines make room for the question, or come back."""
        progress = self._run.config.pluginmanager.getplugin("cellbench-progress")
        if progress is not None:
            getattr(progress, what)()

    def _say(self, text: str) -> None:
        try:
            os.write(self._terminal, text.encode())
        except OSError:
            self._close_terminal()

    def _close_terminal(self) -> None:
        terminal, self._terminal = self._terminal, -1
        if terminal >= 0:
            os.close(terminal)

    def _end(self) -> None:
        self._stop.set()
        if self._client is not None:
            self._client.close()
        if self._thread is not None:
            self._thread.join(timeout=2 * _REST_S)
        if self._asked is not None:
            self._leave()
        self._close_terminal()
        if self._stderr >= 0:
            os.close(self._stderr)
            self._stderr = -1


def _offer(prompt: Prompt) -> str:
    if not prompt.answers:
        return "  answer: "
    first, *others = prompt.answers
    return f"  [{first}]{''.join(f' or {one}' for one in others)}: "


def _open_terminal() -> int:
    """The controlling terminal, -1 when there is none."""
    try:
        return os.open(_TERMINAL, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return -1


def _in_foreground(terminal: int) -> bool:
    """A process in the background is stopped when it reads from its terminal."""
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
