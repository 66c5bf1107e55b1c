"""``lift3d calibrate scene``: where cameras stand, from points of the scene whose places are known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click


@click.command("scene")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--points", required=True, type=click.Path(path_type=Path), help="CSV: point, x, y, z in metres.")
@click.option("--intrinsics", required=True, type=click.Path(path_type=Path), help="The lenses: any calibration file.")
@click.option("--clicks", type=click.Path(path_type=Path), help="CSV: camera, point, x, y; no window opens.")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), default=Path("calib.toml"), show_default=True, help="To write."
)
@click.option("--best", is_flag=True, help="Take the best of several places that the clicks cannot tell apart.")
@click.option("--format", "format_", default="caliscope", show_default=True, help="The calibration's format.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
def command(folder: Path, points: Path, intrinsics: Path, clicks: Path | None, out: Path, **given: Any) -> None:
    """Place cameras by known points, clicked in one picture or video a camera in FOLDER.

    Without --clicks a window opens for each camera that FOLDER/clicks.csv lacks: click sets a point, space skips one
    that cannot be seen, backspace undoes, + and - zoom at the pointer, enter ends. The world is that of the points.
    """
    from lift3d.calib import Rig
    from lift3d.calib.atomic_file import check_writable
    from lift3d.calib.formats import write_rig
    from lift3d.calib.lens_file import read_lenses
    from lift3d.calib.scene import read_clicks, read_points
    from lift3d.calibrate_scene import click_cameras, place_cameras, scene_rows

    check_writable(out, overwrite=given["overwrite"])
    known, lenses = read_points(points), read_lenses(intrinsics)
    file = clicks or folder / "clicks.csv"
    if clicks is None:
        click_cameras(folder, list(known), file)
    solutions = place_cameras(lenses, known, read_clicks(file), choose_best=given["best"])
    write_rig(Rig(tuple(s.camera for s in solutions)), out, given["format_"], overwrite=given["overwrite"])
    rows = scene_rows(solutions)
    if given["as_json"]:
        click.echo(json.dumps({"file": str(out), "cameras": rows}, indent=1))
        return
    from ..console import print_table

    columns = ("camera", "points", "rms px", "worst point", "px", "+- deg", "+- mm")
    print_table(columns, [[str(cell) for cell in list(row.values())[: len(columns)]] for row in rows])
    for row in rows:
        for name, error in row["suspects"].items():
            click.echo(
                f"{row['camera']}: the click on {name} is {error:.0f} px from where the others put it; look again"
            )
    click.echo(f"wrote {out}")
