"""``lift3d reconstruct``: from a capture to 3D skeletons."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from .smooth import METHODS as FILTERS

if TYPE_CHECKING:
    from lift3d.detect_capture import DetectorChoice

METHODS = ("none", *FILTERS)


@click.command("reconstruct")
@click.argument("capture", type=click.Path(path_type=Path))
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), help="The result file. [default: ./<capture's name>.poses.h5]"
)
@click.option("--calibration", type=click.Path(path_type=Path), help="The calibration to take.")
@click.option("--keypoints", type=click.Path(path_type=Path), help="The 2D keypoints to take, a folder or a file.")
@click.option("--detector", help="Whose keypoints to take, found in the videos if need be. [default: light, if none]")
@click.option("--weights", type=click.Path(path_type=Path), help="The detector's model, where it is not its own.")
@click.option("--device", default="cpu", show_default=True, help="Of the detector: cpu, cuda or cuda:1.")
@click.option("--fps", type=float, help="Frames a second. [default: as capture.toml, keypoints or videos say]")
@click.option("--min-confidence", type=float, help="Keypoints below it do not count. [default: 0.1]")
@click.option("--people", type=click.IntRange(min=1), help="How many people. [default: all seen consistently]")
@click.option("--roi", help="Only people in this box: x0,y0,z0,x1,y1,z1 in metres.")
@click.option("--tails", default="auto", show_default=True, metavar="LAW",
              help="Noise: auto, gaussian, cauchy or degrees of freedom; see docs/triangulation.md.")  # fmt: skip
@click.option("--smooth", type=click.Choice(METHODS), default="none", show_default=True, help="Over time; see smooth.")
@click.option("--cutoff", type=float, help="Hz, of a classical filter; map finds its own. [default: 6]")
@click.option("--max-gap", type=float, default=0.2, show_default=True, help="Seconds; what --smooth fills.")
@click.option("--fill", type=click.Choice(["none", "lifted"]), default="none", show_default=True,
              help="Complete from one camera what the others did not see, marked so; needs PyTorch.")  # fmt: skip
@click.option("--lifter", help="The checkpoint that fills, or one that ships: tcn, mlp, tcn-causal. [default: tcn]")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.option("--overwrite", is_flag=True, help="Replace a result that exists.")
def command(
    capture: Path,
    out: Path | None,
    calibration: Path | None,
    keypoints: Path | None,
    detector: str | None,
    weights: Path | None,
    device: str,
    fps: float | None,
    min_confidence: float | None,
    people: int | None,
    roi: str | None,
    tails: str,
    smooth: str,
    cutoff: float | None,
    max_gap: float,
    fill: Literal["none", "lifted"],
    lifter: str | None,
    as_json: bool,
    overwrite: bool,
) -> None:
    """Make 3D skeletons from CAPTURE, a folder with a calibration and 2D keypoints or videos of two or more cameras.

    Where there are videos and no keypoints, these are found first, as `lift3d detect` does, and kept in the capture.
    The folder is understood without configuration; what cannot be guessed stands in its capture.toml. The run ends
    with a table of errors per camera and joint, and a verdict: good, doubtful or bad, with the reasons.
    """
    from lift3d.reconstruct import ReconstructConfig, reconstruct_capture
    from lift3d.smoothing import SmoothingConfig

    from .console import progress_bar
    from .summary_table import print_summary

    smoothing = SmoothingConfig(method=smooth, cutoff=cutoff, max_gap=max_gap)  # type: ignore[arg-type]
    config = ReconstructConfig(people=people, roi=_box(roi), tails=tails, smoothing=smoothing, fill=fill, lifter=lifter)
    if min_confidence is not None:
        config = replace(config, min_confidence=min_confidence)
    if detector is not None and keypoints is not None:
        raise click.UsageError("--keypoints says whose keypoints to take; leave --detector out")
    with progress_bar() as progress:
        result = reconstruct_capture(
            capture,
            out or Path(f"{capture.resolve().name}.poses.h5"),
            calibration=calibration,
            keypoints=keypoints,
            fps=fps,
            detector=_choice(detector, weights, device),
            overwrite=overwrite,
            config=config,
            progress=progress,
        )
    if as_json:
        click.echo(json.dumps(result.summary, indent=1))
    else:
        print_summary(result.summary)


def _choice(detector: str | None, weights: Path | None, device: str) -> DetectorChoice:
    """Whose keypoints to take; weights alone are the light detector's."""
    from lift3d.detect_capture import DetectorChoice
    from lift3d.detectors.registry import DetectorOptions

    name = detector or ("light" if weights is not None else None)
    return DetectorChoice(name, DetectorOptions(weights=weights, device=device))


def _box(text: str | None) -> tuple[float, float, float, float, float, float] | None:
    """Six numbers, separated by commas."""
    if text is None:
        return None
    try:
        x0, y0, z0, x1, y1, z1 = (float(part) for part in text.split(","))
    except ValueError:
        raise click.BadParameter(
            f"six numbers x0,y0,z0,x1,y1,z1 are wanted, got {text!r}", param_hint="--roi"
        ) from None
    return x0, y0, z0, x1, y1, z1
