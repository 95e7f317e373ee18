"""How a module was found when a test on it failed: what it answered to a bounded set of polls."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PollAnswer:
    """One poll: the command line, the lines of the answer with the final result code last, and seconds.

    ``answer`` is empty where none came in time."""

    line: str
    answer: tuple[str, ...] = ()
    seconds: float = 0.0
    tells: str = ""


@dataclass(frozen=True, slots=True)
class DiagnosisRecord:
    """The state of one slot's module at the end of a failing phase of an attempt.

    ``port`` is the port that was asked over, "" when none could be; ``notes`` say why something is missing.
    ``duration_s`` is what the collecting added to the test.
    """

    attempt: str
    slot: str
    port: str = ""
    polls: tuple[PollAnswer, ...] = ()
    notes: tuple[str, ...] = ()
    duration_s: float = 0.0
    utc_ns: int = 0


def diagnosis_words(record: DiagnosisRecord) -> str:
    """A diagnosis in a sentence."""
    asked = f"{record.slot}: asked over {record.port}" if record.port else f"{record.slot}: not asked"
    answered = sum(bool(poll.answer) for poll in record.polls)
    count = f", {answered} of {len(record.polls)} polls answered in {record.duration_s:.1f} s"
    return asked + (count if record.polls else "") + "".join(f"; {note}" for note in record.notes)


def diagnosis_lines(record: DiagnosisRecord) -> tuple[str, ...]:
    """A diagnosis as lines of text: the sentence, then each poll with its answer."""
    lines = [f"state of the module, {diagnosis_words(record)}"]
    for poll in record.polls:
        shown = [line for line in poll.answer if line != "OK" or len(poll.answer) == 1]
        lines.append(f"  {poll.line:<12}  {' | '.join(shown) or 'no answer'}")
    return tuple(lines)
