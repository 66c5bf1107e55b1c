"""``lift3d calibrate intrinsics``: lenses from photos or videos of a board."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from .corners import corner_notes, corners_option


@click.command("intrinsics")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--board", required=True, help="chessboard:9x6:25mm, charuco:5x7:40mm:DICT_4X4_50:0.75, or a .toml file.")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    default=Path("lenses.toml"),
    show_default=True,
    help="The lens file.",
)
@click.option("--lens", type=click.Choice(["pinhole", "fisheye"]), default="pinhole", show_default=True)
@click.option("--coefficients", type=int, help="Distortion coefficients, 0 to 8. [default: 5; fisheye: 4]")
@click.option("--fix", multiple=True, metavar="NAME", help="Keep fy (= fx), cx, cy or a coefficient at its default.")
@click.option("--every", type=int, default=5, show_default=True, help="Look at every n-th frame of videos.")
@click.option("--max-frames", type=int, default=40, show_default=True, help="Frames to calibrate with, at most.")
@corners_option
@click.option("--compare", type=click.Path(path_type=Path), help="Say whether the pictures support this calibration.")
@click.option("--report", type=click.Path(path_type=Path), help="A folder for pictures and one HTML page.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
def command(folder: Path, board: str, out: Path, as_json: bool, overwrite: bool, **given: Any) -> None:
    """Calibrate the lenses of the cameras whose board pictures lie in FOLDER.

    FOLDER holds a folder of photos or a video for each camera, or one camera's photos. A chessboard's size counts inner
    corners, a ChArUco board's squares. Boards found wrongly are left out, parameters that the pictures do not tell are
    fixed, and both are said; the held-out error is of frames that the lens was not fitted to.
    """
    from lift3d.calib.atomic_file import check_writable
    from lift3d.calib.boards import parse_board
    from lift3d.calib.intrinsics import IntrinsicsConfig
    from lift3d.calib.lens_comparison import look_like_one
    from lift3d.calib.lens_file import write_lenses
    from lift3d.calib.lens_parameters import LensShape
    from lift3d.calibrate_boards import calibrate_lenses, lens_row

    from ..console import progress_bar

    check_writable(out, overwrite=overwrite)
    coefficients = given["coefficients"]
    if coefficients is None:
        coefficients = 4 if given["lens"] == "fisheye" else 5
    shape = LensShape(given["lens"], coefficients)
    config = IntrinsicsConfig(shape, max_frames=given["max_frames"], fix=frozenset(given["fix"]))
    with progress_bar() as progress:
        lenses = calibrate_lenses(
            folder,
            parse_board(board),
            config=config,
            every=max(given["every"], 1),
            corners=given["corners"],
            progress=progress,
        )
    write_lenses(lenses, out, overwrite=overwrite)
    notes = [note for lens in lenses for note in _notes(lens)] + corner_notes(given["corners"])
    if look_like_one(lenses):
        notes.append("all lenses agree within their error bars: are these pictures of one and the same camera?")
    if given["compare"] is not None:
        notes += _compare(lenses, given["compare"])
    if given["report"] is not None:
        from lift3d.calib.calibration_report import write_lens_report

        notes.append(f"wrote {write_lens_report(lenses, given['report'], notes=notes, overwrite=overwrite)}")
    rows = [lens_row(lens) for lens in lenses]
    if as_json:
        click.echo(json.dumps({"file": str(out), "cameras": rows, "notes": notes}, indent=1))
        return
    _print(rows)
    for note in notes:
        click.echo(note)
    click.echo(f"wrote {out}")


def _print(rows: list[dict[str, Any]]) -> None:
    """One line a camera."""
    from ..console import print_table

    columns = (
        "camera",
        "fx px",
        "+-",
        "cx px",
        "+-",
        "cy px",
        "+-",
        "k1",
        "frames",
        "rms px",
        "held out px",
        "an axis",
    )
    table = []
    for row in rows:
        sigma = row["sigma"]
        cells: list[object] = [row["camera"]]
        for name in ("fx", "cx", "cy"):
            cells += [f"{row[name]:.1f}", f"{sigma[name]:.1f}" if sigma[name] else "fixed"]
        cells.append(f"{row['k1']:.4f}" if "k1" in row else None)
        cells += [f"{row['frames']} of {row['looked_at']}", f"{row['rms_px']:.3f}", f"{row['held_out_rms_px']:.3f}"]
        table.append([*cells, f"{row['held_out_rms_axis_px']:.3f}"])
    print_table(columns, table)


def _notes(lens: Any) -> list[str]:
    """What was fixed and left out, in words."""
    name = lens.camera.name
    notes = [f"{name}: {parameter} {reason}" for parameter, reason in lens.fixed.items()]
    notes += [f"{name}: {source} left out, {reason}" for source, reason in lens.left_out.items()]
    notes += [f"{name}: not found in {count} pictures: {reason}" for reason, count in lens.views.misses]
    if lens.outliers:
        notes.append(f"{name}: {lens.outliers} single corners left out")
    if lens.bend:
        notes.append(
            f"{name}: the board is not as printed: its corners are off by up to {1000 * lens.bend:.2f} mm, which is "
            "accounted for"
        )
    return notes


def _compare(lenses: list[Any], path: Path) -> list[str]:
    """What the pictures say of another calibration."""
    from lift3d.calib.lens_comparison import compare_lens
    from lift3d.calib.lens_file import read_lenses
    from lift3d.datasets.pairing import pair_names

    theirs = read_lenses(path)
    pairs = pair_names([lens.camera.name for lens in lenses], list(theirs))
    notes = []
    for lens in lenses:
        pair = pairs.get(lens.camera.name)
        if pair is None:
            notes.append(f"{lens.camera.name}: no such camera in {path.name}")
            continue
        for difference in compare_lens(lens, theirs[pair.name]):
            notes.append(f"{lens.camera.name}: {path.name}: {difference.text}")
    return notes
