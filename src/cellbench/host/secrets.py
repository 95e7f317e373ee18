"""What must never be stored in clear: values learnt from commands, blanked wherever they appear."""

from __future__ import annotations

import re
import threading

_SHORT = 6  # shorter values are blanked only where they stand alone, else "1234" would blank half an IMEI


class Secrets:
    """Secret values of one unit's ports; a Redactor (see cellbench.base.trace)."""

    def __init__(self) -> None:
        self._values: set[bytes] = set()
        self._pattern: re.Pattern[bytes] | None = None
        self._lock = threading.Lock()

    def learn(self, value: bytes) -> None:
        """Blank this value from now on, also where it passed before. Values of one byte are not secrets."""
        if len(value) < 2 or value in self._values:
            return
        with self._lock:
            self._values.add(value)
            longest_first = sorted(self._values, key=len, reverse=True)
            self._pattern = re.compile(b"|".join(_alone(known) for known in longest_first))

    def learn_text(self, text: bytes) -> None:
        """Blank a text of several lines (a private key), line by line as well as whole."""
        self.learn(text)
        for line in text.splitlines():
            if len(line.strip()) >= _SHORT:
                self.learn(line.strip())

    @property
    def any(self) -> bool:
        """True when a secret is known."""
        return self._pattern is not None

    def redact(self, data: bytes) -> bytes:
        """The same bytes with every secret replaced by asterisks of equal length."""
        if self._pattern is None:
            return data
        return self._pattern.sub(lambda found: b"*" * len(found.group()), data)

    def redact_text(self, text: str) -> str:
        """The same for text as the channel decodes it."""
        return self.redact(text.encode("latin-1", "replace")).decode("latin-1") if self._pattern else text


def _alone(value: bytes) -> bytes:
    if len(value) >= _SHORT:
        return re.escape(value)
    return rb"(?<![0-9A-Za-z])" + re.escape(value) + rb"(?![0-9A-Za-z])"
