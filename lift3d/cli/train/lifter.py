"""``lift3d train lifter``: from motion capture to the weights of a lifter."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from lift3d.lifters.samples import SampleSettings
    from lift3d.run_folder import EpochRecord

MOCAP_TEST = "cmu03,cmu14,cmu49,cmu85,cmu135"
JOINTS = ("coco17", "h36m17", "body25", "halpe26", "mediapipe33")
AUGMENTATIONS = ("views", "bodies", "detector", "noise", "arms")


@click.command("lifter")
@click.option(
    "--data", type=click.Path(path_type=Path), required=True, help="Motion capture, as docs/lifter.md lays it out."
)
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, help="The run's folder.")
@click.option("--arch", type=click.Choice(["mlp", "tcn", "tcn-causal"]), default="mlp", show_default=True,
              help="mlp sees one frame, tcn 27 frames around it, tcn-causal the 27 up to it.")  # fmt: skip
@click.option("--initial", type=click.Path(path_type=Path),
              help="For tcn and tcn-causal: an mlp's lifter.pt, which answers for each frame first.")  # fmt: skip
@click.option("--joints", type=click.Choice(JOINTS), default="coco17", show_default=True,
              help="The detector's joint set; hands and feet are not used.")  # fmt: skip
@click.option("--test", default=MOCAP_TEST, show_default=True, help="Subjects to test on, never looked at here.")
@click.option("--select", default="cmu05", show_default=True, help="Held-out subject that chooses the best weights.")
@click.option("--epochs", type=int, default=120, show_default=True, help="An epoch shows as many samples as frames.")
@click.option("--batch", type=int, default=512, show_default=True, help="Samples a step.")
@click.option("--rate", type=float, default=1e-3, show_default=True, help="Adam's first learning rate.")
@click.option("--width", type=int, help="Of the hidden layers. [default: mlp 1024, tcn 512]")
@click.option("--patience", type=int, default=30, show_default=True, help="Stop after so many epochs without gain.")
@click.option("--without", multiple=True, type=click.Choice(AUGMENTATIONS),
              help="Leave an augmentation out; may be repeated.")  # fmt: skip
@click.option("--precision", type=click.Choice(["auto", "fp32", "bf16"]), default="auto", show_default=True,
              help="auto: bf16 on a GPU, fp32 on a CPU; worth it too on a CPU with AVX512-BF16.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Of everything that is random.")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:1.")
def command(out: Path, data: Path, test: str, select: str, width: int | None, without: tuple[str, ...],
            joints: str, precision: str, initial: Path | None, **settings: Any) -> None:  # fmt: skip
    """Train a lifter on motion capture under virtual cameras.

    The same command again goes on where a run was stopped. The folder holds lifter.pt (the best weights by the
    held-out subject), last.pt (to go on from), log.csv and curve.svg. On several GPUs:
    torchrun --nproc-per-node 4 -m lift3d train lifter ... --device cuda
    """
    from lift3d.lifters.training import TrainSettings, train_lifter

    from ..console import progress_bar

    sizes = {} if width is None else {"width": width}
    bf16 = precision == "bf16" or (precision == "auto" and settings["device"] != "cpu")
    settings["initial"] = "" if initial is None else str(initial)
    wanted = TrainSettings(samples=_samples(joints, without), sizes=sizes, bf16=bf16, **settings)
    split = (_names(test), _names(select))
    with progress_bar() as progress:
        path = train_lifter(data, out, settings=wanted, split=split, progress=progress, on_epoch=_say)
    if os.environ.get("RANK", "0") == "0":
        click.echo(f"wrote {path}")


def _names(text: str) -> tuple[str, ...]:
    """Names with commas between them."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _samples(joints: str, without: tuple[str, ...]) -> SampleSettings:
    """What is shown, some augmentations left out."""
    from lift3d.datasets.virtual_views import ViewRanges
    from lift3d.lifters.samples import SampleSettings

    narrow = ViewRanges(distance=(4.0, 6.0), height=(1.2, 1.8), focal=(1.1, 1.2), roll_deg=0.0, aim=0.2)
    left_out: dict[str, Any] = {
        "views": narrow,
        "bodies": None,
        "detector": None,
        "noise": None,
        "arms": 0.0,
    }
    return SampleSettings(joints, **{name: left_out[name] for name in without})


def _say(record: EpochRecord) -> None:
    """A line an epoch."""
    minutes, seconds = divmod(round(record.eta_s), 60)
    mark = ", best" if record.best else ""
    click.echo(
        f"epoch {record.epoch}/{record.epochs}: training {record.train:.1f} mm, held-out {record.select:.1f} mm"
        f"{mark}, {record.samples_per_s:.0f} samples/s, at most {minutes} min {seconds:02d} s left"
    )
