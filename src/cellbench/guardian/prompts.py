"""Questions to people: those that are open, who waits for them, and the answers.

The guardian keeps them because everybody can reach it: the instruments that a person works live in it, the
runs and their workers are its clients, and so are the programs that show questions and take answers. A
question ends with its answer, its time, or whoever waits for it, whichever comes first.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from cellbench.base.clock import SYSTEM_CLOCK
from cellbench.base.errors import OperatorError
from cellbench.guardian.log import GuardianLog

_LONGEST_S = 3600.0
_LONGEST_TEXT = 1000
_REMEDY = "answer in the terminal of the run or with `cellbench answer`"


@dataclass(frozen=True, slots=True)
class Prompt:
    """One open question: ``about`` names slot or instrument, ``answers`` is empty for free text."""

    number: int
    question: str
    about: str
    answers: tuple[str, ...]
    asked_utc_ns: int
    within_s: float

    def to_json(self) -> dict[str, object]:
        """As a JSON object."""
        return {"number": self.number, "question": self.question, "about": self.about,
                "answers": list(self.answers), "asked_utc_ns": self.asked_utc_ns, "within_s": self.within_s}

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Prompt:
        """The reverse of to_json."""
        return cls(cast(int, data["number"]), str(data["question"]), str(data["about"]),
                   tuple(cast(list[str], data["answers"])), cast(int, data["asked_utc_ns"]),
                   cast(float, data["within_s"]))

    def left_s(self, utc_ns: int) -> float:
        """Seconds that are left for the answer."""
        return max(0.0, self.within_s - (utc_ns - self.asked_utc_ns) / 1e9)

    def matching(self, text: str) -> str:
        """The answer that ``text`` means: the word, the only one that begins so, or the first for nothing at
        all. OperatorError says what can be answered."""
        said = text.strip()
        if not self.answers:
            if said:
                return said
            raise OperatorError(f"question {self.number} takes a text, not an empty line")
        if not said:
            return self.answers[0]
        found = [one for one in self.answers if one.lower() == said.lower()] or [
            one for one in self.answers if one.lower().startswith(said.lower())]
        if len(found) != 1:
            raise OperatorError(f"{said!r} is no answer to question {self.number}",
                                remedy=f"it takes {' or '.join(self.answers)}")
        return found[0]


class PromptBook:
    """All open questions of one guardian; for its event loop alone."""

    def __init__(self, log: GuardianLog) -> None:
        self._log = log
        self._numbers = itertools.count(1)
        self._open: dict[int, tuple[Prompt, asyncio.Future[str]]] = {}
        self._version = 0
        self._changed = asyncio.Event()

    async def ask(self, question: str, about: str, answers: tuple[str, ...], within_s: float) -> str:
        """Wait for the answer; OperatorError when none comes in time. A cancelled caller withdraws it."""
        waited = min(max(within_s, 0.0), _LONGEST_S)
        prompt = Prompt(next(self._numbers), question[:_LONGEST_TEXT], about, answers,
                        SYSTEM_CLOCK.utc_ns(), waited)
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._open[prompt.number] = prompt, future
        self._touch()
        self._log.write(f"question {prompt.number} ({about}): {prompt.question}")
        ending = "withdrawn: nobody waits for it any more"
        try:
            answer = await asyncio.wait_for(future, waited)
            ending = f"answered: {answer[:_LONGEST_TEXT]}"
            return answer
        except TimeoutError:
            ending = f"not answered within {waited:g} s"
            raise OperatorError(f"{about}: nobody answered within {waited:g} s: {prompt.question}",
                                remedy=_REMEDY) from None
        finally:
            del self._open[prompt.number]
            self._touch()
            self._log.write(f"question {prompt.number} {ending}")

    def answer(self, number: int, text: str) -> str:
        """Give an answer; what was taken. OperatorError when the question is not open or takes others."""
        found = self._open.get(number)
        if found is None or found[1].done():
            raise OperatorError(f"question {number} is not open any more",
                                remedy="`cellbench answer` lists those that are")
        taken = found[0].matching(text)
        found[1].set_result(taken)
        return taken

    def open(self) -> tuple[Prompt, ...]:
        """Those that wait, oldest first."""
        return tuple(prompt for prompt, future in self._open.values() if not future.done())

    async def after(self, version: int, within_s: float) -> int:
        """The version of the list once it differs from ``version``, or after ``within_s`` seconds."""
        if version == self._version and within_s > 0:
            try:
                await asyncio.wait_for(self._changed.wait(), within_s)
            except TimeoutError:
                return self._version
        return self._version

    def _touch(self) -> None:
        self._version += 1
        self._changed.set()
        self._changed = asyncio.Event()


class InstrumentPrompter:
    """The way from an instrument's thread to the book (base.protocols.Prompter); one question at a time."""

    def __init__(self, book: PromptBook, loop: asyncio.AbstractEventLoop) -> None:
        self._book = book
        self._loop = loop
        self._asking: concurrent.futures.Future[str] | None = None

    def ask(self, question: str, *, about: str, answers: tuple[str, ...], within_s: float) -> str:
        """Called in the instrument's thread; OperatorError when nobody answers or the job was given up."""
        asking = asyncio.run_coroutine_threadsafe(
            self._book.ask(question, about, answers, within_s), self._loop)
        self._asking = asking
        try:
            return asking.result()
        except concurrent.futures.CancelledError:
            raise OperatorError(f"{about}: the question was withdrawn: {question}") from None
        finally:
            self._asking = None

    def withdraw(self) -> None:
        """Nobody waits for the job that asks."""
        asking = self._asking
        if asking is not None:
            asking.cancel()
