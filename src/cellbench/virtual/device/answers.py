"""Handlers that many commands share: a setting that is stored and read back as it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cellbench.catalogue.commands import ALL
from cellbench.catalogue.model import Form
from cellbench.virtual.front.context import CommandContext, Handler, Handlers

Hook = Callable[[CommandContext], None]


def joined(values: Sequence[object]) -> str:
    """Values as an answer prints them: strings quoted, nothing for a value that is not there."""
    return ",".join("" if value is None else f'"{value}"' if isinstance(value, str) else str(value)
                    for value in values)


def current(ctx: CommandContext, name: str) -> list[object]:
    """The stored values of a command, one or many."""
    value = ctx.module.settings.get(name)
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def keep(ctx: CommandContext, name: str) -> None:
    """Store the arguments of a set command; what is left out stays as it was (27.007, 27.005)."""
    stored = current(ctx, name)
    values = list(ctx.call.args)
    for place, value in enumerate(values):
        if value is None and place < len(stored):
            values[place] = stored[place]  # type: ignore[call-overload]
    values.extend(stored[len(values):])  # type: ignore[arg-type]
    ctx.module.settings.put(name, values[0] if len(values) == 1 else values)


def setting(name: str, *, after: Hook | None = None, shown: int | None = None) -> Handlers:
    """Handlers of a stored setting; ``after`` runs when it has changed, ``shown`` limits what is read."""

    async def set_it(ctx: CommandContext) -> None:
        keep(ctx, name)
        if after is not None:
            after(ctx)

    async def read_it(ctx: CommandContext) -> None:
        ctx.info(f"{name}: {joined(current(ctx, name)[:shown])}")

    forms = ALL[name].forms
    made: dict[tuple[str, Form], Handler] = {}
    if Form.SET in forms:
        made[name, Form.SET] = set_it
    if Form.READ in forms:
        made[name, Form.READ] = read_it
    return made


def fixed(name: str, form: Form, text: Callable[[CommandContext], str | None]) -> Handlers:
    """A handler that prints one line, or none."""

    async def answer(ctx: CommandContext) -> None:
        line = text(ctx)
        if line is not None:
            ctx.info(line)

    return {(name, form): answer}


async def nothing(ctx: CommandContext) -> None:
    """OK, and nothing else."""
    del ctx
