"""flasher.manual: what the person is asked, and what follows from each answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from cellbench.base.errors import OperatorError, Owner, RigError
from cellbench.instruments.flasher.model import Began, FlashJob, Said
from cellbench.instruments.kinds import find_kind

TRANSCRIPT_OF = ("flasher.manual",)
TOOL = "EasyFlash on the laptop"


class Person:
    """Answers each question in turn; None is silence until the time is over."""

    def __init__(self, *answers):
        self.asked = []
        self._answers = list(answers)

    def ask(self, question, *, about, answers, within_s):
        self.asked.append((about, question))
        answer = self._answers.pop(0)
        if answer is None:
            raise OperatorError(f"nobody answered within {within_s:g} s")
        assert answer in answers
        return answer


def flashed(person, **changes):
    tool = find_kind("flasher.manual").open("hand", {"tool": TOOL, "answer_within_s": 60.0})
    tool.meet(person)
    events = []
    given = {"slot": "a1", "image": Path("/fw/r6.dof"), "sha256": "ab" * 32, "version": "04.19", **changes}
    return tool.flash(FlashJob(**given), events.append), events


def test_the_person_is_told_image_slot_and_place():
    person = Person("passed")
    ending, events = flashed(person, location="1-4.2")
    assert ending.passed
    assert person.asked == [("a1", (
        "Write /fw/r6.dof (version 04.19, SHA-256 abababababababab...) to the module of slot a1, USB "
        "location 1-4.2 with EasyFlash on the laptop. When it has ended: how?"))]
    assert [type(one) for one in events] == [Began, Said]


def test_a_tool_that_waits_for_the_module_is_started_before_it_is_switched_on():
    person = Person("waits", "passed")
    ending, events = flashed(person, tool_first=True)
    assert ending.passed
    assert [type(one) for one in events] == [Said, Began, Said]
    assert person.asked[0][1].endswith("start it, so that it waits for the module.")


def test_failed_is_the_units_cannot_the_rigs_and_silence_the_operators():
    assert flashed(Person("failed"))[0].owner is Owner.UNIT
    with pytest.raises(RigError, match="the person cannot use EasyFlash on the laptop"):
        flashed(Person("cannot"))
    with pytest.raises(OperatorError, match="nobody answered within 60 s"):
        flashed(Person(None))


def test_without_a_way_to_a_person_nothing_is_asked():
    tool = find_kind("flasher.manual").open("hand", {"tool": TOOL})
    with pytest.raises(OperatorError, match="nobody can be asked here"):
        tool.flash(FlashJob("a1", Path("i"), "", ""), lambda event: None)
