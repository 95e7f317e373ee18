"""Trees that vanish at once."""

from cellbench.virtual.bench.trash import Trash


def tree(root, files=20):
    for number in range(files):
        folder = root / f"d{number}"
        folder.mkdir(parents=True)
        (folder / "file").write_text("x")
        (folder / "link").symlink_to(root)
    return root


def test_a_thrown_tree_is_gone_at_once_and_deleted_in_the_end(tmp_path):
    trash = Trash(tmp_path / ".trash")
    trash.throw(tree(tmp_path / "a"))
    assert not (tmp_path / "a").exists()
    trash.throw(tmp_path / "never was")
    trash.close()
    assert list((tmp_path / ".trash").iterdir()) == []


def test_what_was_left_is_taken_up_by_the_next(tmp_path):
    tree(tmp_path / ".trash" / "7")
    trash = Trash(tmp_path / ".trash")
    trash.throw(tree(tmp_path / "b"))
    trash.close()
    assert list((tmp_path / ".trash").iterdir()) == []


def test_links_are_removed_not_followed(tmp_path):
    kept = tree(tmp_path / "kept", 1)
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "link").symlink_to(kept)
    trash = Trash(tmp_path / ".trash")
    trash.throw(tmp_path / "c")
    trash.close()
    assert (kept / "d0" / "file").read_text() == "x"
