"""The command ``cellbench``: one sub-command a line; everything heavy is imported inside.

Exit codes: 0 done, 1 a FAIL of the unit or a refusal, 2 a mistake in the command line or in a file, or
interrupted, 10 rig, 11 network or service, 12 framework or operator.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from cellbench import __version__

Action = Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one sub-command; a person's mistake is a sentence, never a traceback."""
    from cellbench.base.errors import CellbenchError, FileErrors

    arguments = _arguments(argv)
    try:
        return int(arguments.action(arguments))
    except FileErrors as error:
        print(error, file=sys.stderr)
        return 2
    except CellbenchError as error:
        print(f"cellbench: {error}", file=sys.stderr)
        return _status(error)
    except KeyboardInterrupt:
        print("cellbench: interrupted", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # the reader of our output has gone; pointing stdout elsewhere keeps the interpreter's exit quiet
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parsed; words that stand behind an option of ``at`` are commands still, which argparse cannot tell."""
    arguments, more = _parser().parse_known_args(argv)
    takes_more = hasattr(arguments, "command") and not any(word.startswith("-") for word in more)
    if more and not takes_more:
        arguments.parser.error(f"unrecognized arguments: {' '.join(more)}")
    if more:
        arguments.command += more
    return arguments


def _status(error: Exception) -> int:
    from cellbench.base.errors import CellbenchError, Owner, UsageError

    if isinstance(error, UsageError):
        return 2
    owner = error.owner if isinstance(error, CellbenchError) else Owner.FRAMEWORK
    return {Owner.UNIT: 1, Owner.RIG: 10, Owner.NETWORK: 11, Owner.SERVICE: 11}.get(owner, 12)


def _parser() -> argparse.ArgumentParser:
    from cellbench.session.bridge_words import add_bridge
    from cellbench.session.firmware_words import add_firmware
    from cellbench.session.migration_words import add_migration

    parser = argparse.ArgumentParser(
        prog="cellbench", description=("Hardware-in-the-loop tests of u-blox LENA-R8 and LARA-R6 modules.")
    )
    parser.add_argument("--version", action="version", version=f"cellbench {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_new(commands)
    _add_runs(commands)
    _add_rig(commands)
    add_firmware(commands)
    add_migration(commands)
    add_bridge(commands)
    _add_virtual(commands)
    _add_services(commands)
    _add_records(commands)
    return parser


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str, action: Action
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(action=action, parser=parser)
    return parser


# -- a project of one's own ------------------------------------------------------------------------


def _add_new(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    new = _command(commands, "new", "a directory with a rig, limits, an example suite and a Makefile", _new)
    new.add_argument("directory", type=Path)
    new.add_argument("--rig", choices=("virtual", "evk"), default="virtual",
                     help="the bench that its commands use (default: virtual)")
    new.add_argument("--force", action="store_true", help="write into a directory that is not empty")


def _new(arguments: argparse.Namespace) -> int:
    from cellbench.starter.write import FirstRig, next_steps, write_new

    rig = FirstRig(arguments.rig)
    for path in write_new(arguments.directory, rig, force=arguments.force):
        print(path)
    print(next_steps(arguments.directory, rig))
    return 0


# -- runs ------------------------------------------------------------------------------------------


def _add_runs(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    demo = _command(commands, "demo", "a tour of procedures and a production run on the virtual rack", _demo)
    demo.add_argument("--results", type=Path, default=None)
    production = _command(commands, "production", "one unit through the production sequence", _production)
    production.add_argument("rig", type=Path)
    production.add_argument(
        "--slot", action="append", default=[], help="default: the rig's only slot; may be repeated"
    )
    production.add_argument(
        "--serial", action="append", default=[], metavar="NUMBER",
        help="serial number, SLOT=NUMBER where there are several; else scanned, typed or piped"
    )
    production.add_argument("--results", type=Path, default=None)
    production.add_argument("--timing", choices=("fast", "real"), default=None)
    validation = _command(
        commands, "validation", "all procedures on every slot, with the validation report", _validation
    )
    validation.add_argument("rig", type=Path)
    validation.add_argument("--slot", action="append", default=[])
    validation.add_argument("--results", type=Path, default=None)
    validation.add_argument("--timing", choices=("fast", "real"), default=None)
    at = _command(commands, "at", "send AT commands to a slot, or talk to it", _at)
    at.add_argument("rig", type=Path)
    at.add_argument("slot")
    at.add_argument("command", nargs="*", help="none: an interactive console")
    at.add_argument(
        "--port", default=None, help="role of the port: uart, at0, at1 ... (default: the main one)"
    )
    at.add_argument("--power-on", action="store_true", help="switch the module on first, and off afterwards")


    interrupt = _command(
        commands, "interrupt", "interrupt firmware updates of expendable units at every stage", _interrupt
    )
    interrupt.add_argument("rig", type=Path)
    interrupt.add_argument(
        "update", nargs="*", help="a firmware catalogue, or packages of the rig's by file name (default: all)"
    )
    interrupt.add_argument("--slot", action="append", default=[], help="default: all with expendable units")
    interrupt.add_argument("--cells", action="append", default=[], metavar="PATTERN",
                           help="only cells whose name fits, as LENA-R8/foat/*/supply-cut; may be repeated")
    interrupt.add_argument("--list", action="store_true", help="print the cells, interrupt nothing")
    interrupt.add_argument("--anew", action="store_true", help="begin a new matrix in place of going on")
    interrupt.add_argument("--results", type=Path, default=None)
    interrupt.add_argument("--timing", choices=("fast", "real"), default=None)
    answer = _command(commands, "answer", "list and answer what runs ask the person", _answer)
    answer.add_argument("number", nargs="?", type=int, default=None, help="default: list all questions")
    answer.add_argument("text", nargs="?", default=None, help="the answer")
    answer.add_argument("--follow", action="store_true", help="wait for further questions until Ctrl-C")
    answer.add_argument(
        "--runtime-dir", type=Path, default=None, help="of the guardian (default: $CELLBENCH_RUNTIME_DIR)"
    )


def _answer(arguments: argparse.Namespace) -> int:
    from cellbench.session.answer import answer

    return answer(arguments.number, arguments.text, arguments.runtime_dir, follow=arguments.follow)


def _demo(arguments: argparse.Namespace) -> int:
    from cellbench.session.programs import demo

    return demo(arguments.results)


def _production(arguments: argparse.Namespace) -> int:
    from cellbench.session.programs import production

    return production(arguments.rig, arguments.slot, arguments.serial, arguments.results, arguments.timing)


def _validation(arguments: argparse.Namespace) -> int:
    from cellbench.session.programs import validation

    return validation(arguments.rig, arguments.slot, arguments.results, arguments.timing)


def _interrupt(arguments: argparse.Namespace) -> int:
    from cellbench.session.interruptions import Wish, interrupt

    return interrupt(arguments.rig, Wish(
        slots=tuple(arguments.slot), updates=tuple(arguments.update), cells=tuple(arguments.cells),
        results=arguments.results, timing=arguments.timing, anew=arguments.anew, list_only=arguments.list))


def _at(arguments: argparse.Namespace) -> int:
    from cellbench.session.at import console

    return console(
        arguments.rig, arguments.slot, arguments.command, arguments.port, power_on=arguments.power_on
    )


# -- rig -------------------------------------------------------------------------------------------


def _add_rig(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    rig = commands.add_parser("rig", help="rig files").add_subparsers(metavar="VERB", required=True)
    validate = _command(rig, "validate", "print every mistake of a rig file; opens nothing", _rig_validate)
    validate.add_argument("file", type=Path, nargs="+")
    find = _command(rig, "discover", "write a first rig file from USB, VISA and your answers", _rig_discover)
    find.add_argument("-o", "--output", type=Path, default=None, metavar="FILE")
    find.add_argument("--host", action="append", default=[], metavar="HOST[:PORT]",
                      help="an instrument on the network; no network is searched by itself")
    find.add_argument("--visa", action="append", default=[], metavar="RESOURCE")
    find.add_argument("--answers", type=Path, default=None, help="YAML file that answers instead of a person")
    find.add_argument("--sysfs", type=Path, default=Path("/sys"))
    find.add_argument("--dev", type=Path, default=Path("/dev"))
    find.add_argument("--force", action="store_true", help="write over a file that exists")
    find.add_argument("--plug", action="store_true", help="write nothing: show where what you plug appears")
    find.add_argument("--seconds", type=float, default=None, help="with --plug: end after so long")
    lock = _command(rig, "interlock", "switch each slot on alone and see that only its own wires tell of it",
                    _rig_interlock)
    lock.add_argument("file", type=Path)
    lock.add_argument("--slot", action="append", default=[], help="only this slot; may be repeated")
    lock.add_argument("--yes", action="store_true", help="the modules may be switched off and on")
    check = _command(commands, "check", "validate a rig file, then reach its instruments and ports", _check)
    check.add_argument("rig", type=Path)
    check.add_argument("--leave-modules", action="store_true",
                       help="send nothing to modules that are on already (else AT, ATI, +CGSN, +CPIN?)")
    _command(commands, "docs", "write the generated pages of docs/", _docs)


def _rig_validate(arguments: argparse.Namespace) -> int:
    from cellbench.rig.load import validate_file

    findings = [finding for file in arguments.file for finding in validate_file(file)]
    for finding in findings:
        print(finding)
    if not findings:
        for file in arguments.file:
            print(f"{file}: no mistakes")
    return 2 if findings else 0


def _rig_discover(arguments: argparse.Namespace) -> int:
    from cellbench.session.discover import discover, watch_plugs

    if arguments.plug:
        return watch_plugs(arguments.seconds, arguments.sysfs, arguments.dev)
    return discover(
        arguments.output, hosts=arguments.host, resources=arguments.visa, answers=arguments.answers,
        sysfs=arguments.sysfs, dev=arguments.dev, force=arguments.force
    )


def _rig_interlock(arguments: argparse.Namespace) -> int:
    from cellbench.session.interlock import interlock

    return interlock(arguments.file, arguments.slot, yes=arguments.yes)


def _check(arguments: argparse.Namespace) -> int:
    from cellbench.session.check import check

    return check(arguments.rig, ask_modules=not arguments.leave_modules)


def _docs(arguments: argparse.Namespace) -> int:
    from cellbench.session.pages import write_pages

    for path in write_pages(Path.cwd()):
        print(path)
    return 0


# -- virtual rack ----------------------------------------------------------------------------------


def _add_virtual(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    virtual = commands.add_parser("virtual", help="the virtual rack").add_subparsers(
        metavar="VERB", required=True
    )
    up = _command(virtual, "up", "a rack in the foreground until SIGINT or SIGTERM", _virtual_up)
    up.add_argument("--slot", action="append", required=True, metavar="[NAME=]SERIES[:VARIANT]")
    up.add_argument("--dir", type=Path, default=None, help="its directory (default: a new temporary one)")
    up.add_argument("--timing", choices=("fast", "real"), default="fast")
    up.add_argument(
        "--powered", action="store_true", help="switch all slots on and wait until they are ready"
    )
    up.add_argument("--seed", type=int, default=0, help="of everything random")
    up.add_argument("--set", action="append", default=[], metavar="[SLOT:]NAME=VALUE",
                    help="a setting of the virtual module (docs/virtual-module.md)")
    up.add_argument("--supply-dialect", default="scpi-generic", metavar="NAME",
                    help="what its supplies speak, by the name of their kind (keysight-e36300)")
    up.add_argument("--with", action="append", default=[], dest="extras", metavar="INSTRUMENT",
                    help="analyser, attenuator: instruments beyond supplies and lines")
    up.add_argument("--uart", default="rfc2217", metavar="KIND",
                    help="rfc2217 (default), or pty: a device node DIR/SLOT/uart without control lines")
    up.add_argument("--usb-net", default="shown", metavar="KIND",
                    help="shown (default): network functions in the USB tree; tap: interfaces of the kernel")
    up.add_argument("--firmware", action="append", default=[], metavar="[SLOT:]VERSION",
                    help="firmware at delivery, as ATI9 tells it")
    up.add_argument("--overlay", type=Path, action="append", default=[], metavar="FILE",
                    help="what a firmware does otherwise (docs/capture.md); for the slots of its series")
    up.add_argument("--services", type=Path, default=None, metavar="MAP",
                    help="use the servers of a map (cellbench services up --world --map MAP)")
    up.add_argument("--end-with", type=int, default=None, metavar="PID",
                    help="end some seconds after this process has ended")
    ctl = _command(virtual, "ctl", "make the far side or the board act: VERB key=value ...", _virtual_ctl)
    ctl.add_argument("--dir", type=Path, required=True)
    ctl.add_argument("--slot", default=None)
    ctl.add_argument("verb")
    ctl.add_argument("values", nargs="*", metavar="key=value")
    package = _command(virtual, "package", "make a firmware package for virtual modules", _virtual_package)
    package.add_argument("--series", required=True)
    package.add_argument("--from", default=None, dest="start", metavar="VERSION",
                         help="start release of a delta (default: the firmware of virtual up)")
    package.add_argument("--to", default=None, dest="end", metavar="VERSION",
                         help="default: the newest release that the catalogue knows")
    package.add_argument("--kind", choices=("full", "delta"), default="delta")
    package.add_argument("--size", type=int, default=None, help="bytes in all")
    package.add_argument("--defect", choices=("wrong-start", "corrupt", "too-large", "unsigned"),
                         default=None)
    package.add_argument("out", type=Path)


def _virtual_up(arguments: argparse.Namespace) -> int:
    import tempfile

    from cellbench.base.extras import optional

    with optional("virtual", "the virtual rack"):
        from cellbench.services.park import Park
        from cellbench.virtual.main import up
        from cellbench.virtual.net.mapped import MappedPark

    park = Park if arguments.services is None else partial(MappedPark, arguments.services)
    directory = arguments.dir or Path(tempfile.mkdtemp(prefix="cellbench-rack-"))
    return up(
        arguments.slot,
        directory,
        timing=arguments.timing,
        powered=arguments.powered,
        settings=arguments.set,
        park_factory=park,
        seed=arguments.seed,
        end_with=arguments.end_with,
        supply_dialect=arguments.supply_dialect,
        extras=arguments.extras,
        uart=arguments.uart,
        usb_net=arguments.usb_net,
        firmware=arguments.firmware,
        overlays=arguments.overlay,
    )


def _virtual_ctl(arguments: argparse.Namespace) -> int:
    from cellbench.virtual.control.client import ctl

    return ctl(arguments.dir, arguments.verb, arguments.values, slot=arguments.slot)


def _virtual_package(arguments: argparse.Namespace) -> int:
    from cellbench.base.extras import optional

    with optional("virtual", "firmware packages"):
        from cellbench.virtual.packaging import package

    print(package(arguments.out, series=arguments.series, kind=arguments.kind, start=arguments.start,
                  end=arguments.end, size=arguments.size, defect=arguments.defect))
    return 0


# -- the far side ----------------------------------------------------------------------------------


def _add_services(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    services = commands.add_parser("services", help="the servers that modules talk to").add_subparsers(
        metavar="VERB", required=True
    )
    up = _command(
        services, "up", "servers on a host that modules reach, until SIGINT or SIGTERM", _services_up
    )
    up.add_argument("--bind", default=None, metavar="ADDRESS", help="default: 127.0.0.1; --public: 0.0.0.0")
    up.add_argument("--name", default=None, help="what modules call this host: a name or an address")
    up.add_argument("--public", action="store_true", help="on a public address: tight limits by client")
    up.add_argument("--dir", type=Path, default=Path("cellbench-services"), help="of log and authority")
    up.add_argument("--ports", type=Path, default=None, metavar="FILE", help="YAML: server: port")
    up.add_argument("--ca", type=Path, default=None, help="an authority of your own, PEM (else one is made)")
    up.add_argument("--ca-key", type=Path, default=None, help="its key, PEM")
    up.add_argument(
        "--control", nargs="?", const="127.0.0.1:7100", default=None, metavar="[ADDRESS:]PORT",
        help="let a bench steer the servers (docs/far-side.md); default 127.0.0.1:7100",
    )
    up.add_argument(
        "--token-file", type=Path, default=None, help="of the control port; made when it is not there"
    )
    up.add_argument(
        "--server", action="append", default=[], metavar="NAME", help="only this one; may be repeated"
    )
    up.add_argument(
        "--world", action="store_true", help="the guides' resolvers and hosts too, for a virtual rack"
    )
    up.add_argument("--map", type=Path, default=None, metavar="FILE", help="write the map of servers")
    up.add_argument(
        "--rig-snippet", type=Path, default=None, metavar="FILE", help="write lines for a rig file"
    )


def _services_up(arguments: argparse.Namespace) -> int:
    from cellbench.base.extras import optional

    with optional("virtual", "serving what modules talk to"):
        from cellbench.roots.serve import serve

    return serve(
        bind=arguments.bind,
        name=arguments.name,
        public=arguments.public,
        directory=arguments.dir,
        ports=arguments.ports,
        ca=arguments.ca,
        ca_key=arguments.ca_key,
        control=arguments.control,
        token_file=arguments.token_file,
        servers=tuple(arguments.server),
        world=arguments.world,
        map_file=arguments.map,
        snippet=arguments.rig_snippet,
    )


# -- records ---------------------------------------------------------------------------------------


def _add_records(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    runs = _command(commands, "runs", "list runs, and say which were cut", _runs)
    runs.add_argument("--results", type=Path, default=Path("reports/out"))
    journal = commands.add_parser("journal", help="journals").add_subparsers(metavar="VERB", required=True)
    verify = _command(journal, "verify", "check a journal's chain", _journal_verify)
    verify.add_argument("file", type=Path)
    load = _command(journal, "load", "index journals in the store", _journal_load)
    load.add_argument("file", type=Path, nargs="+")
    load.add_argument("--store", default="sqlite:///reports/out/store.sqlite", help="database URL")
    report = _command(commands, "report", "write the documents of a finished run anew", _report)
    report.add_argument("run", type=Path, help="the run's folder")
    report.add_argument("--formats", default=None, help="comma-separated; default: all")


def _runs(arguments: argparse.Namespace) -> int:
    from cellbench.session.programs import list_runs

    return list_runs(arguments.results)


def _journal_verify(arguments: argparse.Namespace) -> int:
    from cellbench.record.journal import verify

    path = arguments.file / "journal.jsonl" if arguments.file.is_dir() else arguments.file
    found = verify(path)
    for problem in found.problems:
        print(problem)
    if found.problems:
        return 1
    ended = "" if found.ended else ", the run was cut or goes on"
    print(f"{path}: {found.records} records, unbroken{ended}; head {found.head}")
    return 0


def _journal_load(arguments: argparse.Namespace) -> int:
    from cellbench.session.programs import load_journals

    return load_journals(arguments.file, arguments.store)


def _report(arguments: argparse.Namespace) -> int:
    from cellbench.report.write import write_reports

    for path in write_reports(
        arguments.run, tuple(arguments.formats.split(",")) if arguments.formats else None
    ):
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
