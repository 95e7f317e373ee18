"""The AT receiver against splitting lines and matching final codes, on the same chunks.

The stream is a dialogue as a module prints it: echoes, information text with and without quotes, URCs,
results and error codes, with numbers that change from answer to answer. The baseline splits at line ends and
looks for final result codes; the receiver makes its tokens, which must be the same codes and the same lines.
Both take turns; the figure is baseline time over receiver time, the median of the turns.
"""

from __future__ import annotations

import gc
import json
import random
import statistics
import time
from collections.abc import Callable

from cellbench.catalogue.results import FINALS
from cellbench.wire.at.events import Token
from cellbench.wire.at.receiver import Receiver

CODES = tuple(code.text.encode() for code in FINALS)
Work = Callable[[list[bytes]], tuple[int, int]]
TURNS = 15
STREAM_BYTES = 1_000_000
GOALS = {4096: 0.5, 64: 0.4}


def dialogue(size: int) -> bytes:
    """About ``size`` bytes of what a module says."""
    source = random.Random(1)

    def number(end: int) -> bytes:
        return b"%d" % source.randrange(end)

    parts: list[bytes] = []
    length = 0
    while length < size:
        parts.append(b"".join((
            b"AT+CSQ\r\r\n+CSQ: ", number(32), b",", number(8), b"\r\n\r\nOK\r\n",
            b'AT+CGDCONT?\r\r\n+CGDCONT: 1,"IP","internet","10.0.', number(256), b".", number(256),
            b'",0,0\r\n',
            b'+CGDCONT: 2,"IPV4V6","ims","",0,0\r\n\r\nOK\r\n',
            b"\r\n+UUSORD: ", number(7), b",", number(1024), b"\r\n",
            b'AT+CREG?\r\r\n+CREG: 2,1,"', b"%04X" % source.randrange(65536), b'","01C3D4E5",7\r\n\r\nOK\r\n',
            b'AT+USOCO=0,"195.34.89.241",', number(65536), b"\r\r\n+CME ERROR: ", number(150), b"\r\n",
            b"\r\n+CEREG: ", number(6), b"\r\n", b"ATI9\r\r\n02.00,A01.22\r\n\r\nOK\r\n",
            b"AT+CGSN\r\r\n35284609", b"%07d" % source.randrange(10**7), b"\r\n\r\nOK\r\n")))
        length += len(parts[-1])
    return b"".join(parts)


def baseline(chunks: list[bytes]) -> tuple[int, int]:
    """Split lines, match final codes; how many codes and other lines there were."""
    codes = frozenset(CODES)
    finals = lines = 0
    rest = b""
    for chunk in chunks:
        split = (rest + chunk).split(b"\r\n")
        rest = split.pop()
        for line in split:
            if line in codes or line.startswith((b"+CME ERROR", b"+CMS ERROR")):
                finals += 1
            elif line:
                lines += 1
    return finals, lines


def receiver(chunks: list[bytes]) -> tuple[int, int]:
    """The same by the receiver."""
    receive = Receiver(CODES).receive
    final = Token.FINAL
    finals = lines = 0
    for chunk in chunks:
        for kind, _ in receive(chunk):
            if kind is final:
                finals += 1
            else:
                lines += 1
    return finals, lines


def mismatches(chunks: list[bytes]) -> int:
    """How many of the tokens are not the very line that plain splitting of the whole stream gives."""
    expected = [line.strip() for line in b"".join(chunks).splitlines() if line.strip()]
    unit = Receiver(CODES)
    got = [raw for chunk in chunks for _, raw in unit.receive(chunk)]
    wrong = sum(one != other for one, other in zip(expected, got, strict=False))
    return wrong + abs(len(expected) - len(got))


def timed(work: Work, chunks: list[bytes]) -> tuple[float, tuple[int, int]]:
    """Seconds that the work took, and what it found."""
    began = time.perf_counter()
    found = work(chunks)
    return time.perf_counter() - began, found


def main() -> list[dict[str, object]]:
    """One line for each size of chunks."""
    data = dialogue(STREAM_BYTES)
    rows: list[dict[str, object]] = []
    for size, goal in GOALS.items():
        chunks = [data[at:at + size] for at in range(0, len(data), size)]
        wrong = mismatches(chunks)
        ratios = []
        gc.collect()
        for _ in range(TURNS):
            base_s, expected = timed(baseline, chunks)
            ours_s, found = timed(receiver, chunks)
            wrong += found != expected
            ratios.append(base_s / ours_s)
        ratio = statistics.median(ratios)
        what = f"AT receiver's speed against splitting lines, {size}-byte chunks, {wrong} mismatches"
        rows.append({"what": what, "goal": f">= {goal}", "figure": round(ratio, 3),
                     "met": ratio >= goal and wrong == 0})
    return rows


if __name__ == "__main__":
    for line in main():
        print(json.dumps(line))
