"""Codes and times of updates: every one with its source, the guide's numbers fit each other."""

from __future__ import annotations

import pytest

from cellbench.catalogue.firmware_codes import CME, CODES, NO_SENDER, SUCCESS, install_refusal, update_meaning
from cellbench.catalogue.model import Evidence, Series
from cellbench.catalogue.results import cme_number, cme_text
from cellbench.catalogue.updates import FACTS, update_facts


def test_every_code_is_above_progress_and_names_its_source() -> None:
    assert min(CODES) > 100
    for meaning in (*CODES.values(), *CME.values(), *NO_SENDER.values()):
        assert meaning.text
        assert meaning.source.where
    assert CODES[SUCCESS].source.evidence is Evidence.GUIDE


def test_a_code_in_no_document_says_so() -> None:
    assert update_meaning(199).text == "code 199 is in no document at hand"
    assert update_meaning(168).text == "the delta does not fit the installed firmware"


@pytest.mark.parametrize("series", list(Series))
def test_a_refusal_means_the_same_by_number_and_by_text(series: Series) -> None:
    assert cme_number(cme_text(5000, series), series) == 5000
    assert install_refusal(5000) == CME[5000].text
    assert install_refusal(None) == install_refusal(3) == ""


@pytest.mark.parametrize("series", list(Series))
def test_the_calls_make_the_window(series: Series) -> None:
    """11.1.1: three C at 3 s, ten NAK at 10 s, 109 s in all."""
    facts = update_facts(series)
    calls = (facts.crc_calls.value, facts.checksum_calls.value)
    assert sum(one.count * one.every_s for one in calls) == facts.window_s.value == 109.0
    assert facts.silent_s.value < facts.longest_silence_s.value


def test_the_guide_of_one_series_is_no_evidence_for_the_other() -> None:
    lara = FACTS[Series.LARA_R6]
    for fact in (lara.crc_calls, lara.checksum_calls, lara.window_s, lara.silent_s, lara.tail):
        assert fact.source.evidence in (Evidence.SIBLING, Evidence.GUESS)
