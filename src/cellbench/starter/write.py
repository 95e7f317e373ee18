"""``cellbench new``: a directory with a rig, limits, an example suite and a Makefile.

Rig files and limits are the package's own samples, so that they are the ones that its tests run.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from cellbench import __version__
from cellbench.base.errors import FrameworkError, OperatorError, UsageError

_FILES = "cellbench.starter"
_SAMPLES, _SCHEMAS = "cellbench.rigs", "cellbench.schemas"
_IN_REPOSITORY = {_SAMPLES: "rigs", _SCHEMAS: "reports/schema"}
_WRITTEN = ("README.md", "Makefile", "pytest.ini", "requirements.txt", "guides/product.yaml",
            "suites/test_product.py")
_LIMITS = ("limits/lena-r8.yaml", "limits/lara-r6.yaml")
_FOR_EDITORS = ("rig.schema.json", "limits.schema.json", "firmware.schema.json")
"""Named by the first line of rig files and limits, for completion in editors."""
_BOARDS = ("evk-r8.yaml", "evk-r6.yaml")
_NOT_COUNTED = frozenset({".git", ".venv", "venv"})
"""Names that do not make a directory a used one."""


class FirstRig(enum.Enum):
    """The rig that the new directory's commands use."""

    VIRTUAL = "virtual"
    EVK = "evk"


def write_new(folder: Path, rig: FirstRig, *, force: bool = False) -> tuple[Path, ...]:
    """Write the files of a new project into ``folder`` (made when missing) and return their paths.

    UsageError when the folder is in use and ``force`` was not given: it names what would be overwritten.
    OperatorError when it cannot be written.
    """
    texts = _texts(rig)
    _refuse_used(folder, texts, force=force)
    written = []
    try:
        for name, text in texts.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            written.append(path)
    except OSError as problem:
        raise OperatorError(f"{problem.filename or folder} cannot be written: {problem.strerror}",
                            remedy="choose another directory") from problem
    return tuple(written)


def next_steps(folder: Path, rig: FirstRig) -> str:
    """What to do in the new directory, for the person who has just made it."""
    lines = ["", "Next:", "" if folder.resolve() == Path.cwd() else f"    cd {folder}"]
    if rig is FirstRig.VIRTUAL:
        lines += ["    make own                            # your own suites, on the virtual rack",
                  "    make test                           # those of both application guides as well"]
    else:
        lines += ["    cellbench rig discover -o rigs/line1.yaml   # asks; or edit rigs/evk-r8.yaml",
                  "    export RIG=rigs/line1.yaml          # what make uses",
                  "    make validate                       # every mistake at once, nothing touched",
                  "    make check                          # reaches instruments and ports",
                  "    make own                            # your own suites"]
    return "\n".join(line for number, line in enumerate(lines) if line or number == 0)


def _refuse_used(folder: Path, texts: Mapping[str, str], *, force: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file", remedy="name a directory")
    used = folder.is_dir() and any(one.name not in _NOT_COUNTED for one in folder.iterdir())
    if not used or force:
        return
    lost = [name for name in texts if (folder / name).exists()]
    told = f"would overwrite {', '.join(lost)}" if lost else "would overwrite nothing"
    raise UsageError(f"{folder} is not empty; this {told}", remedy="name an empty directory, or say --force")


def _texts(rig: FirstRig) -> dict[str, str]:
    """Path below the new directory → text."""
    first = "rigs/virtual.yaml" if rig is FirstRig.VIRTUAL else "rigs/evk-r8.yaml"
    extra = "[virtual]" if rig is FirstRig.VIRTUAL else ""
    marks = {"@RIG@": first, "@EXTRA@": extra, "@VERSION@": __version__}
    texts = {name: _filled(_text(_FILES, f"files/{name}"), marks) for name in _WRITTEN}
    texts[".gitignore"] = _text(_FILES, "files/gitignore")
    boards = _BOARDS if rig is FirstRig.EVK else ("virtual.yaml", *_BOARDS)
    texts |= {f"rigs/{name}": _text(_SAMPLES, name) for name in (*boards, *_LIMITS)}
    texts |= {f"reports/schema/{name}": _text(_SCHEMAS, name) for name in _FOR_EDITORS}
    return texts


def _filled(text: str, marks: Mapping[str, str]) -> str:
    for mark, value in marks.items():
        text = text.replace(mark, value)
    return text


def _text(package: str, name: str) -> str:
    try:
        place = resources.files(package)
    except ModuleNotFoundError:  # an editable installation: the samples lie in the repository
        place = Path(__file__).resolve().parents[3] / _IN_REPOSITORY[package]
    try:
        return place.joinpath(name).read_text(encoding="utf-8")
    except OSError as problem:
        raise FrameworkError(f"the sample {name} is missing", remedy="install cellbench anew") from problem
