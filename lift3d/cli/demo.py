"""``lift3d demo``: a synthetic capture, its reconstruction, and the true error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click


@click.command("demo")
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), default=Path("lift3d-demo"))
@click.option("--seed", type=int, default=0, show_default=True, help="Of all randomness.")
@click.option("--duration", type=float, default=10.0, show_default=True, help="Seconds.")
@click.option(
    "--cameras", type=click.IntRange(min=2), default=4, show_default=True, help="How many stand around the person."
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier demo in DIR.")
def command(folder: Path, seed: int, duration: float, cameras: int, as_json: bool, overwrite: bool) -> None:
    """Make a synthetic capture in DIR (./lift3d-demo), reconstruct it, and say how far off the result is.

    A parametric person walks, turns and squats among the cameras while another walks past; a model of a pose detector
    makes the keypoints, with noise, gaps, gross errors and exchanged sides. The truth is known to the micrometre, so
    the error is measured, not estimated.
    """
    from lift3d.datasets.demo_capture import DemoSettings
    from lift3d.demo import run_demo

    from .console import progress_bar

    settings = DemoSettings(seed=seed, duration=duration, n_cameras=cameras)
    with progress_bar() as progress:
        report = run_demo(folder, settings, overwrite=overwrite, progress=progress)
    if as_json:
        click.echo(json.dumps(report, indent=1))
    else:
        _print(report)


def _print(report: dict[str, Any]) -> None:
    """The true errors, and where to look further."""
    from .console import print_table

    truth, found = report["truth"], report["reconstruction"]
    keys = ("found_percent", "median_mm", "rms_mm", "worst_mm", "clean_rms_mm", "clean_bound_mm", "inside_90_percent")
    heading = ("joint", "there %", "median mm", "rms mm", "worst mm", "clean rms mm", "least mm", "in 90 % ellipsoid %")
    rows = [(row["name"], *(row[key] for key in keys)) for row in (*truth["joints"], {"name": "all", **truth})]
    print_table(heading, rows, title="distance from the truth")
    click.echo("clean: no camera was grossly wrong; least: the best that any method can do there (Cramér-Rao)")
    click.echo(f"verdict without the truth: {found['verdict']['level']} ({'; '.join(found['verdict']['reasons'])})")
    folder, roi = report["folder"], ",".join(f"{edge:g}" for edge in report["region"])
    click.echo(f"capture in {folder}, result in {found['file']}")
    click.echo(
        f"made as by `lift3d reconstruct` with --people 1 and --roi {roi}: the passer-by is as real as the person"
    )
    click.echo(f"look at it: lift3d view {found['file']}, or open {folder}/report.html in a browser")
