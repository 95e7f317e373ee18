"""The firmware of a run's units, in words: what each attempt ran on, and what updates made of it."""

from __future__ import annotations

from collections.abc import Iterable

from cellbench.record.attempt import Attempt, FirmwareChange
from cellbench.record.run import RunRecord

ARROW = "\N{RIGHTWARDS ARROW}"
_MOST_NAMED = 4  # of a longer course the middle is counted
_METHODS = {
    "foat": "over AT",
    "fota-ftp": "by FTP",
    "fota-http": "by HTTP",
    "fota-serial": "by a serial file",
    "flash": "by flashing",
    "recovery": "in recovery",
}


def method_words(method: str) -> str:
    """How an update came to the unit."""
    return _METHODS.get(method, method)


def change_words(change: FirmwareChange) -> str:
    """One update as a sentence."""
    how = f"update {method_words(change.method)}".rstrip()
    before = change.before or "unknown"
    if not change.after:
        return f"firmware {before}: no version told after {how}"
    if change.before == change.after:
        return f"firmware {change.before}: unchanged after {how}"
    return f"firmware {before} {ARROW} {change.after}: {how}"


def firmware_words(attempt: Attempt) -> str:
    """What an attempt ran on: the version, or the one before and the one after; "" when nobody told."""
    before, after = attempt.firmware_before, attempt.firmware_after
    return before if before == after else f"{before or 'unknown'} {ARROW} {after or 'none told'}"


def versions_of(run: RunRecord, unit: int) -> tuple[str, ...]:
    """The versions that a unit (an index into the run's units) ran one after the other; none when it told
    none."""
    told = [version for attempt in run.attempts_of(unit)
            for version in (attempt.firmware_before,
                            *(change.after for change in attempt.firmware)) if version]
    told = told or [run.units[unit].firmware]
    return tuple(version for number, version in enumerate(told)
                 if version and (number == 0 or told[number - 1] != version))


def last_version(run: RunRecord, unit: int) -> str:
    """The version that a unit ended with, "" when it told none."""
    return next(reversed(versions_of(run, unit)), "")


def course_words(versions: Iterable[str]) -> str:
    """Versions one after the other; of many the middle is counted."""
    named = list(versions)
    if len(named) > _MOST_NAMED:
        named = [named[0], f"{len(named) - 2} more", named[-1]]
    return f" {ARROW} ".join(named)


def unit_firmware(run: RunRecord, unit: int) -> str:
    """The firmware of a unit as a report prints it: the version, or the course of them."""
    return course_words(versions_of(run, unit))
