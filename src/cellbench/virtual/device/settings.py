"""Where settings live: factory values, NVM on disk, the stored profile of &W, and what a power-off forgets.

NVM is one JSON file per module, replaced atomically at each change; a missing file is the factory
state. A file that cannot be read counts as damaged memory: the module starts from the factory state,
as silicon does.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from cellbench.catalogue.model import Storage

Json = object  # what json.loads gives


class Settings:
    """The settings of one module by name: a command's name ("+CMEE") or an inner name ("restore")."""

    __slots__ = ("_factory", "_nvm", "_path", "_storage", "_volatile")

    def __init__(self, path: Path, factory: Mapping[str, Json], storage: Callable[[str], Storage]) -> None:
        self._path = path
        self._factory = factory
        self._storage = storage
        self._nvm: dict[str, Json] = _read(path)
        self._volatile: dict[str, Json] = {}

    def get(self, name: str) -> Json:
        """The value in force; None for a name without value."""
        for layer in (self._volatile, self._nvm, self._factory):
            if name in layer:
                return layer[name]
        return None

    def number(self, name: str, default: int = 0) -> int:
        """The value in force as an integer."""
        value = self.get(name)
        return value if isinstance(value, int) else default

    def factory_number(self, name: str, default: int = 0) -> int:
        """The factory value as an integer."""
        value = self._factory.get(name)
        return value if isinstance(value, int) else default

    def text(self, name: str, default: str = "") -> str:
        """The value in force as text."""
        value = self.get(name)
        return value if isinstance(value, str) else default

    def numbers(self, name: str) -> tuple[int, ...]:
        """The value in force as a list of integers."""
        value = self.get(name)
        if isinstance(value, (list, tuple)):
            return tuple(one for one in value if isinstance(one, int))
        return (value,) if isinstance(value, int) else ()

    def items(self, name: str) -> list[Json]:
        """The value in force as a list."""
        value = self.get(name)
        return list(value) if isinstance(value, (list, tuple)) else []

    def mapping(self, name: str) -> dict[str, Json]:
        """The value in force as a mapping (a copy)."""
        value = self.get(name)
        return {str(key): one for key, one in value.items()} if isinstance(value, Mapping) else {}

    def put(self, name: str, value: Json) -> None:
        """Set a value where the catalogue says that the command stores it."""
        if self._storage(name) is Storage.NVM:
            self.store(name, value)
        else:
            self._volatile[name] = value

    def put_volatile(self, name: str, value: Json) -> None:
        """Set a value until the next power-off."""
        self._volatile[name] = value

    def store(self, name: str, value: Json) -> None:
        """Set a value in NVM, whatever the command."""
        self._volatile.pop(name, None)
        if self._nvm.get(name) == value and name in self._nvm:
            return
        self._nvm[name] = value
        self._write()

    def forget(self, name: str) -> None:
        """Back to the factory value."""
        self._volatile.pop(name, None)
        if self._nvm.pop(name, None) is not None:
            self._write()

    def save_profile(self, names: Mapping[str, Json]) -> None:
        """What &W keeps: values of profile-stored settings."""
        for name, value in names.items():
            self._nvm[name] = value
        self._write()

    def power_off(self) -> None:
        """Volatile settings are gone."""
        self._volatile.clear()

    def restore_factory(self, keep: Callable[[str], bool] = lambda name: False) -> None:
        """Erase NVM but for the names ``keep`` says yes to."""
        self._nvm = {name: value for name, value in self._nvm.items() if keep(name)}
        self._volatile.clear()
        self._write()

    def _write(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(self._nvm, sort_keys=True), encoding="utf-8")
        os.replace(fresh, self._path)


def _read(path: Path) -> dict[str, Json]:
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return loaded if isinstance(loaded, dict) else {}
