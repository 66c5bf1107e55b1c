"""``lift3d evaluate poses``: one person's poses against the truth."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click


@click.command("poses")
@click.argument("predicted", type=click.Path(path_type=Path))
@click.argument("truth", type=click.Path(path_type=Path))
@click.option("--person", type=click.IntRange(min=0), default=0, show_default=True, help="Whose, of several.")
@click.option("--every-joint", is_flag=True, help="All joints that both name, not the limbs alone.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON, in metres.")
def command(predicted: Path, truth: Path, person: int, every_joint: bool, as_json: bool) -> None:
    """Measure PREDICTED against TRUTH, each a result of lift3d or an npz with xyz [T, J, 3] in metres and joints [J].

    Frames correspond one to one. 95 % intervals come from drawing seconds of the sequence again.
    """
    from lift3d.pose_errors import compare_poses, read_sequence

    from ..console import print_table

    xyz, skeleton, fps = read_sequence(predicted, person=person)
    true_xyz, true_skeleton, true_fps = read_sequence(truth, person=person)
    errors = compare_poses(
        (xyz, skeleton), (true_xyz, true_skeleton), fps=true_fps or fps or 30.0, every_joint=every_joint
    )
    if as_json:
        by_joint = dict(zip(errors.joints, errors.by_joint.tolist(), strict=True))
        figures = {name: asdict(value) for name, value in errors.figures.items()}
        shares = {"3DPCK": errors.pck, "AUC": errors.auc}
        click.echo(json.dumps({"protocol": errors.protocol, **figures, **shares, "by_joint": by_joint}, indent=1))
        return
    print_table(("figure", "mm [95 %]"), [(name, value.text()) for name, value in errors.figures.items()])
    click.echo(f"3DPCK {100 * errors.pck:.1f} %, AUC {100 * errors.auc:.1f} %")
    rows = [(joint, f"{1000 * value:.1f}") for joint, value in zip(errors.joints, errors.by_joint, strict=True)]
    print_table(("joint", "PA-MPJPE mm"), rows)
    click.echo(errors.protocol)
