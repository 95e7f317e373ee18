"""A slot's flashing tool: named in the rig file, reached when it is used.

The guardian opens no flasher: it would outlive the run that flashes, and a tool must end with that run.
Nothing of it is held open between two flashings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cellbench.base.protocols import AsksPeople, Prompter
from cellbench.instruments.flasher.model import Entry, Flasher
from cellbench.instruments.kinds import find_kind
from cellbench.instruments.open import open_flasher
from cellbench.rig.load import LoadedRig


@dataclass(frozen=True, slots=True)
class FlasherAccess:
    """How a slot's flashing tool is reached."""

    name: str
    kind: str
    settings: Mapping[str, object]
    entry: Entry
    port: str = ""
    rate_bit_s: int | None = None
    prompter: Callable[[], Prompter] | None = None

    @property
    def key(self) -> str:
        """By what one host's runs take turns at the tool."""
        return find_kind(self.kind).equipment(self.settings)

    def open(self) -> Flasher:
        """The tool; RigError when it, or its host, is not there."""
        tool = open_flasher(self.kind, self.settings, name=self.name)
        if isinstance(tool, AsksPeople) and self.prompter is not None:
            tool.meet(self.prompter())
        return tool


def flasher_of(rig: LoadedRig, slot: str,
               prompter: Callable[[], Prompter] | None = None) -> FlasherAccess | None:
    """The flashing tool that a slot names; None when it names none. ``prompter``: the way to a person."""
    use = rig.model.slots[slot].flasher
    if use is None:
        return None
    settings = rig.model.instruments[use.on]
    plain: dict[str, object] = settings.model_dump(mode="json", exclude={"kind"}, exclude_none=True)
    return FlasherAccess(use.on, settings.kind, plain, use.entry or Entry.USB_BOOT, use.port or "",
                         use.rate_bit_s, prompter)
