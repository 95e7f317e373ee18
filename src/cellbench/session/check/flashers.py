"""The flashing tools: each is looked for where it is said to be, its host reached; nothing is flashed."""

from __future__ import annotations

from collections.abc import Iterator

from cellbench.base.errors import CellbenchError
from cellbench.instruments.kinds import InstrumentClass, find_kind
from cellbench.instruments.open import open_flasher
from cellbench.session.check.model import Look, Scene


def look_at_flashers(scene: Scene) -> Iterator[Look]:
    """The program or host of each flashing tool, or why it is not to be had."""
    for name, settings in scene.rig.model.instruments.items():
        if find_kind(settings.kind).serves is not InstrumentClass.FLASHER:
            continue
        plain: dict[str, object] = settings.model_dump(mode="json", exclude={"kind"}, exclude_none=True)
        try:
            tool = open_flasher(settings.kind, plain, name=name)
        except CellbenchError as error:
            yield Look(name, "not reached", (scene.raised(("instruments", name), error),))
            continue
        yield Look(name, tool.identity())
        tool.close()
