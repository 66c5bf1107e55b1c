"""``lift3d smooth``: an existing result, smoothed in time."""

from __future__ import annotations

from pathlib import Path

import click

METHODS = ("map", "butterworth", "savgol", "one-euro", "kalman", "median")  # the help must not import NumPy


@click.command("smooth")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), help="The result. [default: FILE's name with _smooth]")
@click.option("--method", type=click.Choice(METHODS), default="map", show_default=True, help="How to smooth.")
@click.option("--cutoff", type=float, help="Hz, of a classical filter; map finds its own. [default: 6]")
@click.option("--max-gap", type=float, default=0.2, show_default=True, help="Seconds; longer gaps stay gaps.")
@click.option("--overwrite", is_flag=True, help="Replace a file that exists.")
def command(file: Path, out: Path | None, method: str, cutoff: float | None, max_gap: float, overwrite: bool) -> None:
    """Smooth the skeletons of FILE (*.poses.h5) in time, and fill short gaps.

    map: the most probable motion given the keypoints in every view, their noise, and bones that keep their length;
    its error bars are right after smoothing. The others are classical filters on the positions.
    """
    from lift3d.calib.atomic_file import check_writable
    from lift3d.datasets import Poses
    from lift3d.smoothing import SmoothingConfig, motion_figures, smooth_poses

    from .console import print_table, progress_bar

    config = SmoothingConfig(method=method, cutoff=cutoff, max_gap=max_gap)  # type: ignore[arg-type]
    out = out or file.with_name(file.name.removesuffix(".h5").removesuffix(".poses") + "_smooth.poses.h5")
    check_writable(out, overwrite=overwrite)
    poses = Poses.load(file)
    with progress_bar() as progress:
        smoothed = smooth_poses(poses, config, progress=progress)
    smoothed.save(out, overwrite=overwrite)
    before, after = motion_figures(poses), motion_figures(smoothed)
    rows = [(title, _number(before[key]), _number(after[key])) for key, title in _TITLES.items()]
    print_table(("", "before", "after"), rows)
    click.echo(f"wrote {out}")


_TITLES = {
    "residual_px": "residual px (median)",
    "sigma_mm": "sigma mm (median)",
    "bone_cv_percent": "variation of limb lengths %",
    "acceleration": "acceleration m/s² (median)",
    "filled": "joints filled in",
}


def _number(value: float) -> str | None:
    """Three digits, or nothing."""
    if value != value:
        return None
    return f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"
