"""Several processes train as one does."""

import os
import socket
import subprocess
import sys

import pytest

from lift3d.calib import InputError

torch = pytest.importorskip("torch", reason="lift3d[train] is not installed")

from lift3d.checkpoint import load_checkpoint  # noqa: E402
from lift3d.processes import Processes  # noqa: E402

TYPED = ("--test", "a", "--select", "b", "--width", "16", "--batch", "32", "--epochs", "2")


def start(data, run, arch, environment):
    command = [sys.executable, "-m", "lift3d", "train", "lifter", "--data", str(data), "-o", str(run), "--arch", arch]
    quiet = {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    return subprocess.Popen(
        [*command, *TYPED], env={**os.environ, **quiet, **environment}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("arch", ["mlp", "tcn-causal"])
def test_two_processes_do_what_one_does_and_one_of_them_speaks(tiny_mocap, tmp_path, arch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    together = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    processes = [start(tiny_mocap, tmp_path / "two", arch, {**together, "RANK": str(rank)}) for rank in range(2)]
    processes.append(start(tiny_mocap, tmp_path / "one", arch, {}))
    first, second, alone = (process.communicate(timeout=300)[0] for process in processes)
    assert [process.returncode for process in processes] == [0, 0, 0], first + second + alone
    assert "epoch 2/2" in first
    assert "epoch" not in second
    assert "wrote" not in second
    one, two = (load_checkpoint(tmp_path / name / "last.pt", "lifter-run") for name in ("one", "two"))
    for part in ("network", "average"):
        for name, value in one.state[part].items():
            torch.testing.assert_close(two.state[part][name], value, rtol=2e-3, atol=2e-5, msg=f"{part}.{name}")
    for a, b in zip(one.description["records"], two.description["records"], strict=True):
        assert b["train"] == pytest.approx(a["train"], rel=1e-4)
        assert b["select"] == pytest.approx(a["select"], rel=1e-3)


def test_a_batch_is_shared_equally_or_refused():
    assert Processes(1, 2).part(8) == slice(4, 8)
    assert Processes().part(7) == slice(0, 7)
    for size in (9, 2):
        with pytest.raises(InputError, match=f"a batch of {size} cannot be shared by 2 processes"):
            Processes(0, 2).part(size)
