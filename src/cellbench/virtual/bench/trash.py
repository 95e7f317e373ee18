"""Directories that vanish at once and are deleted when there is time.

Deleting a device's tree takes some hundred system calls, each slow on some file systems; the rack's loop
must not stand still for them. So a tree is renamed away, which is one call, and one thread deletes.
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

CLOSE_S = 0.5


class Trash:
    """Takes trees of one file system; what is not deleted before ``close`` is taken up by the next rack."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._stopping = threading.Event()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="trash")
        left = sorted(folder.iterdir())
        self._next = 1 + max((int(old.name) for old in left if old.name.isdigit()), default=0)
        self._pending: set[Future[None]] = set()
        for old in left:
            self._submit(old)

    def throw(self, tree: Path) -> None:
        """Make a tree vanish; nothing happens when it is not there."""
        place = self._folder / str(self._next)
        try:
            tree.rename(place)
        except FileNotFoundError:
            return
        self._next += 1
        self._submit(place)

    def close(self) -> None:
        """Delete what can be deleted within ``CLOSE_S``, then stop."""
        wait(self._pending, CLOSE_S)
        self._stopping.set()
        self._worker.shutdown(wait=True, cancel_futures=True)

    def _submit(self, place: Path) -> None:
        future = self._worker.submit(self._delete, place)
        self._pending.add(future)
        future.add_done_callback(self._pending.discard)

    def _delete(self, tree: Path) -> None:
        for folder, folders, files in os.walk(tree, topdown=False):
            for name in files:
                if self._stopping.is_set():
                    return
                os.unlink(os.path.join(folder, name))
            for name in folders:
                if self._stopping.is_set():
                    return
                path = os.path.join(folder, name)
                if os.path.islink(path):
                    os.unlink(path)
                else:
                    os.rmdir(path)
        os.rmdir(tree)
