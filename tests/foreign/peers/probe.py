"""A foreign program: sends the lines of a sequence one by one and reads the answers as chat programs do.

A line of the sequence file is a command, or ``command ~ regex``: a program of that kind can only go on when
the answer matches. Prints one JSON object a command: line, answer, final, seconds, wanted, fits.
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path

import serial

FINAL = re.compile(
    rb"(?:^|[\r\n])(OK|ERROR|NO CARRIER|BUSY|NO ANSWER|NO DIALTONE|ABORTED|CONNECT[^\r\n]*"
    rb"|\+CM[ES] ERROR:[^\r\n]*)\r\n|\r\n(>|@) ?$")
LIMIT_S = 10.0
GAP_S = 0.005


def ask(port: serial.SerialBase, line: str) -> tuple[str, str | None, float]:
    """The answer, its final result code, the seconds it took."""
    time.sleep(GAP_S)
    port.reset_input_buffer()
    port.write(line.encode("latin-1") + b"\r")
    began, heard = time.monotonic(), b""
    while time.monotonic() < began + LIMIT_S:
        heard += port.read(port.in_waiting or 1)
        found = FINAL.search(heard)
        if found:
            final = (found[1] or found[2]).decode("latin-1")
            return heard.decode("latin-1"), final, time.monotonic() - began
    return heard.decode("latin-1"), None, LIMIT_S


def main() -> int:
    """0 when every line had a final result code, and the answer that the program needs."""
    url, sequence = sys.argv[1:]
    good = True
    with serial.serial_for_url(url, 115200, timeout=0.02) as port:
        for text in Path(sequence).read_text(encoding="utf-8").splitlines():
            line, _, wanted = text.partition(" ~ ")
            if not line or line.startswith("#"):
                continue
            answer, final, seconds = ask(port, line.strip())
            fits = final is not None and (not wanted or re.search(wanted.strip(), answer) is not None)
            good = good and fits
            print(json.dumps({"line": line.strip(), "answer": answer, "final": final, "fits": fits,
                              "wanted": wanted.strip(), "seconds": round(seconds, 3)}))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
