"""+USECMNG (LENA-R8 guide 9.1.1, Tables 22 and 24; LARA-R6 guide 3.1, 3.3)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cellbench.catalogue.model import Form
from cellbench.virtual.device.certificates import (
    LABELS,
    LARGEST,
    CertificateRefusal,
    CertificateStore,
    CertificateTrouble,
    Entry,
    Item,
    Rules,
)
from cellbench.virtual.device.files_at import file_store
from cellbench.virtual.device.files_at import refusals as file_refusals
from cellbench.virtual.front.context import CommandContext, Handlers, Refusal

if TYPE_CHECKING:
    from cellbench.virtual.device.module import Module


def certificate_store(module: Module) -> CertificateStore:
    """The certificates and keys of a module."""
    facts = module.config.behaviour
    rules = Rules(loose_pem=facts.pem_loose, encrypted_keys=facts.key_password, most=facts.certificates)
    return CertificateStore(module.home / "certificates.json", rules)


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except CertificateRefusal as refusal:
        raise Refusal.cme(refusal.trouble.value) from None


def _item(ctx: CommandContext) -> tuple[Item, str]:
    name = ctx.text(2)
    with _refusals():
        CertificateStore.check_name(name)
    return Item(ctx.integer(1)), name


def _password(ctx: CommandContext) -> str | None:
    return ctx.text(4) if ctx.given(4) else None


async def _from_line(ctx: CommandContext) -> None:
    (item, name), size = _item(ctx), ctx.text(3)
    if not (size.isascii() and size.isdigit()) or len(size) > 5 or not 1 <= int(size) <= LARGEST:
        raise Refusal.cme(CertificateTrouble.SIZE.value)
    facts = ctx.module.config.behaviour
    data = await ctx.payload(">", int(size), timeout_s=facts.usecmng_input_timeout_s)
    if data is None:
        raise Refusal.cme(CertificateTrouble.TIMEOUT.value)
    with _refusals():
        entry = certificate_store(ctx.module).put(item, name, data, _password(ctx))
    _tell(ctx, facts.usecmng_import_number, entry)


async def _from_file(ctx: CommandContext) -> None:
    item, name = _item(ctx)
    with file_refusals():
        data = file_store(ctx.module).read(ctx.text(3))
    with _refusals():
        _tell(ctx, 1, certificate_store(ctx.module).put(item, name, data, _password(ctx)))


async def _remove(ctx: CommandContext) -> None:
    item, name = _item(ctx)
    with _refusals():
        certificate_store(ctx.module).remove(item, name)


async def _list(ctx: CommandContext) -> None:
    facts = ctx.module.config.behaviour
    for entry in certificate_store(ctx.module).entries():
        label = LABELS[entry.item]
        parts = [f'"{label}"' if facts.usecmng_label_quoted else label, f'"{entry.name}"']
        if entry.item in (Item.CA, Item.CLIENT_CERTIFICATE) and entry.end_date is not None:
            form = "%Y/%m/%d %H:%M:%S" if facts.usecmng_date_with_time else "%Y/%m/%d"
            parts += [f'"{entry.common_name}"', f'"{entry.end_date.strftime(form)}"']
        ctx.info(",".join(parts))


async def _md5(ctx: CommandContext) -> None:
    item, name = _item(ctx)
    with _refusals():
        _tell(ctx, 4, certificate_store(ctx.module).get(item, name))


def _tell(ctx: CommandContext, number: int, entry: Entry) -> None:
    ctx.info(f'+USECMNG: {number},{int(entry.item)},"{entry.name}","{entry.md5}"')


_OPERATIONS: tuple[Callable[[CommandContext], Awaitable[None]], ...] = (
    _from_line, _from_file, _remove, _list, _md5,
)


async def _manage(ctx: CommandContext) -> None:
    await _OPERATIONS[ctx.integer(0)](ctx)


HANDLERS: Handlers = {("+USECMNG", Form.SET): _manage}
