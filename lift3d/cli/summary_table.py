"""A reconstruction's summary as a person reads it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from .console import print_table


def print_summary(summary: dict[str, Any]) -> None:
    """Print what was read, tables per camera, joint and bone, and last the verdict."""
    print_input(summary["input"])
    _print_cameras(summary)
    _print_joints(summary)
    rows = [(bone["name"], bone["length_mm"], bone["cv_percent"]) for bone in summary["bones"]]
    if rows:
        click.echo()
        print_table(("limb", "length mm", "variation %"), rows)
    _print_people(summary)
    _print_swaps(summary)
    click.echo()
    _print_result(summary)


def print_input(source: dict[str, Any]) -> None:
    """Print which calibration and keypoints were taken, and remarks."""
    click.echo(f"calibration  {source['calibration']}")
    click.echo(f"keypoints    {source['keypoints']} ({source['joint_set']})")
    print_notes(source["notes"])


def print_notes(notes: Sequence[str]) -> None:
    """Print remarks, one a line."""
    for note in notes:
        click.echo(f"note         {note}")


def _print_cameras(summary: dict[str, Any]) -> None:
    """One row a camera."""
    pairing = summary["input"]["pairing"]
    rows = [
        (
            camera["name"],
            pairing[camera["name"]]["keypoints"],
            camera["frames_seen"],
            camera["used_percent"],
            camera["residual_px"],
            _vector(camera["bias_px"]),
            camera["swapped_frames"],
        )
        for camera in summary["cameras"]
    ]
    click.echo()
    print_table(("camera", "keypoints", "frames", "used %", "residual px", "bias px", "L/R undone"), rows)


def _vector(values: list[float | None]) -> str | None:
    """(+1.2, -3.4)"""
    if None in values:
        return None
    return "(" + ", ".join(f"{value:+.1f}" for value in values) + ")"


def _print_joints(summary: dict[str, Any]) -> None:
    """One row a joint; the residual in every camera shows which of them disagrees."""
    names = [camera["name"] for camera in summary["cameras"]]
    rows = [
        (
            joint["name"],
            joint["present_percent"],
            joint["gaps"],
            joint["longest_gap"],
            joint["views"],
            joint["sigma_mm"],
            *(joint["residual_px"][name] for name in names),
        )
        for joint in summary["joints"]
        if joint["present_percent"] or any(value is not None for value in joint["residual_px"].values())
    ]
    never = [joint["name"] for joint in summary["joints"] if not joint["present_percent"]]
    click.echo()
    heading = ("joint", "there %", "gaps", "longest", "views", "sigma mm", *(f"{name} px" for name in names))
    print_table(heading, rows)
    if never:
        click.echo(f"never found: {', '.join(never)}")


REASONS = {
    "passer-by": "passing by: seen by two cameras, but only for a moment",
    "two cameras only": "seen by two of the cameras only, which a third never confirmed",
    "contradicted": "seen by two cameras where a third looks and sees nobody: a mirror, a picture, or chance",
    "outside the region": "outside the region",
    "more than asked for": "more than were asked for",
    "one camera only": "seen by one camera only",
}


def _print_people(summary: dict[str, Any]) -> None:
    """One row a person where there are several, and who was left out."""
    persons = summary["persons"]
    if len(persons) > 1 or any(row["static"] for row in persons):
        heading = ("person", "frames", "first", "last", "cameras", "moves mm", "posture mm", "limbs vary %", "")
        keys = ("person", "frames", "first", "last", "cameras", "place_mm", "posture_mm", "bone_cv_percent")
        click.echo()
        print_table(heading, [(*(row[key] for key in keys), "static" if row["static"] else "") for row in persons])
    left_out = summary["left_out"]
    for reason, count in left_out["count"].items():
        mine = [item for item in left_out["longest"] if item["reason"] == reason]
        static = sum(item["static"] for item in mine)
        where = f"; the longest in frames {mine[0]['first']}-{mine[0]['last']}" if mine else ""
        where += f" of {' and '.join(mine[0]['cameras'])}" if mine else ""
        where += f", {static} of them static" if static else ""
        click.echo(f"left out     {count} {REASONS[reason]}{where}")


MOST_RUNS = 8


def _print_swaps(summary: dict[str, Any]) -> None:
    """Where left and right were exchanged back: a line a camera."""
    several = len(summary["persons"]) > 1
    runs: dict[str, list[str]] = {}
    for row in summary["left_right_runs"]:
        frames = str(row["first"]) if row["first"] == row["last"] else f"{row['first']}-{row['last']}"
        text = f"{frames} ({row['part']}" + (f" of person {row['person']})" if several else ")")
        runs.setdefault(row["camera"], []).append(text)
    for camera, texts in runs.items():
        more = f" and {len(texts) - MOST_RUNS} more" if len(texts) > MOST_RUNS else ""
        click.echo(f"{camera} left and right exchanged, undone, in frames {', '.join(texts[:MOST_RUNS])}{more}")


def _print_result(summary: dict[str, Any]) -> None:
    """The figures that matter most, and the verdict."""
    found, frames = summary["frames_with_person"], summary["frames"]
    click.echo(
        f"{found} of {frames} frames at {summary['fps']:g} fps, {summary['joints_present_percent']:g} % of the joints; "
        f"residual {summary['residual_px']:g} px, sigma {summary['sigma_mm']:g} mm"
        + (f", limb lengths vary by {summary['bone_cv_percent']:g} %" if summary["bone_cv_percent"] else "")
    )
    if summary["frames_with_another_person"] and not summary["left_out"]["count"]:
        click.echo(
            f"another person may stand in {summary['frames_with_another_person']} frames: two or more cameras agree on "
            "one who is not in the result"
        )
    if summary["smoothing"]["method"] != "none":
        click.echo("smoothed by {method}, {filled} joints in short gaps filled in".format(**summary["smoothing"]))
    verdict = summary["verdict"]
    color = {"good": "green", "doubtful": "yellow", "bad": "red"}[verdict["level"]]
    click.echo(f"verdict: {click.style(verdict['level'], fg=color, bold=True)}")
    for reason in verdict["reasons"]:
        click.echo(f"  - {reason}")
    click.echo(f"wrote {summary['file']}")
