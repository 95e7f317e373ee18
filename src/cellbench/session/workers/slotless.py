"""Tests that need no slot, handed out file by file: what a file prepares for its tests is prepared once."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Container

_KEPT = 20  # so many of a file are left to the worker that has prepared them


class SlotlessTests:
    """A queue by file, in the order of collection."""

    __slots__ = ("_files",)

    def __init__(self) -> None:
        self._files: dict[str, deque[str]] = {}

    def __bool__(self) -> bool:
        return bool(self._files)

    def add(self, nodeid: str) -> None:
        """Put a test at the end of its file."""
        self._files.setdefault(file_of(nodeid), deque()).append(nodeid)

    def give_back(self, nodeid: str) -> None:
        """Put a test that was not begun at the front of its file."""
        self._files.setdefault(file_of(nodeid), deque()).appendleft(nodeid)

    def take(self, own: str, held: Collection[str], known: Container[str]) -> str | None:
        """The next test for a worker that is in the file ``own``: of that file, else of one that no other
        worker is in (``held``), else the last of the file with the most. None when what is left is better
        left to those who are in it. ``known`` are the tests that the worker can run.
        """
        for file in (own, *(one for one in self._files if one not in held)):
            queue = self._files.get(file)
            if queue and queue[0] in known:
                return self._taken(file, queue.popleft())
        fullest = max(self._files, key=lambda file: len(self._files[file]), default="")
        queue = self._files.get(fullest)
        if queue is None or len(queue) <= _KEPT or queue[-1] not in known:
            return None
        return self._taken(fullest, queue.pop())

    def drain(self) -> list[str]:
        """All tests that are left; the queue is empty afterwards."""
        left = [nodeid for queue in self._files.values() for nodeid in queue]
        self._files.clear()
        return left

    def _taken(self, file: str, nodeid: str) -> str:
        if not self._files[file]:
            del self._files[file]
        return nodeid


def file_of(nodeid: str) -> str:
    """The file of a node id."""
    return nodeid.partition("::")[0]
