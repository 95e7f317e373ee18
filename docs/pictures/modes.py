"""Draw the modes of an AT interface: `python docs/pictures/modes.py` writes at-modes.svg beside it.

The arrows are named by where they begin and what makes them, as in cellbench.virtual.front.state.TRANSITIONS;
a test holds the two against each other.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).resolve().parent
Point = tuple[float, float]


def _wiring() -> ModuleType:
    """The sheet of the wiring's pictures."""
    spec = importlib.util.spec_from_file_location("cellbench_wiring_sheet", HERE / "wiring.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


BOXES: dict[str, tuple[float, float, tuple[str, ...]]] = {
    "COMMAND": (40, 60, ("command mode", "lines")),
    "ONLINE": (40, 400, ("online command mode", "lines; a call is held")),
    "EXECUTING": (440, 225, ("a command goes on", "a character may abort it")),
    "PROMPT": (840, 60, ("prompt", "payload, whatever it is")),
    "DATA": (840, 400, ("data mode", "direct link or PPP")),
}
WIDTH, HEIGHT = 210, 90
ARROWS: dict[tuple[str, str], tuple[tuple[Point, ...], Point, tuple[str, ...]]] = {
    ("COMMAND", "LINE"): (((250, 85), (510, 85), (510, 225)), (385, 75), ("command line (CR)",)),
    ("EXECUTING", "RESULT"): (((470, 225), (470, 130), (250, 130)), (360, 150), ("final result code",)),
    ("EXECUTING", "PROMPT"): (((580, 225), (580, 85), (840, 85)), (715, 75), ("> or @",)),
    ("PROMPT", "TAKEN"): (((840, 130), (620, 130), (620, 225)), (735, 150),
                          ("complete, ESC,", "or given up")),
    ("EXECUTING", "CONNECT"): (((620, 315), (620, 420), (840, 420)), (735, 410), ("CONNECT",)),
    ("DATA", "LEFT"): (((840, 470), (580, 470), (580, 315)), (725, 490),
                       ("+++ behind its silence,", "DTR off with &D1 or &D2,", "or the far end is done")),
    ("EXECUTING", "HELD"): (((470, 315), (470, 420), (250, 420)), (360, 410), ("OK, call held",)),
    ("ONLINE", "LINE"): (((250, 450), (510, 450), (510, 315)), (370, 442), ("ATO, ATH, any line",)),
    ("ONLINE", "DTR_OFF"): (((250, 475), (540, 475), (540, 315)), (385, 495), ("DTR off with &D2",)),
    ("ONLINE", "CARRIER_LOST"): (((145, 400), (145, 150)), (157, 280), ("NO CARRIER",)),
}


def drawing():  # type: ignore[no-untyped-def]
    """The sheet."""
    wiring = _wiring()
    sheet = wiring.Sheet("at-modes", 1090, 560, "Modes of an AT interface and what moves between them")
    for x, y, (title, *lines) in BOXES.values():
        sheet.box(x, y, WIDTH, HEIGHT, title)
        for number, line in enumerate(lines):
            sheet.text(x + WIDTH / 2, y + 52 + 20 * number, line, "middle", size=13)
    for points, (x, y), lines in ARROWS.values():
        sheet.wire(*points, colour=wiring.BLUE)
        sheet.parts.append(_head(points[-2], points[-1], wiring.BLUE))
        anchor = "start" if len(points) == 2 else "middle"
        for number, line in enumerate(lines):
            sheet.text(x, y + 18 * number, line, anchor, size=13, colour=wiring.BLUE)
    return sheet


def _head(before: Point, end: Point, colour: str) -> str:
    """The point of an arrow."""
    dx, dy = ((one > other) - (one < other) for one, other in zip(end, before, strict=True))
    (x, y), long, half = end, 11, 5
    left = (x - dx * long - dy * half, y - dy * long - dx * half)
    right = (x - dx * long + dy * half, y - dy * long + dx * half)
    return (f'<polygon points="{x:g},{y:g} {left[0]:g},{left[1]:g} {right[0]:g},{right[1]:g}" '
            f'fill="{colour}"/>')


if __name__ == "__main__":
    print(drawing().write())
