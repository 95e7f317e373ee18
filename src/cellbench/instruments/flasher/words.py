"""What a tool writes, read by the expressions that the rig file declares; no input and output in here."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator

from cellbench.base.errors import Owner
from cellbench.instruments.flasher.model import Ending
from cellbench.instruments.flasher.settings import FailedWords, ToolSettings

_LINE_END = re.compile(rb"[\r\n\b]+")  # a tool that draws its progress goes back by CR or backspaces
# ECMA-48: what a terminal's escape sequences look like (CSI, OSC, and the short ones)
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_LONGEST = 4096
_KEPT = 3


class ToolWords:
    """The words of one run of a tool."""

    __slots__ = ("_failed", "_passed", "_passed_said", "_pending", "_progress", "_settings", "_tail",
                 "percent")

    def __init__(self, settings: ToolSettings) -> None:
        self._settings = settings
        self._progress = re.compile(settings.progress) if settings.progress else None
        self._passed = re.compile(settings.passed) if settings.passed else None
        self._failed: tuple[FailedWords, str] | None = None
        self._pending = b""
        self._tail: deque[str] = deque(maxlen=_KEPT)
        self.percent = -1
        self._passed_said = False

    def receive(self, data: bytes) -> Iterator[int]:
        """Take what came; gives each new percentage, 0 to 100."""
        *lines, self._pending = _LINE_END.split(self._pending + data)
        if len(self._pending) > _LONGEST:
            lines, self._pending = [*lines, self._pending], b""
        for line in lines:
            yield from self._line(line)

    def end(self) -> Iterator[int]:
        """Nothing more comes: the last line may have no end."""
        rest, self._pending = self._pending, b""
        yield from self._line(rest)

    @property
    def last(self) -> str:
        """The last lines, for a message."""
        return " / ".join(self._tail) or "nothing"

    def ending(self, exit_code: int) -> Ending:
        """What words and exit code mean together; a declared word of failure counts before all."""
        settings = self._settings
        if self._failed is not None:
            words, line = self._failed
            return Ending(Owner(words.owner), line, exit_code, words.remedy or "")
        if exit_code < 0:
            return Ending(Owner.RIG, f"it was ended by signal {-exit_code}; it said: {self.last}", exit_code,
                          "see what ends programs on this host")
        if exit_code not in settings.passed_codes:
            blame = settings.exit_codes.owners().get(exit_code)
            if blame is None:
                told = f"exit code {exit_code}, which nothing explains; it said: {self.last}"
                return Ending(Owner.RIG, told, exit_code,
                              "look it up in the tool's manual and add it under exit_codes")
            return Ending(Owner(blame), f"exit code {exit_code}; it said: {self.last}", exit_code)
        if self._passed is not None and not self._passed_said:
            told = f"exit code {exit_code} without a line like {settings.passed!r}; it said: {self.last}"
            return Ending(Owner.RIG, told, exit_code, "run the tool by hand, or correct `passed`")
        return Ending(None, self.last, exit_code)

    def _line(self, raw: bytes) -> Iterator[int]:
        line = _ESCAPES.sub("", raw[:_LONGEST].decode("utf-8", "replace")).strip()
        if not line:
            return
        self._tail.append(line)
        if self._passed is not None and self._passed.search(line):
            self._passed_said = True
        if self._failed is None:
            found = next((one for one in self._settings.failed if re.search(one.says, line)), None)
            self._failed = (found, line) if found is not None else None
        percent = self._percent_of(line)
        if percent is not None and percent != self.percent:
            self.percent = percent
            yield percent

    def _percent_of(self, line: str) -> int | None:
        found = self._progress.search(line) if self._progress is not None else None
        if found is None or found[1] is None:
            return None
        try:
            percent = float(found[1].replace(",", "."))
        except ValueError:
            return None
        return round(percent) if 0 <= percent <= 100 else None
