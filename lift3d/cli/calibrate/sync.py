"""``lift3d calibrate sync``: by how much cameras are out of step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..capture_options import capture_options

if TYPE_CHECKING:
    from lift3d.calib.sync import Synchronisation


@click.command("sync")
@capture_options
@click.option("-o", "--out", type=click.Path(path_type=Path), default=Path("capture_sync.toml"), show_default=True,
              help="The file to write: a capture.toml with the offsets in it.")  # fmt: skip
@click.option("--reach", type=float, default=2.0, show_default=True, help="Seconds to either side that are searched.")
@click.option("--drift", is_flag=True, help="Measure how fast clocks run apart too; for captures of minutes.")
@click.option("--clap", type=(str, float), multiple=True, metavar="CAM FRAME",
              help="The frame in which a camera shows a clap; once for each camera.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace a file that exists.")
@click.pass_context
def command(
    context: click.Context,
    capture: Path,
    out: Path,
    reach: float,
    drift: bool,
    clap: tuple[tuple[str, float], ...],
    calibration: Path | None,
    keypoints: Path | None,
    as_json: bool,
    overwrite: bool,
) -> None:
    """Find by how many frames each camera of CAPTURE is early or late, from the motion of the person in it.

    Offsets are added to a camera's frame numbers; the first camera's clock is the capture's. Somebody must move all
    the time, in ways that do not repeat: walk and turn, swing arms. Exit code 1, and no file, if it is not sure.
    """
    from lift3d.calib.atomic_file import check_writable
    from lift3d.calibrate_sync import clap_offsets, synchronise_people, write_offsets
    from lift3d.datasets.capture import open_capture

    from ..console import progress_bar

    check_writable(out, overwrite=overwrite)
    with progress_bar() as progress:
        opened = open_capture(capture, calibration=calibration, keypoints=keypoints, progress=progress)
        if clap:
            offsets = {name: (offset, 0.0) for name, offset in clap_offsets(dict(clap), opened.rig).items()}
            write_offsets(capture, out, offsets, overwrite=overwrite)
            click.echo(json.dumps({name: offset for name, (offset, _) in offsets.items()}))
            return
        found = synchronise_people(opened.keypoints, opened.rig, reach_s=reach, drift=drift, progress=progress)
    if found.sure:
        offsets = {clock.name: (clock.offset, clock.drift_ppm if drift else 0.0) for clock in found.clocks}
        write_offsets(capture, out, offsets, overwrite=overwrite)
    _report(found, out, drift=drift, as_json=as_json)
    if not found.sure:
        context.exit(1)


def _report(found: Synchronisation, out: Path, *, drift: bool, as_json: bool) -> None:
    """The clocks, for a person or a program."""
    from ..console import print_table

    rows: list[dict[str, Any]] = [
        {
            "name": clock.name,
            "offset_frames": round(clock.offset, 3),
            "sigma_frames": round(clock.sigma, 3),
            "drift_ppm": round(clock.drift_ppm, 1) if drift else None,
            "drift_sigma_ppm": round(clock.drift_sigma_ppm, 1) if drift else None,
            "motion_confirmed_percent": round(100 * clock.coherence),
            "sure": clock.sure,
        }
        for clock in found.clocks
    ]
    reasons = {clock.name: clock.reason for clock in found.clocks if clock.reason}
    if as_json:
        click.echo(
            json.dumps({"file": str(out) if found.sure else None, "cameras": rows, "reasons": reasons}, indent=1)
        )
        return
    print_table(
        ("camera", "offset frames", "sigma", "drift ppm", "sigma", "motion confirmed %", "sure"),
        [tuple(("yes" if value else "no") if isinstance(value, bool) else value for value in r.values()) for r in rows],
    )
    for name, reason in reasons.items():
        click.echo(f"{name}: {reason}")
    click.echo(f"wrote {out}" if found.sure else "not synchronised; nothing was written")
