"""Checkpoints come back as they were; anything else is refused in a line."""

import pytest

from lift3d.calib import InputError

torch = pytest.importorskip("torch")

from lift3d.checkpoint import Checkpoint, load_checkpoint, save_checkpoint  # noqa: E402


@pytest.fixture
def saved(tmp_path):
    state = {"w": torch.arange(4.0), "step": 3}
    return save_checkpoint(tmp_path / "c.pt", Checkpoint("lifter", {"arch": "mlp", "sizes": {"width": 8}}, state))


def test_what_is_saved_is_loaded(saved):
    loaded = load_checkpoint(saved, "lifter")
    assert loaded.description == {"arch": "mlp", "sizes": {"width": 8}}
    assert torch.equal(loaded.state["w"], torch.arange(4.0))
    assert loaded.state["step"] == 3


def test_another_kind_is_refused(saved):
    with pytest.raises(InputError, match="holds a lifter, wanted a keypoints"):
        load_checkpoint(saved, "keypoints")


def test_code_in_a_file_is_not_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "harm"), "w"))

    torch.save({"format": "lift3d.checkpoint", "x": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(InputError, match="not a checkpoint of lift3d"):
        load_checkpoint(tmp_path / "evil.pt", "lifter")
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("cut", [0, 100])
def test_damaged_files_are_refused(saved, cut):
    saved.write_bytes(saved.read_bytes()[:cut])
    with pytest.raises(InputError, match=r"c\.pt"):
        load_checkpoint(saved, "lifter")


def test_other_programs_files_and_newer_versions_are_refused(tmp_path):
    torch.save({"model": torch.zeros(2)}, tmp_path / "other.pt")
    with pytest.raises(InputError, match="of another program"):
        load_checkpoint(tmp_path / "other.pt", "lifter")
    torch.save({"format": "lift3d.checkpoint", "version": 99, "kind": "lifter"}, tmp_path / "new.pt")
    with pytest.raises(InputError, match=r"version 99.*update lift3d"):
        load_checkpoint(tmp_path / "new.pt", "lifter")
    with pytest.raises(FileNotFoundError, match="lift3d train"):
        load_checkpoint(tmp_path / "absent.pt", "lifter")
