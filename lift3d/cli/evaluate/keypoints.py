"""``lift3d evaluate keypoints``: how well a detector finds joints of labelled people."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from lift3d.detectors.detection import Detector, KeypointDetector
    from lift3d.detectors.scoring import GroupFigures, JointFigures

COLUMNS = ("people", "number", "judged", "PCK@0.2 %", "PCK@0.1 %", "mean of joints %", "PCKh@0.5 %", "median error",
           "not found %", "OKS", "AP", "AP50", "AP75", "AR")  # fmt: skip
JOINT_COLUMNS = ("joint", "labels", "PCK@0.2 %", "PCK@0.1 %", "PCKh@0.5 %", "median error", "mean error, capped at 1")


@click.command("keypoints")
@click.argument("detector", metavar="WEIGHTS|DETECTOR")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Labelled people: COCO or MPII JSON.")
@click.option("--images", type=click.Path(path_type=Path), required=True, help="The folder with the pictures.")
@click.option("--decode", "decoding", type=click.Choice(("window", "global", "dark", "argmax")), default="dark",
              show_default=True, help="How joints are read from our own networks' maps.")  # fmt: skip
@click.option("--flip/--no-flip", default=None,
              help="Look at the mirror image too, and at both enlarged [default: as detect does].")  # fmt: skip
@click.option("--teacher", is_flag=True, help="Count labels that a network made, too, not those of humans alone.")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:1.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON, in shares and torso diagonals.")
@click.option("--sheet", type=click.Path(path_type=Path), help="Write a PNG of the best and the worst people.")
@click.option("--reliability", type=click.Path(path_type=Path), help="Write the reliability curve as SVG.")
@click.option("--overwrite", is_flag=True, help="Replace pictures that exist.")
def command(
    detector: str,
    data: Path,
    images: Path,
    decoding: str,
    flip: bool | None,
    teacher: bool,
    device: str,
    as_json: bool,
    sheet: Path | None,
    reliability: Path | None,
    overwrite: bool,
) -> None:
    """Measure a detector on labelled people; errors are in torso diagonals (shoulder to opposite hip).

    It is a keypoints.pt of `lift3d train keypoints` or another model's file, or a name that `lift3d detect --detector`
    knows. Our own networks are given the labelled boxes; detectors that find people by themselves see whole pictures.
    """
    from lift3d.calib import InputError
    from lift3d.datasets.people_images import read_people_images
    from lift3d.detectors.evaluation import evaluate_keypoints
    from lift3d.detectors.evaluation_sheet import write_reliability, write_sheet

    from ..console import progress_bar

    for path in (sheet, reliability):
        if path is not None and path.exists() and not overwrite:
            raise FileExistsError(f"{path} exists; give --overwrite to replace it")
    people = read_people_images(data, images)
    if not teacher:
        people = people.without_teacher()
        if not len(people):
            raise InputError(f"{data}: all labels were made by a network; give --teacher to count them")
    opened, settings = _open(detector, decoding, flip, device)
    with progress_bar() as progress:
        found = evaluate_keypoints(opened, people, progress=progress)
    if as_json:
        click.echo(json.dumps(_finite({**found.as_dict(), "settings": settings}), indent=1))
    else:
        _print(found.groups, found.joints)
        click.echo(f"confidence as probability to be within {found.radius:g} torso diagonals: expected calibration "
                   f"error {found.reliability.expected_error:.3f}")  # fmt: skip
        click.echo(f"{settings}; {found.protocol}")
    if sheet is not None:
        click.echo(f"wrote {write_sheet(found, people, sheet, overwrite=overwrite)}", err=as_json)
    if reliability is not None:
        written = write_reliability(found, reliability, name=Path(detector).stem, overwrite=overwrite)
        click.echo(f"wrote {written}", err=as_json)


def _open(name: str, decoding: str, flip: bool | None, device: str) -> tuple[KeypointDetector | Detector, str]:
    """The detector, and in words how it works."""
    from lift3d.detectors.pipeline import TopDown
    from lift3d.detectors.registry import DetectorOptions, open_detector

    if name.endswith(".pt") and not Path(name).is_file():
        raise FileNotFoundError(f"{name} does not exist; `lift3d train keypoints` makes checkpoints")
    whole = open_detector(name, DetectorOptions(device=device, flip=flip, boxes_given=True))
    if not isinstance(whole, TopDown):
        return whole, f"{name}, whole pictures: the person is taken whose box overlaps the labelled one most"
    from lift3d.detectors.keypoint_network import KeypointNetwork  # PyTorch, which MediaPipe's users need not have

    network = whole.keypoints
    if not isinstance(network, KeypointNetwork):
        return network, f"{name}, boxes as labelled"
    network.decoding = decoding
    flipped = "with" if network.flip else "no"
    return network, f"{name}, boxes as labelled, {decoding} decoding, {flipped} flip test"


def _print(groups: tuple[GroupFigures, ...], joints: tuple[JointFigures, ...]) -> None:
    """Both tables."""
    from ..console import print_table

    print_table(COLUMNS, [_cells(row) for row in groups])
    click.echo()
    rows = [
        (row.joint, row.keypoints, *map(_percent, (row.pck, row.fine, row.pckh)), *map(_number, (row.median, row.mean)))
        for row in joints
    ]
    print_table(JOINT_COLUMNS, rows)


def _cells(row: GroupFigures) -> tuple[object, ...]:
    """People as a row."""
    shares = (row.pck.text(100.0), row.fine.text(100.0), _percent(row.joint_mean), _percent(row.pckh))
    ap = tuple(_percent(row.ap.get(name, math.nan)) for name in ("AP", "AP50", "AP75", "AR"))
    similarity = (_number(row.median), _percent(row.missed), _number(row.oks))
    return (row.name, row.people, row.judged, *shares, *similarity, *ap)


def _percent(share: float) -> str | None:
    """With a decimal; None for what is not defined."""
    return None if math.isnan(share) else f"{100 * share:.1f}"


def _number(value: float) -> str | None:
    """With three decimals; None for what is not defined."""
    return None if math.isnan(value) else f"{value:.3f}"


def _finite(tree: Any) -> Any:
    """JSON knows neither NaN nor infinity: null stands for them."""
    if isinstance(tree, dict):
        return {key: _finite(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [_finite(value) for value in tree]
    return None if isinstance(tree, float) and not math.isfinite(tree) else tree
