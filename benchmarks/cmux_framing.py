"""Framing of the multiplexer against a bare concatenation of the same frames.

The bare one joins, frame by frame, a header, the information and a tail that are there already, and computes
nothing: the least that putting these frames on a wire can cost. Encoding cuts the same information into the
same frames with their check sequences; decoding finds them in the stream in pieces of 4 KB, as a port reads
it, and checks each. Measured in turns in one run, with information fields of the default length (31), of two
public drivers' (127, 1500).
"""

from __future__ import annotations

import json
import random
import statistics
import time
from collections.abc import Callable

from cellbench.wire.cmux.decoder import Decoder
from cellbench.wire.cmux.frame import Frame, FrameKind, Framer, encode

SIZE = 400_000
PIECE = 4096
TURNS = 25
LENGTHS = (31, 127, 1500)
GOAL_ENCODE, GOAL_DECODE = 0.6, 0.2
DLCI = 2


def bare(parts: list[tuple[bytes, bytes, bytes]]) -> bytes:
    """Header, information and tail of every frame, joined."""
    wire = []
    for head, info, tail in parts:
        wire.append(head + info + tail)
    return b"".join(wire)


def parts_of(data: bytes, n1: int) -> list[tuple[bytes, bytes, bytes]]:
    """What the bare concatenation is given."""
    parts = []
    for at in range(0, len(data), n1):
        info = data[at:at + n1]
        whole = encode(Frame(DLCI, True, FrameKind.UIH, False, info))
        parts.append((whole[:-2 - len(info)], info, whole[-2:]))
    return parts


def decoded(wire: bytes, n1: int) -> int:
    """The number of frames in a stream, read in pieces."""
    decoder = Decoder(n1)
    found = 0
    for at in range(0, len(wire), PIECE):
        found += len(decoder.receive(wire[at:at + PIECE]))
    return found


def taken(action: Callable[[], object]) -> float:
    """Seconds that one call takes."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def ratios(n1: int) -> tuple[float, float]:
    """Speed of encoding and of decoding in relation to the bare concatenation."""
    data = random.Random(n1).randbytes(SIZE)
    parts = parts_of(data, n1)
    wire = bare(parts)
    framer = Framer(DLCI, initiator=True)
    if framer.frames(data, n1) != wire or decoded(wire, n1) != len(parts):
        raise AssertionError("not the same frames")
    encoding, decoding = [], []
    for _ in range(TURNS):
        base = min(taken(lambda: bare(parts)) for _ in range(3))
        encoding.append(base / min(taken(lambda: framer.frames(data, n1)) for _ in range(3)))
        decoding.append(base / min(taken(lambda: decoded(wire, n1)) for _ in range(3)))
    return statistics.median(encoding), statistics.median(decoding)


def main() -> list[dict[str, object]]:
    """A row for each direction and length."""
    rows: list[dict[str, object]] = []
    for n1 in LENGTHS:
        encoding, decoding = ratios(n1)
        for what, figure, goal in (("encoding", encoding, GOAL_ENCODE), ("decoding", decoding, GOAL_DECODE)):
            rows.append({"what": f"27.010 frames of {n1} bytes: {what} against a bare concatenation of them",
                         "goal": f">= {goal}", "figure": round(figure, 3), "met": figure >= goal})
    return rows


if __name__ == "__main__":
    for line in main():
        print(json.dumps(line))
