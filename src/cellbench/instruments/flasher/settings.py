"""What a rig file says of a flashing tool: how it is run, and what its words and exit codes mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import Formatter
from typing import Annotated, Literal

from pydantic import Field, model_validator

from cellbench.instruments.flasher.model import Entry
from cellbench.instruments.settings import Host, InstrumentSettings, Strict, TcpPort, Text

PLACEHOLDERS: Mapping[str, str] = {
    "image": "the image's file",
    "port": "the serial port of the module in boot mode",
    "location": "the module's USB location",
    "rate": "the slot's rate_bit_s",
}
"""What a command line may be told, in braces."""

Argument = Annotated[str, Field(min_length=1, max_length=4096)]
Pattern = Annotated[str, Field(min_length=1, max_length=1000)]
Code = Annotated[int, Field(ge=0, le=255)]
Blame = Literal["unit", "rig", "operator"]


class FailedWords(Strict):
    """A line by which the tool says that it failed."""

    says: Pattern
    """Regular expression, searched for in each line."""
    owner: Blame = "unit"
    """Who has to act: `unit` (the module), `rig` (cable, port, tool), `operator` (image, settings)."""
    remedy: Text | None = None
    """What to do next, for the report."""


class ExitCodes(Strict):
    """Exit codes that say who has to act; every other one but those of `passed_codes` is the rig's."""

    unit: tuple[Code, ...] = ()
    """The module refuses the image or does not answer."""
    rig: tuple[Code, ...] = ()
    """Cable, port or tool."""
    operator: tuple[Code, ...] = ()
    """Image, settings, command line."""

    def owners(self) -> Mapping[int, Blame]:
        """Who has to act, by exit code."""
        blames: tuple[Blame, ...] = ("unit", "rig", "operator")
        return {code: blame for blame in blames for code in getattr(self, blame)}


class ToolSettings(InstrumentSettings):
    """A flashing tool that is a program."""

    command: Annotated[tuple[Argument, ...], Field(min_length=1, max_length=64)]
    """The program and its arguments, each as it is; no shell reads them on this host. `{image}`, `{port}`,
    `{location}` and `{rate}` are filled in, `{{` and `}}` are braces; nothing secret belongs here."""
    progress: Pattern | None = None
    """Regular expression of a line that tells progress; its first group is the percentage."""
    passed: Pattern | None = None
    """Regular expression of the line without which it has not passed; unset: the exit code decides."""
    failed: tuple[FailedWords, ...] = ()
    """Lines by which it says that it failed; the first that comes decides."""
    passed_codes: Annotated[tuple[Code, ...], Field(min_length=1)] = (0,)
    """Exit codes of success."""
    exit_codes: ExitCodes = ExitCodes()
    """What other exit codes mean."""
    timeout_s: Annotated[float, Field(gt=0, le=7200)] = 900.0
    """Longest run of the tool, in seconds; then it is ended with all that it started."""

    @model_validator(mode="after")
    def _command_can_be_filled(self) -> ToolSettings:
        used = {name for argument in self.command for name in placeholders(argument)}
        unknown = sorted(used - set(PLACEHOLDERS))
        if unknown:
            known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
            raise ValueError(f"there is no placeholder {{{unknown[0]}}} in a command: it takes {known}")
        if placeholders(self.command[0]):
            raise ValueError("the program itself takes no placeholder")
        if "image" not in used:
            raise ValueError("the command is not told the image: it takes {image}")
        return self

    @model_validator(mode="after")
    def _patterns_can_be_read(self) -> ToolSettings:
        given = {"progress": self.progress, "passed": self.passed,
                 **{f"failed[{number}].says": one.says for number, one in enumerate(self.failed)}}
        for key, pattern in given.items():
            if pattern is None:
                continue
            try:
                groups = re.compile(pattern).groups
            except re.error as error:
                raise ValueError(f"{key} is no regular expression: {error}") from error
            if key == "progress" and not groups:
                raise ValueError("progress has no group: write the percentage as (\\d+)")
        return self

    @model_validator(mode="after")
    def _codes_mean_one_thing(self) -> ToolSettings:
        codes = [*self.passed_codes, *self.exit_codes.unit, *self.exit_codes.rig, *self.exit_codes.operator]
        twice = sorted({code for code in codes if codes.count(code) > 1})
        if twice:
            raise ValueError(f"exit code {twice[0]} is given twice")
        return self

    def used(self) -> frozenset[str]:
        """The placeholders that the command has."""
        return frozenset(name for argument in self.command for name in placeholders(argument))


class CommandFlasherSettings(ToolSettings):
    """A flashing tool that runs on this host."""


class SshFlasherSettings(ToolSettings):
    """A flashing tool that runs on another host, reached by the system's ssh and scp."""

    host: Host
    """Name or address of that host, or an alias of the user's ssh configuration."""
    user: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.\-\\@]{0,63}$")] | None = None
    """User there; unset: as the ssh configuration says."""
    ssh_port: TcpPort | None = None
    """TCP port of its ssh server; unset: as the ssh configuration says, else 22."""
    identity_file: Text | None = None
    """File of the private key, without a passphrase or with an agent; unset: as the ssh configuration
    says."""
    known_hosts: Text | None = None
    """File with that host's key; unset: the user's own. A host whose key is not known is refused."""
    shell: Literal["posix", "cmd", "powershell"] = "posix"
    """What reads command lines there: `cmd` or `powershell` on Windows, whichever its DefaultShell names."""
    directory: Text | None = None
    """Directory there for the images, which must exist; unset: the user's home. Images stay there under a
    name with their sum."""
    terminal: bool = True
    """Run the tool on a terminal there, so that it ends with the connection."""
    connect_s: Annotated[float, Field(ge=1, le=120)] = 15.0
    """Longest wait for a connection, and for a silent host, in seconds."""


class ManualFlasherSettings(InstrumentSettings):
    """A person who works the maker's tool."""

    tool: Text
    """The tool and where it is, in the person's words: `EasyFlash on the laptop beside the bench`."""
    answer_within_s: Annotated[float, Field(ge=1, le=3600)] = 1800.0
    """How long to wait for the person's answer, in seconds."""


class FlasherUse(Strict):
    """The tool that writes full images to the module of a slot."""

    on: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._\-]{0,31}$")]
    """Name of an instrument of a `flasher.` kind."""
    entry: Entry | None = None
    """How the module comes to take an image: `usb-boot` (USB_BOOT high at its start), `running` (the tool
    sends a running module there), `power-on` (the tool waits when the module is switched on). Unset:
    `usb-boot` on series that have USB_BOOT; for the others no public source tells, so it is stated."""
    port: Text | None = None
    """Serial port where the module takes the image, as the tool's host calls it (`COM7`); unset: with
    `usb-boot`, the one that appears at the slot's USB location."""
    rate_bit_s: Annotated[int, Field(ge=300, le=4_000_000)] | None = None
    """What `{rate}` in the tool's command line is, in bit/s."""


def placeholders(argument: str) -> tuple[str, ...]:
    """The names in braces; ValueError for a brace that is none."""
    try:
        parts = list(Formatter().parse(argument))
    except ValueError as error:
        raise ValueError(f"{argument!r}: {error}; a brace is written {{{{ or }}}}") from error
    found = [(name, form, turn) for _, name, form, turn in parts if name is not None]
    for name, form, turn in found:
        if form or turn:
            raise ValueError(f"{argument!r}: a placeholder is a name alone, like {{{name or 'image'}}}")
    return tuple(name for name, _, _ in found)


def filled(argument: str, values: Mapping[str, str]) -> str:
    """An argument with its placeholders filled in."""
    return "".join(text + (values[name] if name is not None else "")
                   for text, name, _, _ in Formatter().parse(argument))
