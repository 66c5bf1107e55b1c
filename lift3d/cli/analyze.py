"""``lift3d analyze``: joint angles and what else a movement tells, as tables and pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click


@click.command("analyze")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), help="The folder to write to. [default: <FILE's name>-kinematics]"
)
@click.option("--person", type=click.IntRange(min=1), help="Only this person. [default: everybody]")
@click.option(
    "--sex",
    type=click.Choice(["female", "male", "mean"]),
    default="mean",
    show_default=True,
    help="Whose segment masses the centre of mass takes.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
def command(file: Path, out: Path | None, person: int | None, sex: str, as_json: bool, overwrite: bool) -> None:
    """Turn the skeletons of FILE (*.poses.h5) into joint angles, lengths, centre of mass, foot contacts and symmetry.

    Writes tables (angles, segments, events, com, speeds, symmetry; CSV with units in the headings) and pictures (legs,
    arms, trunk, com; PNG with error bands). Angles follow the ISB's recommendations where joint centres allow it; what
    they cannot tell stays empty. docs/kinematics.md says what each column means.
    """
    from lift3d.kinematics.report import analyze_file

    from .console import progress_bar

    out = out or Path(file.name.removesuffix(".h5").removesuffix(".poses") + "-kinematics")
    with progress_bar() as progress:
        report = analyze_file(
            file,
            out,
            person=None if person is None else person - 1,
            sex=sex,  # type: ignore[arg-type]
            overwrite=overwrite,
            progress=progress,
        )
    if as_json:
        click.echo(json.dumps(report, indent=1))
        return
    for someone in report["people"]:
        if len(report["people"]) > 1:
            click.echo(f"person {someone['person']}")
        _print(someone)
    click.echo(f"wrote {sum(len(p['files']) for p in report['people'])} files into {report['folder']}")


def _print(found: dict[str, Any]) -> None:
    """For a person: angles, gait, symmetry, and what is missing."""
    from .console import print_table

    keys = ("name", "present_percent", "least_deg", "median_deg", "most_deg", "sigma_deg")
    rows = [tuple(row[key] for key in keys) for row in found["angles"] if row["present_percent"]]
    print_table(("angle", "there %", "least deg", "median deg", "most deg", "sigma deg"), rows)
    gait = found["gait"]
    if gait["left"]["strides"] or gait["right"]["strides"]:
        names = list(gait["left"])
        click.echo()
        print_table(
            ("gait", "left", "right"),
            [(name.replace("_", " "), gait["left"][name], gait["right"][name]) for name in names],
        )
        click.echo(f"cadence      {gait['cadence_per_min']} steps a minute")
    events = found["events"]
    click.echo(f"\nevents       {', '.join(f'{count} {name}' for name, count in events.items())}".replace("_", " "))
    for note in found["notes"]:
        click.echo(f"note         {note}")
