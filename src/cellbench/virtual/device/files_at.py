"""File commands (LENA-R8 guide 9.3.1.2, LARA-R6 guide 10.2, facts sheet 12)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cellbench.catalogue.model import Form
from cellbench.virtual.device.filestore import FOAT, USER, FileRefusal, FileStore, FileTrouble
from cellbench.virtual.device.restore import files_dir
from cellbench.virtual.front.context import CommandContext, Handlers, Refusal

if TYPE_CHECKING:
    from cellbench.virtual.device.module import Module


def file_store(module: Module) -> FileStore:
    """The files of a module."""
    facts = module.config.behaviour
    return FileStore(Path(files_dir(module)), capacity=facts.fs_bytes, most=facts.fs_files,
                     longest_name=facts.fs_name_length)


@contextmanager
def refusals() -> Iterator[None]:
    """A refusal of the file system is a +CME ERROR with its number."""
    try:
        yield
    except FileRefusal as refusal:
        raise Refusal.cme(refusal.trouble.value) from None


async def _write(ctx: CommandContext) -> None:
    """+UDWNFILE: adds to a file that is there; what does not come whole is not kept."""
    store, facts = file_store(ctx.module), ctx.module.config.behaviour
    name, size, tag = ctx.text(0), ctx.integer(1), _tag(ctx, 2)
    if tag == FOAT and ctx.module.updater.downloading:
        raise Refusal.cme(3)  # one way of download at a time (SARA-R5 firmware update note)
    with refusals():
        store.check_room(name, size, tag, append=True)
    data = await ctx.payload(">", size, timeout_s=facts.fs_input_timeout_s)
    if data is None:
        raise Refusal.cme(facts.fs_timeout_error)
    with refusals():
        store.write(name, data, tag, append=True)


async def _read(ctx: CommandContext) -> None:
    """+URDFILE: the whole file."""
    name, tag = ctx.text(0), _readable(ctx, 1)
    with refusals():
        data = file_store(ctx.module).read(name, tag)
    shown = f'"{name}"' if ctx.module.config.behaviour.urdfile_name_quoted else name
    ctx.info(f'+URDFILE: {shown},{len(data)},"{data.decode("latin-1")}"')


async def _read_block(ctx: CommandContext) -> None:
    """+URDBLOCK: a part, shorter at the end of the file."""
    name, offset, size = ctx.text(0), ctx.integer(1), ctx.integer(2)
    with refusals():
        data = file_store(ctx.module).read(name)
        if offset > len(data):
            raise FileRefusal(FileTrouble.NOT_ALLOWED)
    part = data[offset : offset + size]
    ctx.info(f'+URDBLOCK: "{name}",{len(part)},"{part.decode("latin-1")}"')


async def _list(ctx: CommandContext) -> None:
    """+ULSTFILE: 0 names, 1 free bytes, 2 size of a file."""
    store, what = file_store(ctx.module), ctx.integer(0, 0)
    if what == 0:
        names = ",".join(f'"{name}"' for name in store.names(_tag(ctx, 1)))
        ctx.info(f"+ULSTFILE: {names or chr(34) * 2}")
    elif what == 1:
        ctx.info(f"+ULSTFILE: {store.free()}")
    else:
        with refusals():
            ctx.info(f"+ULSTFILE: {store.size(ctx.text(1), _tag(ctx, 2))}")


async def _delete(ctx: CommandContext) -> None:
    """+UDELFILE."""
    with refusals():
        file_store(ctx.module).delete(ctx.text(0), _tag(ctx, 1))


def _tag(ctx: CommandContext, index: int) -> str:
    """The tag given, USER without one; +CME ERROR for one that the module does not have."""
    tag = ctx.text(index, USER).upper() or USER
    if tag not in (USER, FOAT):
        raise Refusal.cme(ctx.module.config.behaviour.error_parameter)
    return tag


def _readable(ctx: CommandContext, index: int) -> str:
    tag = _tag(ctx, index)
    if tag == FOAT:
        # a firmware package can be written, listed and deleted, never read (facts sheet 10)
        raise Refusal.cme(FileTrouble.NOT_ALLOWED.value)
    return tag


HANDLERS: Handlers = {
    ("+UDWNFILE", Form.SET): _write,
    ("+URDFILE", Form.SET): _read,
    ("+URDBLOCK", Form.SET): _read_block,
    ("+ULSTFILE", Form.SET): _list,
    ("+ULSTFILE", Form.EXECUTE): _list,
    ("+UDELFILE", Form.SET): _delete,
}
