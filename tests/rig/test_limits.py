"""Limits files: what they give to measurements, and what is told of broken ones."""

from __future__ import annotations

import pytest

from cellbench.base.errors import FileErrors
from cellbench.catalogue.model import Evidence
from cellbench.record.measurement import Judgement, Limit
from cellbench.rig.limits import load_limits
from cellbench.rig.load import validate_file

GOOD = """\
product: LARA-R6
version: 3
limits:
  boot_time: {unit: s, high: 15, marginal: 3, source: app note, evidence: manual}
  rssi:
    title: signal strength
    unit: dBm
    low: -105
    high: -51
    source: ours
    evidence: guess
  firmware: {one_of: ["02.14,A00.01"], source: data sheet, evidence: manual}
"""


@pytest.fixture
def write(tmp_path):
    def writer(*changes):
        text = GOOD
        for old, new in changes:
            assert old in text
            text = text.replace(old, new, 1)
        path = tmp_path / "limits.yaml"
        path.write_text(text)
        return path

    return writer


def test_limits_as_measurements_take_them(write):
    limits = load_limits(write())
    assert (limits.product, limits.version, len(limits.sha256)) == ("LARA-R6", 3, 64)
    boot = limits.get("boot_time")
    assert boot.limit == Limit(high=15, marginal=3, source="app note")
    assert (boot.title, boot.unit, boot.advisory) == ("boot time", "s", False)
    assert [boot.limit.judge(value) for value in (11, 13, 16)] == [
        Judgement.PASS, Judgement.MARGINAL, Judgement.FAIL]
    assert limits.get("rssi").evidence is Evidence.GUESS
    assert limits.get("rssi").advisory
    assert limits.get("firmware").limit.judge("02.14,A00.01") is Judgement.PASS
    assert limits.get("nothing") is None


@pytest.mark.parametrize(("change", "expected"), [
    (("unit: s, ", ""), "4: limits.boot_time: a range needs a unit (1 for counts)"),
    (("high: 15, marginal: 3, ", ""), "4: limits.boot_time: give a range (low, high), or equals, or one_of"),
    (("marginal: 3", "marginal: -1"), "4: limits.boot_time.marginal: -1: must be greater than or equal to 0"),
    (("low: -105", "low: -40"), "5: limits.rssi: low -40 is above high -51"),
    (("high: -51", "high: -51\n    marginal: 40"),
     "5: limits.rssi: two marginal bands of 40 do not fit between"),
    (("high: -51", "high: -51\n    equals: x"),
     "5: limits.rssi: give a range (low, high), or equals, or one_of"),
    (('["02.14,A00.01"]', "[]"), "12: limits.firmware.one_of"),
    (('["02.14,A00.01"]', "02.14"),
     '12: limits.firmware.one_of: "02.14" is not a list; write [first, second]'),
    (("evidence: guess", "evidence: gues"), "11: limits.rssi.evidence: 'gues' is not one of guide, manual,"),
    (("high: 15", "hi: 15"), "4: limits.boot_time.hi: unknown key; did you mean high?"),
    (("version: 3", "version: 0"), "2: version: 0: must be greater than or equal to 1"),
    (("version: 3\n", ""), "1: the key version is missing; add version: Version of this file"),
    (("boot_time:", "Boot time:"),
     "4: limits.Boot time: the name 'Boot time' is not usable; write a name: lower"),
    (("source: ours\n", "source: ''\n"), '10: limits.rssi.source: "": must have at least 1 character'),
])
def test_mistakes(write, change, expected):
    path = write(change)
    told = [str(finding).removeprefix(f"{path}:") for finding in validate_file(path)]
    assert [text[:len(expected)] for text in told] == [expected]
    with pytest.raises(FileErrors):
        load_limits(path)


@pytest.mark.parametrize("name", ["lena-r8", "lara-r6"])
def test_committed_limits_are_good_and_say_where_they_are_from(root, name):
    limits = load_limits(root / "rigs" / "limits" / f"{name}.yaml")
    assert limits.product == name.upper()
    for entry in limits.entries.values():
        assert len(entry.limit.source) > 3, entry.name


def test_committed_limits_have_the_same_names(root):
    # a procedure runs on both series, so a limit that only one has is a slip unless the other lacks the thing
    first, second = (set(load_limits(root / "rigs" / "limits" / f"{name}.yaml").entries)
                     for name in ("lena-r8", "lara-r6"))
    assert first ^ second == {"greeting"}


def test_guesses_are_wide(root):
    for name in ("lena-r8", "lara-r6"):
        for entry in load_limits(root / "rigs" / "limits" / f"{name}.yaml").entries.values():
            limit = entry.limit
            if entry.advisory and limit.low and limit.high and entry.unit == "mA":
                assert limit.high / limit.low > 3, entry.name
