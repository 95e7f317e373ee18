"""The firmware catalogue: what is refused with file and line, and the way from one release to another."""

from __future__ import annotations

import hashlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellbench.base.errors import FileErrors, OperatorError
from cellbench.catalogue.model import Series
from cellbench.host.firmware.model import Package, PackageKind
from cellbench.rig.firmware import Entry, FirmwareCatalogue, load_firmware
from cellbench.rig.firmware_files import add, look_at_files
from cellbench.rig.firmware_route import Module, NoRoute, bytes_of, pick, route, unreachable
from cellbench.rig.load import load_rig, validate_file
from cellbench.rig.yamlpos import read_text

OLD, NEW, NEWER = "02.00,A01.22", "02.00,A01.40", "02.00,A02.01"
R8, R6 = Series.LENA_R8, Series.LARA_R6


def item(kind="delta", start=OLD, end=NEW, file="a.bin", **changes):
    """An entry as lines; a change to None leaves the key out."""
    fields = {"series": "LENA-R8", "kind": kind, "from": start, "to": end, "file": file,
              "sha256": f'"{hashlib.sha256(file.encode()).hexdigest()}"', "md5": f'"{"0" * 32}"', "size": 3}
    fields |= changes
    lines = [f"{key}: {value}" for key, value in fields.items() if value is not None]
    return "  - " + "\n    ".join(lines) + "\n"


@pytest.fixture
def write(tmp_path):
    def make(*items, name="firmware.yaml"):
        path = tmp_path / name
        path.write_text("packages:\n" + "".join(items))
        return path
    return make


def said(path):
    return [str(finding).removeprefix(f"{path}:") for finding in validate_file(path)]


def test_a_catalogue_is_loaded(write, tmp_path):
    path = write(item(variant="LENA-R8001M10"), item("full", None, NEW, "b.bin"))
    delta, full = load_firmware(path).entries
    assert delta.variant == "LENA-R8001M10"
    assert (delta.package.start, delta.package.end, delta.package.size) == (OLD, NEW, 3)
    assert delta.package.path == tmp_path / "a.bin"
    assert full.package.start is None
    assert full.package.kind is PackageKind.FULL
    assert said(path) == []


@pytest.mark.parametrize(("entry", "finding"), [
    (item(start=None), "2: packages[0]: a delta begins from a release: give from"),
    (item("full"), "2: packages[0]: a full image fits whatever is installed: remove from, or write kind: "
                   "delta"),
    (item(end=OLD), "2: packages[0]: from and to are the same release"),
    (item(end=None, too=NEW), "9: packages[0].too: unknown key; did you mean to?"),
    (item(end=None), "2: packages[0]: the key to is missing; add to: Release that it leads to, as ATI9 tells "
                     "it"),
    (item(end="1.4"), "5: packages[0].to: 1.4: must be a valid string"),
    (item(series="LENA-R9"), "2: packages[0].series: 'LENA-R9' is not one of LENA-R8, LARA-R6; "
                             "did you mean LENA-R8?"),
    (item(kind="diff"), "3: packages[0].kind: 'diff' is not one of full, delta; known are full, delta"),
    (item(md5="12ab"), '8: packages[0].md5: "12ab" does not have the right form; write 32 hexadecimal '
                       "digits, as md5sum prints them"),
    (item(size=0), "9: packages[0].size: 0: must be greater than or equal to 1"),
    (item(variant="LENA-R8001M11"), "10: packages[0].variant: LENA-R8 has no variant LENA-R8001M11; "
                                    "did you mean LENA-R8001M10?"),
])
def test_one_mistake_is_one_finding_with_its_line(write, entry, finding):
    assert said(write(entry)) == [finding]


def test_what_stands_twice_is_refused(write):
    assert said(write(item(), item(file="b.bin"), item(), item("full", None, NEW, "c.bin", sha256=(
        f'"{hashlib.sha256(b"a.bin").hexdigest()}"')))) == [
        "10: packages[1]: packages[0] leads the same way; remove one of the two",
        "22: packages[2].file: a.bin is the file of packages[0] too; remove one of the two",
        "30: packages[3].sha256: c.bin has the bytes of packages[0]; name the right file, or remove one of "
        "the two"]


def test_a_rig_file_names_its_catalogue(rig_file, tmp_path):
    catalogue = tmp_path / "fw" / "house.yaml"
    rig = rig_file(("network:", "firmware: fw/house.yaml\nnetwork:"))
    (finding,) = validate_file(rig)
    assert "firmware: there is no firmware catalogue fw/house.yaml; put it at" in str(finding)
    catalogue.parent.mkdir()
    catalogue.write_text("packages:\n" + item(size=0))
    (finding,) = validate_file(rig)
    assert str(finding).startswith(f"{catalogue}:9: packages[0].size")
    catalogue.write_text("packages:\n" + item())
    loaded = load_rig(rig)
    assert [one.end for one in loaded.firmware.packages(R8)] == [NEW]


# -- files -----------------------------------------------------------------------------------------


def test_files_are_compared_with_what_the_catalogue_says(write, tmp_path):
    path = write(*(item(end=f"{number}", file=f"{number}.bin") for number in range(1)))
    (tmp_path / "one.bin").write_bytes(b"one")
    path.unlink()
    add(path, tmp_path / "one.bin", series=R8, start=OLD, end=NEW)
    catalogue = load_firmware(path)
    assert [finding for _, found in look_at_files(catalogue) for finding in found] == []
    for content, key in ((b"more", "size"), (b"two", "md5")):
        (tmp_path / "one.bin").write_bytes(content)
        ((_, (finding,)),) = look_at_files(catalogue)
        assert finding.path == f"packages[0].{key}"
        assert finding.line == {"size": 10, "md5": 9}[key]
    (tmp_path / "one.bin").unlink()
    ((_, (finding,)),) = look_at_files(catalogue)
    assert "No such file" in finding.message


def test_an_entry_is_added_and_the_rest_stays(tmp_path):
    image, path = tmp_path / "images" / "a b.bin", tmp_path / "fw.yaml"
    image.parent.mkdir()
    image.write_bytes(b"image")
    path.write_text("# ours\npackages: []  # none yet\n")
    add(path, image, series=R6, start=None, end="04.19,A00.01", variant="LARA-R6001D")
    assert path.read_text().startswith("# ours\npackages:  # none yet\n  - series: LARA-R6\n")
    before = path.read_text()
    with pytest.raises(FileErrors, match="is the file of"):
        add(path, image, series=R6, start="02.14,A00.01", end="04.19,A00.01")
    assert path.read_text() == before
    other = tmp_path / "b.bin"
    other.write_bytes(b"other")
    add(path, other, series=R6, start="02.14,A00.01", end="04.19,A00.01")
    assert path.read_text().startswith(before)
    full, delta = load_firmware(path).entries
    assert (full.package.path.name, full.variant) == ("a b.bin", "LARA-R6001D")
    assert delta.package.data() == b"other"
    assert full.package.data() == b"image"
    with pytest.raises(OperatorError, match="No such file"):
        add(path, tmp_path / "none.bin", series=R6, start=None, end="1")
    path.write_text("packages: [{}]\n")
    with pytest.raises(OperatorError, match="not in brackets"):
        add(path, other, series=R6, start=None, end="1")


# -- the way ---------------------------------------------------------------------------------------


def catalogue_of(tmp_path, *rows):
    """Rows of kind, start, end, size and perhaps variant."""
    entries = []
    for number, (kind, start, end, size, *variant) in enumerate(rows):
        package = Package(tmp_path / f"{number}.bin", R8, PackageKind(kind), start, end, size, "", "")
        entries.append(Entry(package, variant[0] if variant else None, ("packages", number)))
    return FirmwareCatalogue(tmp_path / "fw.yaml", tuple(entries), read_text("packages:\n", "fw.yaml"))


def way(catalogue, start, end, variant=None, no_flashing=""):
    return [one.path.stem for one in route(catalogue, Module(R8, variant, start, no_flashing), end)]


def test_the_shortest_chain_of_deltas_then_the_fewest_bytes(tmp_path):
    catalogue = catalogue_of(tmp_path, ("delta", "1", "2", 5), ("delta", "2", "3", 5), ("delta", "3", "4", 5),
                             ("delta", "1", "3", 50), ("delta", "1", "x", 20), ("delta", "x", "4", 20))
    assert way(catalogue, "1", "4") == ["4", "5"]  # two steps of 40 bytes, not two of 55, nor three of 15
    assert way(catalogue, "1", "1") == []
    assert way(catalogue, "3", "4") == ["2"]


def test_an_image_where_it_takes_fewer_bytes_and_flashing_is_possible(tmp_path):
    catalogue = catalogue_of(tmp_path, ("delta", "1", "2", 50), ("delta", "2", "3", 60),
                             ("full", None, "3", 100), ("full", None, "2", 30))
    assert way(catalogue, "1", "3") == ["2"]  # one step of 100, where image and delta take two of 90
    assert way(catalogue, "1", "3", no_flashing="no USB_BOOT") == ["0", "1"]
    assert way(catalogue, None, "3") == ["2"]
    assert way(catalogue, "1", "2") == ["3"]
    equal = catalogue_of(tmp_path, ("full", None, "2", 50), ("delta", "1", "2", 50))
    assert way(equal, "1", "2") == ["1"]


def test_what_does_not_fit_is_refused_with_the_reasons(tmp_path):
    catalogue = catalogue_of(tmp_path, ("delta", "1", "2", 5, "LENA-R8001M10"), ("delta", "0", "2", 5),
                             ("full", None, "2", 9))
    with pytest.raises(NoRoute) as refused:
        way(catalogue, "1", "2", "LENA-R8001", "slot a does not drive USB_BOOT")
    for reason in ("nothing leads LENA-R8001 from 1 to 2", "is for LENA-R8001M10",
                   "begins from 0, and nothing leads there", "would, but slot a does not drive USB_BOOT"):
        assert reason in str(refused.value)
    with pytest.raises(NoRoute, match="nobody knows what is installed"):
        way(catalogue, None, "2", no_flashing="ruled out")
    with pytest.raises(NoRoute, match="nothing in the catalogue leads there"):
        way(catalogue, "1", "7")
    assert way(catalogue, "1", "2", "LENA-R8001M10") == ["0"]


def test_one_package_of_a_kind_that_fits_now(tmp_path):
    catalogue = catalogue_of(tmp_path, ("delta", "1", "2", 5), ("delta", "1", "3", 5), ("full", None, "1", 9))
    module = Module(R8, None, "1")
    assert pick(catalogue, module, PackageKind.DELTA).end == "3"
    assert pick(catalogue, module, PackageKind.DELTA, "2").end == "2"
    assert pick(catalogue, module, PackageKind.FULL, "1").end == "1"  # the same again, when it is asked for
    with pytest.raises(NoRoute, match="leads to what is installed"):
        pick(catalogue, module, PackageKind.FULL)
    with pytest.raises(NoRoute, match="begins from 1, installed is 2"):
        pick(catalogue, Module(R8, None, "2"), PackageKind.DELTA)


def test_a_release_that_nothing_leads_back_to_is_named(tmp_path):
    catalogue = catalogue_of(tmp_path, ("delta", "1", "2", 5), ("delta", "2", "3", 5), ("delta", "3", "2", 5))
    (sentence,) = unreachable(catalogue)
    assert "nothing leads to LENA-R8 1" in sentence


RELEASES = st.sampled_from("abcde")
EDGES = st.lists(st.tuples(RELEASES, RELEASES, st.integers(1, 9)), max_size=9)


@given(edges=EDGES, start=RELEASES, end=RELEASES)
def test_no_chain_is_shorter_or_smaller(tmp_path_factory, edges, start, end):
    place = tmp_path_factory.getbasetemp()
    deltas = [edge for edge in edges if edge[0] != edge[1]]
    catalogue = catalogue_of(place, *(("delta", *edge) for edge in deltas))
    packages = catalogue.packages(R8)
    best = None
    for length in range(4, -1, -1):
        for chain in itertools.permutations(packages, length):
            ends = [start, *(one.end for one in chain)]
            if ends[-1] == end and all(one.start == at for one, at in zip(chain, ends, strict=False)):
                key = (length, bytes_of(chain))
                best = key if best is None else min(best, key)
    try:
        found = route(catalogue, Module(R8, None, start, "ruled out"), end)
    except NoRoute:
        assert best is None
    else:
        assert (len(found), bytes_of(found)) == best
