"""From a command line to handlers: legality, ranges, errors as the series gives them, test answers.

What a command is (forms, parameters, ranges) comes from the catalogue; what the module does with a
wrong one (which error number) are settings of the virtual module.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from cellbench.catalogue.commands import ALL
from cellbench.catalogue.model import Command, Form, Kind, Param, Series
from cellbench.catalogue.results import CME, CMS, cme_text
from cellbench.virtual.front.context import Arg, Call, CommandContext, Refusal, RefusalKind
from cellbench.virtual.front.faults import report_bug
from cellbench.virtual.front.firmware_edits import added_urcs, print_held
from cellbench.virtual.front.message_errors import COMMANDS, as_message_error
from cellbench.virtual.front.parser import LineError, RawCommand, Value, split_line, split_values
from cellbench.virtual.front.table import handler_for, has_command

if TYPE_CHECKING:
    from cellbench.virtual.device.module import Module
    from cellbench.virtual.front.port import AtPort


async def run_line(port: AtPort, body: str | None) -> None:
    """Execute a command line and print its final result code; ``body`` None: the line was too long."""
    module = port.module
    port.start_command()
    port.editing.begin(f"AT{body or ''}", module.pace.now())
    refusal: Refusal | None = None
    try:
        async with module.turn.of(port):
            if body is None:
                raise Refusal.cme(module.config.behaviour.error_too_long)
            for raw in split_line(body, takes_rest):
                port.start_command()
                await _run(port, raw)
    except Refusal as error:
        refusal = error
    except LineError:
        refusal = Refusal.cme(module.config.behaviour.error_unknown)
    except asyncio.CancelledError:
        raise
    except Exception as error:  # a bug here must not hang the port: it is reported and answered
        report_bug(module, f"AT{body}", error)
        refusal = Refusal.cme(100)
    if port.editing.held is not None:
        refusal = await _edited(port, refusal)
    if refusal is None:
        port.write_result("OK")
    else:
        print_refusal(port, refusal)
    for text in added_urcs(port.editing.active):
        port.afterwards(partial(port.urc, text))


async def _edited(port: AtPort, refusal: Refusal | None) -> Refusal | None:
    """Print the lines that were held back as an overlay edits them; what the command then ends with."""
    held = port.editing.held
    assert held is not None
    series, cmee = port.module.profile.series, port.settings.cmee
    texts = ("OK", "OK") if refusal is None else (refusal_text(refusal, 2, series),
                                                  refusal_text(refusal, cmee, series))
    port.start_command()
    final = await print_held(port, held, texts)
    if final == texts[1]:
        return refusal
    return None if final == "OK" else _refusal_of(final, series)


def _refusal_of(final: str, series: Series) -> Refusal:
    """A final result code of an overlay, as it stands with +CMEE=2 or by its number."""
    head, _, detail = final.partition(": ")
    known = {"+CME ERROR": CME, "+CMS ERROR": CMS}.get(head)
    if known is None:
        return Refusal.plain() if final == "ERROR" else Refusal.final(final)
    number = next((code.number for code in known if code.text == detail and series in code.series), None)
    if number is None and detail.isdigit():
        number = int(detail)
    if number is None:
        return Refusal.final(final)  # a text of this firmware's own
    return Refusal.cme(number) if head == "+CME ERROR" else Refusal.cms(number)


def takes_rest(name: str) -> bool:
    """True for a command whose last parameter is data, which may hold anything."""
    command = ALL.get(name)
    return command is not None and command.alone_on_line and data_index(command) is not None


def data_index(command: Command) -> int | None:
    """The place of the data parameter, None without one."""
    if command.params and command.params[-1].kind is Kind.DATA:
        return len(command.params) - 1
    return None


def cms_text(number: int, series: Series) -> str:
    """The text of a +CMS ERROR number; one without a text is shown as it is."""
    for code in CMS:
        if code.number == number and series in code.series:
            return code.text
    return str(number)


async def _run(port: AtPort, raw: RawCommand) -> None:
    behaviour = port.module.config.behaviour
    command = known(port.module, raw.name)
    try:
        await _run_known(port, raw, command)
    except Refusal as refusal:
        if command.name in COMMANDS and behaviour.sms_errors_cms:
            raise as_message_error(refusal, behaviour.error_parameter) from None
        raise


async def _run_known(port: AtPort, raw: RawCommand, command: Command) -> None:
    module = port.module
    form = _legal_form(module, command, raw)
    if command.alone_on_line and form is Form.SET and not raw.alone:
        raise Refusal.cme(module.config.behaviour.error_form)
    handler = handler_for(command.name, form)
    if form is Form.TEST:
        if handler is None:
            if not has_command(command.name):
                raise Refusal.cme(module.config.behaviour.error_unknown)
            answer_test(port, command, module.profile.series)
            return
        call = Call(command.name, form)
    else:
        if command.needs_pin:
            module.sim.require_ready()
        call = Call(command.name, form, _arguments(module, command, form, raw), raw.text)
    if handler is None:
        raise Refusal.cme(module.config.behaviour.error_unknown)
    port.set_abortable(command.abortable)
    try:
        if module.slow_answers:
            await module.pace.wait(command.response_time_s(form) if module.slow_s is None else module.slow_s)
        await handler(CommandContext(module, port, call))
    finally:
        port.set_abortable(False)


def known(module: Module, name: str) -> Command:
    """The catalogue's entry when this module has the command; refused as unknown otherwise."""
    command = ALL.get(name)
    profile = module.profile
    if command is None or profile.series not in command.series or name in profile.unsupported:
        raise Refusal.cme(module.config.behaviour.error_unknown)
    return command


def is_basic(name: str) -> bool:
    """True for a command of V.250's basic syntax."""
    return name[0].isalpha() or name[0] == "&"


def _legal_form(module: Module, command: Command, raw: RawCommand) -> Form:
    if raw.form in command.forms or is_basic(raw.name):
        return raw.form
    raise Refusal.cme(module.config.behaviour.error_form)


def _arguments(module: Module, command: Command, form: Form, raw: RawCommand) -> tuple[Arg, ...]:
    wrong = Refusal.cme(module.config.behaviour.error_parameter)
    series = module.profile.series
    if is_basic(raw.name):
        return _basic_arguments(command, raw, series)
    if form is not Form.SET:
        return ()
    try:
        values = split_values(raw.text, data_index(command))
    except LineError:
        raise wrong from None
    params = command.params_for(series)
    if len(values) > len(params):
        raise wrong
    args = tuple(_argument(param, value, series, wrong) for param, value in zip(params, values, strict=False))
    if any(not param.optional for param in params[len(values):]):
        raise wrong
    return args


def _basic_arguments(command: Command, raw: RawCommand, series: Series) -> tuple[Arg, ...]:
    if raw.name in ("D", "S") or not raw.text:
        return ()
    number = int(raw.text[:9])
    ranges = command.params[0].ranges_for(series) if command.params else ()
    if ranges and not _inside(number, ranges):
        raise Refusal.plain()
    return (number,)


def _inside(number: int, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(low <= number <= high for low, high in ranges)


def _argument(param: Param, value: Value | None, series: Series, wrong: Refusal) -> Arg:
    if value is None:
        if not param.optional:
            raise wrong
        return None
    if param.kind is Kind.INTEGER:
        return _integer(param, value, series, wrong)
    if param.kind is Kind.STRING and not value.quoted:
        raise wrong
    if param.max_length is not None and len(value.text) > param.max_length:
        raise wrong
    if param.choices:
        folded = value.text.casefold()
        for choice in param.choices:
            if choice.casefold() == folded:
                return choice
        raise wrong
    return value.text


def _integer(param: Param, value: Value, series: Series, wrong: Refusal) -> int:
    text = value.text
    digits = text[1:] if text[:1] in ("-", "+") else text
    if value.quoted or not digits.isascii() or not digits.isdigit() or len(digits) > 20:
        raise wrong
    number = int(text)
    ranges = param.ranges_for(series)
    if ranges and not _inside(number, ranges):
        raise wrong
    return number


def range_text(ranges: tuple[tuple[int, int], ...]) -> str:
    """Ranges as a test form prints them: ``(0-2)``, ``(0,1,4)``, ``(0-2,5)``."""
    return "(" + ",".join(str(low) if low == high else f"{low}-{high}" for low, high in ranges) + ")"


def test_text(command: Command, series: Series) -> str:
    """The answer of the test form as the catalogue's parameters give it (V.250 5.4.4.4)."""
    parts: list[str] = []
    repeated = False
    for param in command.params_for(series):
        if param.repeated and repeated:
            continue
        repeated = param.repeated
        ranges = param.ranges_for(series)
        if ranges:
            parts.append(range_text(ranges))
        elif param.choices:
            quote = '"' if param.kind is not Kind.INTEGER else ""
            parts.append("(" + ",".join(f"{quote}{choice}{quote}" for choice in param.choices) + ")")
        elif param.max_length is not None:
            parts.append(str(param.max_length))
        else:
            parts.append("")
    while parts and not parts[-1]:
        parts.pop()
    return ",".join(parts)


def answer_test(port: AtPort, command: Command, series: Series) -> None:
    """Answer a test form from the catalogue; OK alone when there is nothing to list."""
    text = test_text(command, series)
    if text:
        port.write_info(f"{command.name}: {text}")


def print_refusal(port: AtPort, refusal: Refusal) -> None:
    """The final result code of a refusal, as +CMEE of the port says (27.007 9.1)."""
    text = refusal_text(refusal, port.settings.cmee, port.module.profile.series)
    if text.startswith(("+CME ERROR", "+CMS ERROR")):
        port.write_error(text)
    else:
        port.write_result(text)


def refusal_text(refusal: Refusal, cmee: int, series: Series) -> str:
    """The final result code of a refusal with a value of +CMEE (27.007 9.1)."""
    if refusal.kind is RefusalKind.FINAL:
        return refusal.text
    if refusal.kind is RefusalKind.CMS:
        return f"+CMS ERROR: {cms_text(refusal.number, series) if cmee == 2 else refusal.number}"
    if refusal.kind is RefusalKind.PLAIN or cmee == 0:
        return "ERROR"
    return f"+CME ERROR: {cme_text(refusal.number, series) if cmee == 2 else refusal.number}"
