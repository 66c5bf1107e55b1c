"""``lift3d calibrate CAPTURE``: what the capture allows, lenses first, then places."""

from __future__ import annotations

from pathlib import Path

import click

LENS_FOLDERS = ("intrinsics", "calibration/intrinsic", "calibration/intrinsics", "checkerboard")
PLACE_FOLDERS = ("extrinsics", "calibration/extrinsic", "calibration/extrinsics", "board")
BOARD_FILES = ("board.toml", "charuco.toml")


@click.command("capture", hidden=True)
@click.argument("capture", type=click.Path(path_type=Path))
@click.option("--board", help="The board, as `lift3d calibrate board` takes it. [default: charuco.toml in CAPTURE]")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Where to. [default: calib.toml in CAPTURE]")
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
@click.pass_context
def command(ctx: click.Context, capture: Path, board: str | None, out: Path | None, overwrite: bool) -> None:
    """Do what CAPTURE allows: lenses from its board pictures, then the cameras' places from its board videos.

    Lenses come from intrinsics/, calibration/intrinsic/ or checkerboard/, or else from a calibration that lies in
    CAPTURE; places from extrinsics/, calibration/extrinsic/ or board/.
    """
    from lift3d.calib import CalibrationError

    lens_folder, place_folder = _first(capture, LENS_FOLDERS), _first(capture, PLACE_FOLDERS)
    file = _first(capture, BOARD_FILES)
    board = board or (str(file) if file else None)
    if lens_folder is None and place_folder is None:
        raise CalibrationError(
            f"{capture} holds no board pictures (looked for {', '.join((*LENS_FOLDERS, *PLACE_FOLDERS))}); for a "
            "capture of people use `lift3d calibrate people`"
        )
    if board is None:
        raise CalibrationError(f"{capture} does not say which board it shows; give --board or add a charuco.toml")
    lenses = capture / "lenses.toml" if out is None else out.with_name("lenses.toml")
    if lens_folder is not None:
        click.echo(f"lenses from {lens_folder}")
        _run(ctx, "intrinsics", lens_folder, board=board, out=lenses, overwrite=overwrite)
    if place_folder is None:
        click.echo("no board videos, so the cameras' places are not calibrated; see people and scene")
        return
    source = lenses if lens_folder is not None else _calibration(capture)
    click.echo(f"places from {place_folder}, lenses of {source}")
    out = out or capture / "calib.toml"
    _run(ctx, "board", place_folder, board=board, intrinsics=source, out=out, overwrite=overwrite)


def _first(capture: Path, names: tuple[str, ...]) -> Path | None:
    """The first of these that exists."""
    return next((capture / name for name in names if (capture / name).exists()), None)


def _calibration(capture: Path) -> Path:
    """The calibration whose lenses to take."""
    from lift3d.calib import CalibrationError
    from lift3d.calib.formats import detect_format

    files = sorted(file for file in capture.iterdir() if file.suffix in (".toml", ".txt") and detect_format(file))
    if not files:
        raise CalibrationError(f"{capture} has board videos but no lenses; put board photos into {capture}/intrinsics")
    return files[0]


def _run(ctx: click.Context, name: str, folder: Path, *, overwrite: bool, **options: object) -> None:
    """Another sub-command, its other options at their defaults."""
    from importlib import import_module

    command = import_module(f"lift3d.cli.calibrate.{name}").command
    assert isinstance(command, click.Command)
    arguments = [str(folder), *(word for key, value in options.items() for word in (f"--{key}", str(value)))]
    with command.make_context(name, [*arguments, *(["--overwrite"] if overwrite else [])], parent=ctx) as inner:
        command.invoke(inner)
