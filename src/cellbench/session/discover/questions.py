"""Questions about what the host cannot see: asked on a terminal, answered by a file, or left open."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cellbench.base.errors import UsageError
from cellbench.rig.gaps import FILL_IN
from cellbench.rig.yamlpos import read_document

Check = Callable[[str], str | None]
"""What is wrong with an answer; None when nothing is."""


@dataclass(slots=True)
class Asker:
    """Where answers come from: ``answers`` first, then a person at the terminal, then a default."""

    answers: Any = None
    interactive: bool = False
    left_open: list[str] = field(default_factory=list)

    @classmethod
    def reading(cls, file: Path | None) -> Asker:
        """With a file of answers nobody is asked; without one, a person at a terminal is."""
        if file is None:
            return cls(interactive=sys.stdin.isatty() and sys.stderr.isatty())
        document = read_document(file)
        if document.findings or not isinstance(document.data, dict):
            told = "; ".join(map(str, document.findings)) or f"{file} holds no answers"
            raise UsageError(told, remedy="see docs/checking-a-rig.md for what may stand there")
        return cls(document.data)

    def text(
        self,
        path: Sequence[str | int],
        question: str,
        *,
        default: str | None = None,
        choices: Sequence[str] = (),
        check: Check | None = None,
    ) -> str:
        """The answer, or a placeholder that says what is missing. "none" leaves a thing away."""
        given = self._given(path)
        where = ".".join(map(str, path))
        if given is not None:
            wrong = _wrong(given, choices, check)
            if wrong:
                raise UsageError(f"answer {where}: {wrong}", remedy=f"it answers: {question}")
            return given
        if self.interactive:
            return self._ask(question, default, choices, check)
        if default is not None:
            return default
        self.left_open.append(where)
        return f"{FILL_IN}{question}"

    def number(
        self,
        path: Sequence[str | int],
        question: str,
        *,
        default: int | None = None,
        least: int = 0,
        most: int = 1023,
    ) -> int | str:
        """A whole number, or a placeholder."""

        def check(text: str) -> str | None:
            good = text.lstrip("+").isdecimal() and least <= int(text) <= most
            return None if good else f"{text!r} is no whole number from {least} to {most}"

        found = self.text(path, question, default=None if default is None else str(default), check=check)
        return found if found.startswith(FILL_IN) else int(found)

    def _given(self, path: Sequence[str | int]) -> str | None:
        found: Any = self.answers
        for item in path:
            if isinstance(found, Mapping):
                found = found.get(item)
            elif isinstance(found, list) and isinstance(item, int) and item < len(found):
                found = found[item]
            else:
                return None
        return None if found is None or isinstance(found, dict | list) else str(found)

    def _ask(self, question: str, default: str | None, choices: Sequence[str], check: Check | None) -> str:
        shown = f" ({', '.join(choices)})" if choices else ""
        shown += f" [{default}]" if default is not None else ""
        while True:
            print(f"{question}{shown}: ", end="", file=sys.stderr, flush=True)
            line = sys.stdin.readline()
            if not line:  # the terminal was closed: nobody answers any more
                self.interactive = False
                print(file=sys.stderr)
                return default if default is not None else f"{FILL_IN}{question}"
            answer = line.strip() or default
            if answer is None:
                self.left_open.append(question)
                return f"{FILL_IN}{question}"
            wrong = _wrong(answer, choices, check)
            if not wrong:
                return answer
            print(f"  {wrong}", file=sys.stderr)


def _wrong(answer: str, choices: Sequence[str], check: Check | None) -> str | None:
    if choices and answer not in choices:
        return f"{answer!r} is none of {', '.join(choices)}"
    return check(answer) if check is not None and answer != "none" else None
