"""Result codes and information text on the wire (V.250 5.7, 6.2.5, 6.2.6, 6.2.7)."""

from __future__ import annotations

from dataclasses import dataclass

_NUMERIC = {"OK": 0, "CONNECT": 1, "RING": 2, "NO CARRIER": 3, "ERROR": 4, "NO DIALTONE": 6, "BUSY": 7,
            "NO ANSWER": 8, "ABORTED": 3000}


@dataclass(slots=True)
class Style:
    """How a port prints: V, Q, X, S3 and S4 of that port."""

    verbose: bool = True
    quiet: bool = False
    extended: int = 4  # X
    cr: str = "\r"
    lf: str = "\n"


def result(text: str, style: Style) -> str:
    """A final or intermediate result code of V.250; empty when Q1 suppresses it.

    The rate behind CONNECT is left out with X0 (V.250 6.2.7), and the numeric form has one number for
    CONNECT with and without it.
    """
    if style.quiet:
        return ""
    if text.startswith("CONNECT") and style.extended == 0:
        text = "CONNECT"
    if style.verbose:
        return f"{style.cr}{style.lf}{text}{style.cr}{style.lf}"
    word = "CONNECT" if text.startswith("CONNECT") else text
    number = _NUMERIC.get(word)
    return f"{text if number is None else number}{style.cr}"


def information(text: str, style: Style, *, first: bool, apart: bool) -> str:
    """A line of information text; ``first`` of its command, ``apart``: every line has a header."""
    tail = f"{text}{style.cr}{style.lf}"
    if style.verbose and (first or apart):
        return f"{style.cr}{style.lf}{tail}"
    return tail


def unsolicited(text: str, style: Style) -> str:
    """A URC; V.250's own ones (RING) take the numeric form with V0 and vanish with Q1."""
    if text in _NUMERIC:
        return result(text, style)
    if style.verbose:
        return f"{style.cr}{style.lf}{text}{style.cr}{style.lf}"
    return f"{text}{style.cr}{style.lf}"
