"""line.manual: what the person is asked, and what follows from each answer."""

from __future__ import annotations

import pytest

from cellbench.base.errors import NotPossible, OperatorError, RigError
from cellbench.instruments.kinds import find_kind

TRANSCRIPT_OF = ("line.manual",)


class Person:
    """Answers each question in turn; None is silence until the time is over."""

    def __init__(self, *answers):
        self.asked = []
        self._answers = list(answers)

    def ask(self, question, *, about, answers, within_s):
        self.asked.append(question)
        answer = self._answers.pop(0)
        if answer is None:
            raise OperatorError(f"nobody answered within {within_s:g} s")
        assert answer in answers
        return answer


def board(person):
    lines = find_kind("line.manual").open("bench", {"contacts": ["button PWR_ON", "jumper J5"],
                                                    "answer_within_s": 60.0})
    lines.meet(person)
    return lines


def test_first_release_is_asked_for_and_then_only_what_changes():
    person = Person("done", "done", "done")
    lines = board(person)
    lines.drive(0, False)
    lines.drive(0, False)
    lines.drive(0, True)
    assert lines.is_closed(0) is True
    lines.drive(0, False)
    assert person.asked == [
        "See that it is open and that nobody holds it: button PWR_ON.", "Close or hold down: button PWR_ON.",
        "Open or let go: button PWR_ON."]


def test_pulse_is_one_question_with_a_time_that_a_person_can_keep():
    person = Person("done")
    board(person).pulse(0, 1.5, True)
    assert person.asked == ["Press or close it for 1.8 s, then let go or open it again: button PWR_ON."]
    with pytest.raises(NotPossible, match=r"no person works jumper J5 for 0\.05 s"):
        board(person).pulse(1, 0.05, True)


def test_silence_is_the_operators_and_cannot_is_the_rigs():
    lines = board(Person(None, "cannot"))
    with pytest.raises(OperatorError, match="nobody answered within 60 s"):
        lines.drive(1, True)
    with pytest.raises(RigError, match="the person cannot work jumper J5"):
        lines.drive(1, True)
    assert lines.is_closed(1) is False
    with pytest.raises(RigError):
        lines.read(0)
    with pytest.raises(RigError):
        lines.drive(2, True)


def test_without_a_run_nobody_can_be_asked():
    lines = find_kind("line.manual").open("bench", {"contacts": ["button PWR_ON"]})
    with pytest.raises(OperatorError, match="nobody can be asked here"):
        lines.drive(0, True)
