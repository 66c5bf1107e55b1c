"""``lift3d reconstruct``: from a capture to 3D skeletons."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command("reconstruct")
@click.argument("capture", type=click.Path(path_type=Path))
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), help="The result file. [default: ./<capture's name>.poses.h5]"
)
@click.option("--calibration", type=click.Path(path_type=Path), help="The calibration to take.")
@click.option("--keypoints", type=click.Path(path_type=Path), help="The 2D keypoints to take, a folder or a file.")
@click.option("--fps", type=float, help="Frames a second. [default: as capture.toml, keypoints or videos say]")
@click.option("--min-confidence", type=float, help="Keypoints below it do not count. [default: 0.1]")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.option("--overwrite", is_flag=True, help="Replace a result that exists.")
def command(
    capture: Path,
    out: Path | None,
    calibration: Path | None,
    keypoints: Path | None,
    fps: float | None,
    min_confidence: float | None,
    as_json: bool,
    overwrite: bool,
) -> None:
    """Make 3D skeletons from CAPTURE, a folder with a calibration and 2D keypoints of two or more cameras.

    The folder is understood without configuration; what cannot be guessed stands in its capture.toml. The run ends
    with a table of errors per camera and joint, and a verdict: good, doubtful or bad, with the reasons.
    """
    from lift3d.reconstruct import ReconstructConfig, reconstruct_capture

    from .console import progress_bar
    from .summary_table import print_summary

    config = ReconstructConfig() if min_confidence is None else ReconstructConfig(min_confidence=min_confidence)
    out = out or Path(f"{capture.resolve().name}.poses.h5")
    with progress_bar() as progress:
        result = reconstruct_capture(
            capture,
            out,
            calibration=calibration,
            keypoints=keypoints,
            fps=fps,
            overwrite=overwrite,
            config=config,
            progress=progress,
        )
    if as_json:
        click.echo(json.dumps(result.summary, indent=1))
    else:
        print_summary(result.summary)
