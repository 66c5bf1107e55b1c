"""``lift3d demo``: a synthetic capture, its reconstruction, and the true error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from lift3d.detectors.detection import Detector

SIMULATED = {
    "found_percent": "there %",
    "median_mm": "median mm",
    "rms_mm": "rms mm",
    "worst_mm": "worst mm",
    "clean_rms_mm": "clean rms mm",
    "clean_bound_mm": "least mm",
    "inside_90_percent": "in 90 % ellipsoid %",
}
FROM_PIXELS = {
    "found_percent": "there %",
    "median_mm": "median mm",
    "rms_mm": "rms mm",
    "worst_mm": "worst mm",
    "inside_90_percent": "in 90 % ellipsoid %",
    "seen_percent": "seen in pictures %",
    "median_px": "median px",
}


@click.command("demo")
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), default=Path("lift3d-demo"))
@click.option("--seed", type=int, default=0, show_default=True, help="Of all randomness.")
@click.option("--duration", type=float, help="Seconds.  [default: 10, with video 5]")
@click.option("--fps", type=float, help="Frames a second.  [default: 60, with video 30]")
@click.option(
    "--cameras", type=click.IntRange(min=2), default=4, show_default=True, help="How many stand around the person."
)
@click.option("--video", is_flag=True, help="Draw what every camera films, too: DIR/videos.")
@click.option("--from-pixels", is_flag=True, help="Simulate no keypoints: find them in the videos, by --detector.")
@click.option(
    "--detector",
    metavar="NAME",
    help="As of lift3d detect, or a model's path; goes with --from-pixels.  [default: light]",
)
@click.option(
    "--weights", type=click.Path(path_type=Path), help="The detector's model, if not the one that comes along."
)
@click.option("--person-weights", type=click.Path(path_type=Path), help="The same for finding people's boxes.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier demo in DIR.")
def command(
    folder: Path,
    seed: int,
    duration: float | None,
    fps: float | None,
    cameras: int,
    video: bool,
    from_pixels: bool,
    detector: str | None,
    weights: Path | None,
    person_weights: Path | None,
    as_json: bool,
    overwrite: bool,
) -> None:
    """Make a synthetic capture in DIR (./lift3d-demo), reconstruct it, and say how far off the result is.

    A parametric person walks, turns and squats among the cameras while another walks past; a model of a pose detector
    makes the keypoints, with noise, gaps, gross errors and exchanged sides. The truth is known to the micrometre, so
    the error is measured, not estimated.

    With --video the cameras also film the two, as shaded bodies in a hall (a minute or so). With --from-pixels the
    keypoints come from these videos alone: the whole chain from pictures to 3D, held against the truth.
    """
    from dataclasses import replace

    from lift3d.datasets.demo_capture import DemoSettings
    from lift3d.demo import FILMED, run_demo

    from .console import progress_bar

    if not from_pixels and (detector or weights or person_weights):
        raise click.UsageError("--detector, --weights and --person-weights go with --from-pixels")
    usual = FILMED if video or from_pixels else DemoSettings()
    settings = replace(
        usual,
        seed=seed,
        n_cameras=cameras,
        duration=usual.duration if duration is None else duration,
        fps=usual.fps if fps is None else fps,
    )
    with progress_bar() as progress:
        if from_pixels:
            from lift3d.demo_video import run_pixels_demo

            opened = _detector(detector or "light", settings.fps, weights=weights, person_weights=person_weights)
            report = run_pixels_demo(folder, opened, settings, overwrite=overwrite, progress=progress)
        else:
            report = run_demo(folder, settings, overwrite=overwrite, video=video, progress=progress)
    if as_json:
        click.echo(json.dumps(report, indent=1))
    else:
        _print(report)


def _detector(name: str, fps: float, *, weights: Path | None, person_weights: Path | None) -> Detector:
    """Opened before anything is filmed, since its weights may be missing."""
    from lift3d.detectors.registry import DetectorOptions, open_detector

    options = DetectorOptions(weights=weights, person_weights=person_weights, people=2, fps=fps)
    return open_detector(name, options)


def _print(report: dict[str, Any]) -> None:
    """The true errors, and where to look further."""
    from .console import print_table

    truth, found, detection = report["truth"], report["reconstruction"], report.get("detection")
    columns = SIMULATED if detection is None else FROM_PIXELS
    rows = [(row["name"], *(row[key] for key in columns)) for row in (*truth["joints"], {"name": "all", **truth})]
    print_table(("joint", *columns.values()), rows, title="distance from the truth")
    if detection is None:
        click.echo("clean: no camera was grossly wrong; least: the best that any method can do there (Cramér-Rao)")
    else:
        click.echo(
            f"keypoints by detector {detection['detector']} from the videos, {detection['fps']:g} pictures a second"
        )
        click.echo(
            f"{truth['offset_percent']} % of the squared error is an offset that a joint keeps towards the body: the "
            "detector's joints are not quite the drawn body's, which error bars cannot know; they hold "
            f"{truth['inside_90_around_offset_percent']} % of the error around it"
        )
    click.echo(f"verdict without the truth: {found['verdict']['level']} ({'; '.join(found['verdict']['reasons'])})")
    folder, roi = report["folder"], ",".join(f"{edge:g}" for edge in report["region"])
    click.echo(f"capture in {folder}, result in {found['file']}")
    click.echo(
        f"made as by `lift3d reconstruct` with --people 1 and --roi {roi}: the passer-by is as real as the person"
    )
    click.echo(
        f"look at it: lift3d view {found['file']}, or open {folder}/report.html (in a browser) and {folder}/result.png"
    )
    if (Path(folder) / "videos").is_dir():
        click.echo(f"on the videos: lift3d overlay {folder} {found['file']}")
