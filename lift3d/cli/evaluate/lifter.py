"""``lift3d evaluate lifter``: a table of errors with confidence intervals."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from lift3d.lifters.evaluation import Row

COLUMNS = ("2D", "method", "poses", "MPJPE mm", "PA-MPJPE mm", "N-MPJPE mm", "3DPCK %", "AUC %", "in 90 % interval")
JOINT_COLUMNS = ("joint", "2D", "MPJPE mm")


@click.command("lifter")
@click.argument("checkpoint", type=click.Path(path_type=Path), required=False)
@click.option("--data", type=click.Path(path_type=Path), help="The motion capture with the test subjects.")
@click.option("--panoptic", type=click.Path(path_type=Path), help="A folder with CMU Panoptic's poses and calibration.")
@click.option("--baselines/--no-baselines", default=True, show_default=True,
              help="Measure also mean pose, nearest exemplar and linear regression.")  # fmt: skip
@click.option("--flip-test/--no-flip-test", default=True, show_default=True,
              help="Average with the answer for the mirror image, as `lift3d lift` does.")  # fmt: skip
@click.option("--one-body/--no-one-body", default=True, show_default=True,
              help="Measure also one body fitted to the frames around, as `lift3d lift` does.")  # fmt: skip
@click.option("--details", is_flag=True, help="Also each action and, for exact 2D, each joint.")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:1.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON, in metres.")
def command(
    checkpoint: Path | None,
    data: Path | None,
    panoptic: Path | None,
    baselines: bool,
    flip_test: bool,
    one_body: bool,
    details: bool,
    device: str,
    as_json: bool,
) -> None:
    """Measure CHECKPOINT, a lifter.pt of `lift3d train lifter` or one that ships: tcn (the default), mlp, tcn-causal.

    The 95 % intervals come from drawing whole clips (Panoptic: whole cameras) again.
    """
    from lift3d.calib import InputError
    from lift3d.lifters.evaluation import Protocol, evaluate_lifter, evaluate_panoptic
    from lift3d.lifters.lifter import Lifter

    from ..console import print_table, progress_bar

    if data is None and panoptic is None:
        raise InputError("there is nothing to measure on; give --data, --panoptic or both")
    lifter = Lifter.load(checkpoint, device=device)
    rows: list[Row] = []
    how = Protocol(flip_test, details, one_body)
    with progress_bar() as progress:
        if data is not None:
            rows += evaluate_lifter(lifter, data, baselines=baselines, protocol=how, progress=progress)
        if panoptic is not None:
            rows += evaluate_panoptic(lifter, panoptic, linear_from=data if baselines else None, protocol=how)
            rows += evaluate_panoptic(lifter, panoptic, noise=1.0, protocol=how)
    protocol = (
        f"16 joints relative to the pelvis, camera frame, {'' if flip_test else 'no '}flip test; "
        f"{lifter.description['protocol']}; "
        "Panoptic: the twelve limb joints"
    )
    if as_json:
        click.echo(json.dumps({"protocol": protocol, "rows": [asdict(row) for row in rows]}, indent=1))
        return
    print_table(COLUMNS, [_cells(row) for row in rows])
    if details:
        print_table(JOINT_COLUMNS, _by_joint(rows))
    click.echo(protocol)


def _by_joint(rows: list[Row]) -> list[tuple[str, str, str]]:
    """Each joint's error under exact 2D, millimetres, by the last method of each table."""
    last = {row.condition: row for row in rows if row.condition in ("truth", "Panoptic HD, truth")}
    return [
        (joint, condition, f"{1000 * value:.1f}")
        for condition, row in last.items()
        for joint, value in row.by_joint.items()
    ]


def _cells(row: Row) -> tuple[object, ...]:
    """A row in millimetres and percent."""
    covered = None if row.coverage != row.coverage else f"{100 * row.coverage:.0f} %"
    shares = (f"{100 * row.pck:.1f}", f"{100 * row.auc:.1f}")
    errors = (row.mpjpe.text(), row.pa_mpjpe.text(), row.n_mpjpe.text())
    return (row.condition, row.method, row.samples, *errors, *shares, covered)
