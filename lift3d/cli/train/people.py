"""``lift3d train people``: from pictures of people to the weights of the person detector."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from lift3d.run_folder import EpochRecord


@click.command("people")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="COCO keypoint file (JSON).")
@click.option("--images", type=click.Path(path_type=Path), required=True, help="The folder of its pictures.")
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, help="The run's folder.")
@click.option("--arch", type=click.Choice(["centre", "light"]), default="centre", show_default=True,
              help="light has the encoder of the light joints' network.")  # fmt: skip
@click.option("--encoder", type=click.Path(path_type=str), default="",
              help="Start from the encoder of this checkpoint of `train keypoints --arch light`.")  # fmt: skip
@click.option("--epochs", type=int, default=32, show_default=True, help="Each of as many scenes as --scenes says.")
@click.option("--scenes", type=int, default=2400, show_default=True, help="Scenes an epoch, each made anew.")
@click.option("--half-epochs", type=int, default=8, show_default=True, help="The first ones, in half the size.")
@click.option("--batch", type=int, default=8, show_default=True, help="Scenes a step.")
@click.option("--rate", type=float, default=2e-3, show_default=True, help="AdamW's highest learning rate.")
@click.option("--precision", type=click.Choice(["fp32", "bf16"]), default="fp32", show_default=True,
              help="bf16 halves the time of a step on processors that know it.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Of everything that is random.")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:1.")
def command(data: Path, images: Path, out: Path, scenes: int, precision: str, **settings: Any) -> None:
    """Train the person detector on scenes put together from people cut out of their pictures.

    The same command again goes on where a run was stopped. The folder holds person.pt (the best weights by people
    held out of training), last.pt (to go on from), log.csv and curve.svg.
    """
    from lift3d.detectors.person.training import TrainSettings, train_people

    from ..console import progress_bar

    wanted = TrainSettings(scenes_per_epoch=scenes, bf16=precision == "bf16", **settings)
    with progress_bar() as progress:
        path = train_people(data, images, out, settings=wanted, progress=progress, on_epoch=_say)
    click.echo(f"wrote {path}")


def _say(record: EpochRecord) -> None:
    """A line an epoch."""
    minutes, seconds = divmod(round(record.eta_s), 60)
    mark = ", best" if record.best else ""
    click.echo(
        f"epoch {record.epoch}/{record.epochs}: AP training {record.train:.3f}, held-out {record.select:.3f}"
        f"{mark}, {record.samples_per_s:.0f} scenes/s, at most {minutes} min {seconds:02d} s left"
    )
