"""Bar: any split of bytes gives the same events; 10 MB of random bytes never hang or crash the receiver, and
it is back in step at the next command."""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable, Iterable

from cellbench.catalogue.commands import ALL
from cellbench.catalogue.model import Series
from cellbench.catalogue.results import CME, CMS, FINALS
from cellbench.catalogue.urcs import URCS
from cellbench.wire.at.events import Finished
from cellbench.wire.at.grammar import Grammar
from cellbench.wire.at.session import Session, State

SUBJECT = "main-path"
BAR = "AT receiver: any split gives the same events; 10 MB of random bytes, then back in step"
NOISE_BYTES = 10_000_000
SPLITS = 20_000
CHUNK_LIMIT_S = 1.0

_WORDS = (
    b"\r\n", b"\r", b"\n", b" ", b'"', b",", b"AT+CSQ\r", b"\r\nOK\r\n", b"\r\n+CSQ: 25,0\r\n", b"ERROR\r\n",
    b"+CME ERROR: 3\r\n", b"\r\n+UUSORD: 0,5\r\n", b"+USORD: 0,", b'5,"', b'+USORD: 0,4,"a\r\n"',
    b'+CUSD: 0,"x', b"RING\r\n", b"@", b"> ", b"\0", b"CONNECT\r\n", b"+CREG: 5\r\n")


def main() -> list[dict[str, object]]:
    """Rows: what, goal, figure, met."""
    grammar = Grammar(Series.LENA_R8, ALL, URCS, FINALS, CME, CMS)
    different = splits_that_differ(grammar)
    worst_s, missed = noise(grammar, lambda source: source.randbytes(source.choice((1, 16, 64, 512, 4096))))
    worst_words_s, missed_words = noise(
        grammar, lambda source: b"".join(source.choices(_WORDS, k=source.choice((1, 8, 64)))))
    return [
        {"what": f"splits of {SPLITS} random dialogues that gave other events", "goal": "0",
         "figure": different, "met": different == 0},
        {"what": "10 MB of random bytes: commands misunderstood afterwards", "goal": "0", "figure": missed,
         "met": missed == 0},
        {"what": "10 MB of the dialogue's own words at random: commands misunderstood afterwards",
         "goal": "0", "figure": missed_words, "met": missed_words == 0},
        {"what": "longest time for one chunk of noise, s", "goal": f"< {CHUNK_LIMIT_S}",
         "figure": round(max(worst_s, worst_words_s), 4), "met": max(worst_s, worst_words_s) < CHUNK_LIMIT_S},
    ]


def splits_that_differ(grammar: Grammar) -> int:
    """How many random dialogues mean something else when they come in pieces."""
    source = random.Random(20)
    different = 0
    for number in range(SPLITS):
        data = b"".join(source.choices(_WORDS, k=source.randrange(25)))
        line = source.choice(("AT+CSQ", "AT+USORD=0,5", "AT+USOWR=0,2", "AT+CREG?"))
        places = sorted(source.randrange(len(data) + 1) for _ in range(source.randrange(6)))
        pieces = [data[begin:end] for begin, end in zip([0, *places], [*places, len(data)], strict=True)]
        if number % 10 == 0:
            pieces = [data[at:at + 1] for at in range(len(data))]
        different += said(grammar, line, [data]) != said(grammar, line, pieces)
    return different


def said(grammar: Grammar, line: str, pieces: Iterable[bytes]) -> list[object]:
    """The events of one command under way."""
    session = Session(grammar)
    session.begin(grammar.plan(line))
    return [event for piece in pieces for event in session.receive(piece)]


def noise(grammar: Grammar, made: Callable[[random.Random], bytes]) -> tuple[float, int]:
    """Feed noise, with a command after each 100 KB; the longest time for a chunk, and how many of the
    commands were not understood."""
    source = random.Random(21)
    session = Session(grammar)
    fed = missed = 0
    worst_s = 0.0
    while fed < NOISE_BYTES:
        until = fed + 100_000
        while fed < until:
            chunk = made(source)
            fed += len(chunk)
            began = time.perf_counter()
            session.receive(chunk)
            worst_s = max(worst_s, time.perf_counter() - began)
        session.receive(b"\r\n")
        session.abandon_string()
        session.begin(grammar.plan("AT+CSQ"))
        events = session.receive(b"AT+CSQ\r\r\n+CSQ: 25,0\r\n\r\nOK\r\n")
        answers = [event for event in events if isinstance(event, Finished)]
        missed += [answer.info for answer in answers] != [("+CSQ: 25,0",)]
        if session.state is not State.IDLE:
            session.give_up()
    return worst_s, missed


if __name__ == "__main__":
    rows = main()
    for row in rows:
        print(json.dumps(row))
    sys.exit(0 if all(row["met"] for row in rows) else 1)
