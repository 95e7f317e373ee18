"""``cellbench answer``: the open questions of this user's guardian, answered from another terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from cellbench.base.clock import SYSTEM_CLOCK
from cellbench.base.errors import OperatorError
from cellbench.guardian import paths
from cellbench.guardian.connection import Connection
from cellbench.guardian.prompts import Prompt
from cellbench.guardian.start import connect

_REPLY_S = 10.0
_WAIT_S = 60.0


def answer(number: int | None, text: str | None, runtime_dir: Path | None, *, follow: bool = False) -> int:
    """Answer question ``number`` with ``text``; list the questions without a number, and ask for the answers
    where somebody sits at a terminal. ``follow`` waits for further questions."""
    connection = connect(paths.runtime_dir(runtime_dir), "answer")
    if connection is None:
        if number is not None:
            raise OperatorError("no run is under way here, so no question is open",
                                remedy="give the run's --runtime-dir, where it has one of its own")
        print("no question is open: no run is under way here")
        return 0
    try:
        if number is not None:
            return _one(connection, number, text)
        return _all(connection, follow=follow)
    finally:
        connection.close()


def _one(connection: Connection, number: int, text: str | None) -> int:
    if text is None:
        found = [prompt for prompt in _open(connection)[1] if prompt.number == number]
        if not found:
            raise OperatorError(f"question {number} is not open any more",
                                remedy="`cellbench answer` lists those that are")
        if not sys.stdin.isatty():
            raise OperatorError(f"question {number}: an answer is missing",
                                remedy=f"it takes {' or '.join(found[0].answers) or 'a text'}")
        _ask(connection, found[0])
        return 0
    print(f"question {number}: {_give(connection, number, text)}")
    return 0


def _all(connection: Connection, *, follow: bool) -> int:
    version, prompts = _open(connection)
    asking = sys.stdin.isatty() and sys.stdout.isatty()
    if not prompts:
        print("no question is open", flush=True)
    while prompts or follow:
        for prompt in prompts:
            print(_words(prompt), flush=True)
            if asking:
                _ask(connection, prompt)
        if not follow and not asking:
            return 0
        version, prompts = _open(connection, version, _WAIT_S if follow else 0.0)
    return 0


def _ask(connection: Connection, prompt: Prompt) -> None:
    """Ask until an answer is taken or the question is over."""
    while True:
        try:
            line = input(f"  {' or '.join(prompt.answers) or 'answer'}: ")
        except EOFError:
            raise OperatorError(f"question {prompt.number} was not answered") from None
        try:
            print(f"  {_give(connection, prompt.number, line)}")
            return
        except OperatorError as error:
            print(f"  {error}")
            if prompt not in _open(connection)[1]:
                return


def _words(prompt: Prompt) -> str:
    left = prompt.left_s(SYSTEM_CLOCK.utc_ns())
    takes = f"  [{' | '.join(prompt.answers)}]" if prompt.answers else ""
    return f"{prompt.number}  {prompt.about}, {left:.0f} s left: {prompt.question}{takes}"


def _open(connection: Connection, seen: int = -1, within_s: float = 0.0) -> tuple[int, tuple[Prompt, ...]]:
    found = connection.request("prompts", {"seen": seen, "within_s": within_s}, within_s + _REPLY_S)
    entries = cast(list[Mapping[str, object]], found["prompts"])
    return cast(int, found["version"]), tuple(Prompt.from_json(entry) for entry in entries)


def _give(connection: Connection, number: int, text: str) -> str:
    return str(connection.request("answer", {"number": number, "text": text}, _REPLY_S)["answer"])
