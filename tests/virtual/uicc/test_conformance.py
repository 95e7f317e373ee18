"""The card against exchanges written from ETSI TS 102 221, each with the clause that prescribes it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from cellbench.virtual.uicc.build import card_of
from cellbench.virtual.uicc.card import Card
from cellbench.virtual.uicc.dispatch import transmit
from cellbench.virtual.uicc.profile import CardProfile
from cellbench.virtual.uicc.toolkit import refresh

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "uicc"
SESSIONS = yaml.safe_load((VECTORS / "ts_102_221.yaml").read_text(encoding="utf-8"))["sessions"]
PLACE = r"(?:\d+(?:\.\d+)*(?: table \d+\.\d+)?|table \d+\.\d+)"
CLAUSE = re.compile(rf"{PLACE}(?:, {PLACE})*")


def card(kind: str | None) -> Card:
    made = card_of(CardProfile(pin_enabled=kind == "locked"))
    if kind == "refresh":
        made.toolkit.waiting.append(refresh(0))
    return made


@pytest.mark.parametrize("session", SESSIONS, ids=[one["title"].replace(" ", "-") for one in SESSIONS])
def test_exchanges(session: Any) -> None:
    mine = card(session.get("card"))
    for row in session["rows"]:
        came = transmit(mine, bytes.fromhex(row["send"])).hex().upper()
        assert re.fullmatch(row["expect"], came), f"{row['send']}: {row['what']} ({row['clause']}): {came}"


def test_there_are_many_and_each_cites_its_clause() -> None:
    rows = [row for one in SESSIONS for row in one["rows"]]
    assert len(rows) >= 200
    assert [row["clause"] for row in rows if not CLAUSE.fullmatch(row["clause"])] == []
    refused = [row for row in rows if re.fullmatch(r"(6[2-9A-F]|98)[0-9A-F]{2}", row["expect"])]
    assert len(refused) >= 100
