import os
from pathlib import Path

import pytest

from lift3d.calib.atomic_file import atomic_file


def test_a_finished_block_puts_the_file_in_place_with_ordinary_permissions(tmp_path):
    with atomic_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
        assert not (tmp_path / "a.txt").exists()
    mask = os.umask(0)
    os.umask(mask)
    assert (tmp_path / "a.txt").read_text() == "new"
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o666 & ~mask


def test_a_block_that_raises_leaves_the_old_file_and_nothing_else(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(UnicodeEncodeError), atomic_file(tmp_path / "a.txt", overwrite=True) as temporary:
        temporary.write_text("half \udc80", encoding="utf-8")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.txt", "old")]


def test_an_existing_file_is_kept_unless_overwrite_is_given(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(FileExistsError, match=r"a\.txt exists; give --overwrite"), atomic_file(tmp_path / "a.txt"):
        raise AssertionError("the block must not run")
    with atomic_file(tmp_path / "a.txt", overwrite=True) as temporary:
        temporary.write_text("new")
    assert (tmp_path / "a.txt").read_text() == "new"


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(OSError, match="nowhere is not a folder"), atomic_file(tmp_path / "nowhere" / "a.txt"):
        raise AssertionError("the block must not run")


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs a folder that even root cannot write")
def test_a_folder_that_cannot_be_written_is_named():
    with pytest.raises(OSError, match="/proc cannot be written"), atomic_file("/proc/a.txt"):
        raise AssertionError("the block must not run")
