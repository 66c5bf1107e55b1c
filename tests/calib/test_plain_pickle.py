"""Pickles are read for their arrays alone; whatever else they ask for ends the reading."""

import builtins
import io
import os
import pickle
import subprocess

import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.calib.plain_pickle import load_plain


def load(content):
    return load_plain(io.BytesIO(content), "file.pkl")


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_and_containers_come_back(protocol):
    table = {
        "f": np.arange(6, dtype=np.float32).reshape(2, 3),
        ("S1", 7): [np.float64(1.5), (True, None, 2**70, "é", b"\x80\xff")],
        "objects": np.array([np.zeros((1, 2)), "text"], dtype=object),
        "order": np.asfortranarray(np.eye(3)),
        "text": np.array(["S1_Directions"]),
    }
    back = load(pickle.dumps(table, protocol))
    np.testing.assert_array_equal(back["f"], table["f"])
    assert back["f"].dtype == np.float32
    assert back["S1", 7] == table["S1", 7]
    assert back["objects"][1] == "text"
    np.testing.assert_array_equal(back["order"], np.eye(3))
    assert back["text"][0] == "S1_Directions"


class Call:
    """An object whose pickle calls something when it is read."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("function", [os.system, subprocess.call, builtins.eval, builtins.getattr, np.load, print])
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_a_hostile_file_runs_nothing(function, protocol, tmp_path):
    target = tmp_path / "broken_in"
    hostile = pickle.dumps({"R": np.eye(3), "p": Call(function, f"touch {target}")}, protocol)
    with pytest.raises(
        InputError, match=r"file\.pkl is not a pickle of plain arrays \(it asks for .*\); it was not read"
    ):
        load(hostile)
    assert not target.exists()


def test_hidden_names_are_not_reached():
    for asked in (b"cnumpy\nndarray.__subclasses__\n.", b"cnumpy.core.multiarray\n_reconstruct.__self__\n.",
                  b"\x80\x04\x8c\x05numpy\x8c\x0dndarray.shape\x93.", b"cnumpy\nload\n."):  # fmt: skip
        with pytest.raises(InputError, match="it asks for"):
            load(asked)


def test_other_codecs_are_refused():
    with pytest.raises(InputError, match="asks for the codec"):
        load(b"c_codecs\nencode\n(Vx\nVrot13\ntR.")


@pytest.mark.parametrize("content", [b"", b"hello", b"\x80\x04.", pickle.dumps(np.eye(3))[:-20]])
def test_damaged_files_end_in_one_line(content):
    with pytest.raises(InputError, match=r"^file\.pkl is not a pickle of plain arrays .*; it was not read$"):
        load(content)


def test_what_a_pickle_does_to_its_tools_is_gone_with_it():
    spoilt = b"c_codecs\nencode\n(N(V__defaults__\n(Vlatin1\ntdtb."  # sets the defaults of the function it was given
    assert load(spoilt).__defaults__ == ("latin1",)
    with pytest.raises(InputError, match="missing 1 required positional argument"):
        load(b"c_codecs\nencode\n(Vx\ntR.")
    assert load(pickle.dumps(b"\xff", 0)) == b"\xff"
