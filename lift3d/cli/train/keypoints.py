"""``lift3d train keypoints``: from labelled pictures of people to the weights of a keypoint network."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from lift3d.run_folder import EpochRecord

ARCHITECTURES = ("light", "simple", "unet", "hourglass")
PATH = click.Path(path_type=Path)


@click.command("keypoints")
@click.option("--data", type=PATH, required=True, help="COCO keypoint JSON, of any joint set.")
@click.option("--images", type=PATH, required=True, help="The folder with its pictures.")
@click.option("-o", "--out", type=PATH, required=True, help="The run's folder.")
@click.option("--arch", type=click.Choice(ARCHITECTURES), default="light", show_default=True,
              help="light for video on a CPU, the others for a GPU.")  # fmt: skip
@click.option("--epochs", type=int, default=140, show_default=True, help="An epoch shows everybody once.")
@click.option("--half-epochs", type=int, default=0, show_default=True,
              help="Of these the first ones, on crops of half the size: four times as fast.")  # fmt: skip
@click.option("--size", default="192x256", show_default=True, help="Of the crops, multiples of 32.")
@click.option("--batch", type=int, default=64, show_default=True, help="People a step, over all processes.")
@click.option("--rate", type=float, default=2e-3, show_default=True, help="AdamW's highest learning rate.")
@click.option("--coordinates", type=float, default=0.1, show_default=True,
              help="Weight of the loss on soft-argmax coordinates; 0: maps alone.")  # fmt: skip
@click.option("--beta", type=float, default=2.0, show_default=True,
              help="Of that soft-argmax; at 1 it is biased to the middle.")  # fmt: skip
@click.option("--teacher", type=float, default=0.7, show_default=True,
              help="Weight of labels that a network made (`kp_kind`); 0 leaves them out.")  # fmt: skip
@click.option("--behind", type=float, default=0.0, show_default=True,
              help="Share of people seen from behind among those shown; 0: as they come.")  # fmt: skip
@click.option("--width", type=int, help="Of the network's first layers. [default: simple, unet 64, hourglass 128]")
@click.option("--initial", type=PATH, help="Weights to begin with: ResNet-18's of ImageNet, or a checkpoint.")
@click.option("--select", type=int, default=500, show_default=True,
              help="People held out of --data who choose the best weights.")  # fmt: skip
@click.option("--precision", type=click.Choice(["auto", "fp32", "bf16"]), default="auto", show_default=True,
              help="auto: bf16 on a GPU, fp32 on a CPU.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Of everything that is random.")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:1; torchrun gives each its own.")
def command(out: Path, data: Path, images: Path, size: str, width: int | None, precision: str, initial: Path | None,
            teacher: float, **settings: Any) -> None:  # fmt: skip
    """Train a keypoint network on pictures of people.

    The same command again goes on where a run was stopped, at the very step that was saved. The folder holds
    keypoints.pt (the best weights by the held-out people), last.pt (to go on from), log.csv and curve.svg.
    Several GPUs: torchrun --nproc-per-node N -m lift3d train keypoints … --device cuda
    """
    from lift3d.detectors.learning import TrainSettings
    from lift3d.detectors.samples import CropSettings
    from lift3d.detectors.training import train_keypoints

    from ..console import progress_bar

    bf16 = precision == "bf16" or (precision == "auto" and settings["device"] != "cpu")
    sizes = {} if width is None else {"width": width}
    crops = CropSettings(size=parse_size(size), teacher=teacher)
    wanted = TrainSettings(crops=crops, sizes=sizes, bf16=bf16, **settings)
    with progress_bar() as progress:
        path = train_keypoints(data, images, out, settings=wanted, initial=initial, progress=progress, on_epoch=_say)
    if os.environ.get("RANK", "0") == "0":
        click.echo(f"wrote {path}")


def parse_size(text: str) -> tuple[int, int]:
    """``192x256`` as width and height."""
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.strip().isdigit() for part in parts):
        raise click.BadParameter(f"wanted WIDTHxHEIGHT, for example 192x256, got {text!r}")
    return int(parts[0]), int(parts[1])


def _say(record: EpochRecord) -> None:
    """A line an epoch."""
    minutes, seconds = divmod(round(record.eta_s), 60)
    mark = ", best" if record.best else ""
    click.echo(
        f"epoch {record.epoch}/{record.epochs}: PCK@0.2 training {record.train:.3f}, held-out {record.select:.3f}"
        f"{mark}, {record.samples_per_s:.0f} people/s, at most {minutes} min {seconds:02d} s left"
    )
