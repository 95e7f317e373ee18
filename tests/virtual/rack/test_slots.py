"""Slot specifications of the command line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellbench.base.errors import OperatorError
from cellbench.catalogue.model import Series
from cellbench.virtual.slots import SlotSpec, parse_slots, parse_usb_net


def test_names_default_to_the_series_with_a_number():
    assert parse_slots(["LENA-R8", "LARA-R6", "lena-r8", "bench=LARA-R6:LARA-R6001D"]) == (
        SlotSpec("lena-r8-1", Series.LENA_R8, None), SlotSpec("lara-r6-1", Series.LARA_R6, None),
        SlotSpec("lena-r8-2", Series.LENA_R8, None), SlotSpec("bench", Series.LARA_R6, "LARA-R6001D"))


@pytest.mark.parametrize(("texts", "words"), [
    ([], "at least one slot"), (["SARA-R5"], "the series are LENA-R8 and LARA-R6"),
    (["a=LENA-R8", "a=LARA-R6"], "twice"), (["sysfs=LENA-R8"], "not possible"),
    (["../x=LENA-R8"], "not possible"), (["=LENA-R8"], "not possible"), (["LENA-R8"] * 65, "at most 64"),
])
def test_mistakes_are_sentences(texts, words):
    with pytest.raises(OperatorError, match=words):
        parse_slots(texts)


@given(st.lists(st.text(max_size=20), max_size=4))
def test_any_text_is_taken_or_refused(texts):
    try:
        found = parse_slots(texts)
    except OperatorError:
        return
    assert len(found) == len(texts)


def test_kinds_of_network_functions():
    """tests/foreign/test_udhcp.py takes the other one."""
    assert parse_usb_net("shown") is False
    with pytest.raises(OperatorError, match="shown or tap"):
        parse_usb_net("veth")
