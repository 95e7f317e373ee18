"""A conversation with an instrument that keeps an error queue: every line is followed by a look at it.

Two things are guarded here for all families. After each command and each query the error queue is read
(SCPI-1999 volume 2, 21.8), and its answer has a form of its own, unlike any figure: an answer that
belongs to the query before is therefore noticed at once, and the dialogue is begun anew.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cellbench.base.errors import RigError
from cellbench.instruments.visa import Link, VisaSession

_log = logging.getLogger(__name__)
_MAX_QUEUE = 30  # error queues hold 10 to 20 entries; more means that the answer is not a queue entry
_SCPI_NAN = 9.9e37  # SCPI-1999 volume 1, 7.2.1.5: 9.91E37 is "not a number", 9.9E37 infinity
_NUMBER = r"(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
_YES, _NO = {"1", "+1", "ON", "YES"}, {"0", "+0", "OFF", "NO"}


@dataclass(frozen=True, slots=True)
class Query:
    """A question and the form of its answer.

    ``{channel}`` in both is the channel's number; ``{number}`` in ``answer`` stands for the figure, and the
    rest of ``answer`` is a regular expression.
    """

    text: str
    answer: str = r"{number}"

    def asked(self, channel: int) -> str:
        """The line to send."""
        return self.text.format(channel=channel)

    def figure(self, answer: str, channel: int) -> float | None:
        """The figure in an answer, None when the answer has not the form."""
        form = self.answer.replace("{channel}", str(channel)).replace("{number}", _NUMBER)
        match = re.fullmatch(form, answer)
        value = None if match is None else float(match["number"])
        return None if value is None or abs(value) >= _SCPI_NAN else value


@dataclass(frozen=True, slots=True)
class Flag:
    """A yes or no: a word (1, 0, ON, OFF, YES, NO), or bits of a status register.

    ``masks`` None: a word. One mask counts for all channels, several for channel 1, 2, ... in turn; the
    register may be decimal or 0x hexadecimal. ``event``: the register forgets when it is read.
    """

    query: Query
    masks: tuple[int, ...] | None = None
    event: bool = False

    def value(self, answer: str, channel: int) -> bool | None:
        """What an answer says, None when it has not the form."""
        word = answer.strip('"').upper()
        if self.masks is None:
            return True if word in _YES else False if word in _NO else None
        if re.fullmatch(r"\+?\d+|0X[0-9A-F]+", word) is None:
            return None
        mask = self.masks[min(channel, len(self.masks)) - 1]
        return bool(int(word, 16 if word.startswith("0X") else 10) & mask)


@dataclass(frozen=True, slots=True)
class ErrorQuery:
    """How errors are read: number and text, or with ``mask`` the bits of a register that are errors.

    Read until the number is 0. ``form`` is what an answer must look like; for a queue of number and text it
    is unlike any figure, so that an answer of another query is noticed.
    """

    text: str = "SYST:ERR?"
    form: str = r"[+-]?\d+\s*[,\s]\s*\S.*"
    mask: int = 0

    def error(self, answer: str) -> int | None:
        """The error number, 0 for none; None when the answer has not the form."""
        if re.fullmatch(self.form, answer) is None:
            return None
        match = re.match(r"[+-]?\d+", answer)
        number = int(match.group()) if match else 0
        return number & self.mask if self.mask else number


SCPI_ERRORS = (ErrorQuery(),)


@dataclass(frozen=True, slots=True)
class Manners:
    """How one family converses. ``identity`` is a pattern for the whole answer to ``identify``.

    ``identify`` "": it cannot say what it is. ``errors`` (): it keeps no error queue.
    """

    kind: str
    models: str
    identity: str = r".+"
    greeting: tuple[str, ...] = ("*CLS",)
    identify: str = "*IDN?"
    errors: tuple[ErrorQuery, ...] = SCPI_ERRORS


class Conversation:
    """One instrument's dialogue; for one thread at a time. Every failure is a RigError that names it."""

    __slots__ = ("_expected", "_identity", "_manners", "_renewed", "_session", "name")

    def __init__(self, name: str, resource: str, manners: Manners, link: Link, *, expected: str | None = None,
                 renewed: Callable[[], None] = lambda: None) -> None:
        """Opens it and checks its identification against the family and against ``expected``, its beginning.

        ``renewed`` is called whenever a new dialogue has begun: what the instrument was told about
        selections before is forgotten.
        """
        self.name = name
        self._manners = manners
        self._expected = expected
        self._renewed = renewed
        self._identity = ""
        self._session = VisaSession(name, resource, link, greet=self._greet)
        self._session.open()

    @property
    def identity(self) -> str:
        """The answer to the identification query when it was last opened."""
        return self._identity

    def ready(self) -> None:
        """Open a dropped dialogue anew; every operation begins with this."""
        self._session.open()

    def close(self) -> None:
        """Give the connection back."""
        self._session.close()

    def tell(self, command: str) -> None:
        """Send one command; what the error queue says afterwards is an error of this command."""
        self._session.write(command)
        self._check(command)

    def tell_first(self, command: str) -> list[str]:
        """Send one command whatever the error queue holds; what it held is logged and returned."""
        self._session.write(command)
        errors = self.errors()
        for error in errors:
            _log.warning("instrument %s had in its error queue: %s", self.name, error)
        return errors

    def tell_and_wait(self, command: str, done: Query) -> None:
        """Send one command that takes its time, wait until it says that it is done, read the error queue."""
        self._session.write(command)
        answer = self._session.query(done.text)
        if done.figure(answer, 0) is None:
            raise self.unclear(done.text, answer, "a number")
        self._check(command)

    def number(self, query: Query, channel: int = 0) -> float:
        """One figure."""
        asked = query.asked(channel)
        answer = self._session.query(asked)
        value = query.figure(answer, channel)
        if value is None:
            raise self.unclear(asked, answer, "a number")
        self._in_step(asked)
        return value

    def flag(self, flag: Flag, channel: int = 0) -> bool:
        """One yes or no."""
        return self.flags((flag,), channel)[0]

    def flags(self, flags: Sequence[Flag], channel: int = 0) -> tuple[bool, ...]:
        """Several yes or no at once; a register that several share is read once."""
        answers: dict[str, str] = {}
        found: list[bool] = []
        for flag in flags:
            asked = flag.query.asked(channel)
            fresh = asked not in answers
            if fresh:
                answers[asked] = self._session.query(asked)
            value = flag.value(answers[asked], channel)
            if value is None:
                wanted = "yes or no" if flag.masks is None else "a status register"
                raise self.unclear(asked, answers[asked], wanted)
            if fresh:
                self._in_step(asked)
            found.append(value)
        return tuple(found)

    def text(self, asked: str) -> str:
        """One answer as it stands."""
        answer = self._session.query(asked)
        self._in_step(asked)
        return answer

    def block(self, asked: str) -> bytes:
        """One definite length block."""
        data = self._session.query_block(asked)
        self._in_step(asked)
        return data

    def errors(self) -> list[str]:
        """All entries of the error queue, which is empty afterwards."""
        found: list[str] = []
        for query in self._manners.errors:
            for _ in range(_MAX_QUEUE):
                answer = self._session.query(query.text)
                error = query.error(answer)
                if error is None:
                    self._session.close()  # not an error queue's answer: the dialogue is out of step
                    return [*found, answer]
                if error == 0:
                    break
                found.append(f"{query.text} {answer}" if answer.lstrip("+-").isdecimal() else answer)
        return found

    def unclear(self, asked: str, answer: str, wanted: str) -> RigError:
        """The error for an answer that is not one; the dialogue begins anew."""
        self._session.close()  # perhaps the answer of an earlier query
        return RigError(f"instrument {self.name} answered {answer!r} to {asked!r}, not {wanted}",
                        remedy=f"check that the kind {self._manners.kind} fits this model, and that nobody "
                        "else speaks to it")

    def _check(self, command: str) -> None:
        errors = self.errors()
        if errors:
            raise RigError(f"instrument {self.name} refused {command!r}: {'; '.join(errors[:5])}",
                           remedy=f"check that the kind {self._manners.kind} fits this model")

    def _in_step(self, asked: str) -> None:
        """One look at the error queue after a query: its answer shows that none is left over."""
        if not self._manners.errors:
            return  # nothing to look at: the form of the answer alone must do
        query = self._manners.errors[0]
        answer = self._session.query(query.text)
        error = query.error(answer)
        if error is None:
            raise self.unclear(query.text, answer, "an entry of its error queue: the dialogue is out of step "
                               f"after {asked!r}")
        if error:
            raise RigError(f"instrument {self.name} refused {asked!r}: {answer}",
                           remedy=f"check that the kind {self._manners.kind} fits this model")

    def _greet(self, session: VisaSession) -> None:
        self._renewed()
        for command in self._manners.greeting:
            session.write(command)
        identity = session.query(self._manners.identify) if self._manners.identify else ""
        where = f"instrument {self.name} ({session.resource})"
        if self._expected is not None and not identity.startswith(self._expected):
            raise RigError(f"{where} says it is {identity!r}, the rig file expects {self._expected!r}",
                           remedy="correct the address or the identity in the rig file")
        if self._manners.identify and not re.fullmatch(self._manners.identity, identity, re.IGNORECASE):
            raise RigError(f"{where} says it is {identity!r}, which is none of {self._manners.models}",
                           remedy="choose the kind that fits the model, or correct the address")
        self._identity = identity
