"""``lift3d detect``: from videos and pictures to 2D keypoints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from lift3d.detect import Detected
    from lift3d.detect_capture import DetectorChoice


@click.command("detect")
@click.argument("source", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="VIDEO|IMAGES|CAPTURE...")
@click.option("-o", "--out", type=click.Path(path_type=Path),
              help="The keypoints file. [default: ./NAME.keypoints.h5; of a capture, inside it]")  # fmt: skip
@click.option("--detector", default="light", show_default=True,
              help="light, accurate, rtmpose, onnx, mediapipe, torchvision, or the path of a model.")  # fmt: skip
@click.option("--weights", type=click.Path(path_type=Path), help="The detector's model, where it is not its own.")
@click.option("--person-weights", type=click.Path(path_type=Path), help="A checkpoint of `lift3d train people`.")
@click.option("--boxes", type=click.Path(path_type=Path),
              help="Look in these boxes: CSV or COCO JSON, or a folder with one a camera.")  # fmt: skip
@click.option("--people", type=click.IntRange(min=1), help="No more than so many in a picture. [default: all]")
@click.option("--flip/--no-flip", default=None,
              help="Look at the mirror image too, and at both enlarged. [default: our own networks do]")  # fmt: skip
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:1.")
@click.option("--download", is_flag=True, help="Let rtmpose or torchvision fetch their models.")
@click.option("--calibration", type=click.Path(path_type=Path), help="Of a capture: the calibration to take.")
@click.option("--preview", is_flag=True, help="Draw what was found: a video, or a sheet of pictures.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
def command(
    source: tuple[Path, ...],
    out: Path | None,
    detector: str,
    weights: Path | None,
    person_weights: Path | None,
    boxes: Path | None,
    people: int | None,
    flip: bool | None,
    device: str,
    download: bool,
    calibration: Path | None,
    preview: bool,
    as_json: bool,
    overwrite: bool,
) -> None:
    """Find people's joints in videos, in pictures, or in the videos of a capture, and write them as one file.

    Several videos are cameras that filmed the same; a folder of pictures holds pictures that stand for themselves. A
    run that was stopped goes on where it was, if it is started again in the same way.
    """
    from lift3d.calib.atomic_file import check_writable
    from lift3d.detect import DetectConfig
    from lift3d.detect_capture import DetectorChoice, detect_capture
    from lift3d.detectors.registry import DetectorOptions

    from .console import progress_bar

    options = DetectorOptions(weights, person_weights, device=device, flip=flip, people=people, download=download)
    choice = DetectorChoice(detector, options, DetectConfig(people=people, boxes=boxes))
    capture = source[0] if len(source) == 1 and is_capture(source[0]) else None
    target = out or (None if capture else Path(f"{source[0].resolve().stem}.keypoints.h5"))
    drawn = preview_path(source, target, pictures=capture is None and not is_video(source[0])) if preview else None
    if drawn is not None:
        check_writable(drawn, overwrite=overwrite)
    with progress_bar(rate="fps") as progress:
        if capture is not None:
            result = detect_capture(
                capture, target, choice=choice, calibration=calibration, overwrite=overwrite, progress=progress
            )
        else:
            assert target is not None
            result = _detect(source, target, choice, overwrite=overwrite, progress=progress)
        if drawn is not None:
            _draw(result, drawn, overwrite=overwrite, progress=progress)
    if as_json:
        click.echo(json.dumps({**result.summary(), "preview": str(drawn) if drawn else None}, indent=1))
    else:
        _print(result.summary(), drawn)


def is_capture(path: Path) -> bool:
    """Whether a folder holds videos, rather than pictures."""
    from lift3d.datasets.capture_folder import find_videos

    return path.is_dir() and bool(find_videos(path))


def is_video(path: Path) -> bool:
    """Whether a file is a video by its name."""
    from lift3d.datasets.video import VIDEO_SUFFIXES

    return path.suffix.lower() in VIDEO_SUFFIXES and not path.is_dir()


def preview_path(source: tuple[Path, ...], target: Path | None, *, pictures: bool) -> Path:
    """Where the preview goes: beside the keypoints, or for a capture here."""
    ending = ".preview.png" if pictures else ".preview.mp4"
    if target is None:
        return Path(f"{source[0].resolve().name}.keypoints{ending}")
    return target.with_name(target.name.removesuffix(".h5") + ending)


def _detect(source: tuple[Path, ...], out: Path, choice: DetectorChoice, **settings: Any) -> Detected:
    """In videos or pictures that no capture holds together."""
    from dataclasses import replace

    from lift3d.datasets.frames import open_frames
    from lift3d.detect import camera_names, detect_videos
    from lift3d.detectors.registry import open_detector

    sources = camera_names(source)
    given = choice.config.boxes is not None
    options = replace(choice.options, fps=open_frames(source[0]).fps, boxes_given=given)
    assert choice.name is not None
    return detect_videos(sources, out, open_detector(choice.name, options), config=choice.config, **settings)


def _draw(result: Detected, path: Path, **settings: Any) -> None:
    """The preview."""
    from lift3d.datasets.frames import open_frames
    from lift3d.viz.detection_preview import write_preview

    sources = {camera.name: open_frames(camera.path) for camera in result.cameras}
    write_preview(result.keypoints, sources, path, **settings)


def _print(summary: dict[str, Any], drawn: Path | None) -> None:
    """For a person."""
    from .console import print_table
    from .summary_table import print_notes

    print_notes(summary["notes"])
    rows = [
        (
            camera["name"],
            camera["frames"],
            len(camera["bad_frames"]),
            camera["frames_with_people"],
            camera["most_people"],
            camera["joints_found_percent"],
        )
        for camera in summary["cameras"]
    ]
    print_table(("camera", "frames", "bad", "with people", "most people", "joints %"), rows)
    click.echo()
    joints = summary["joints_found_percent"]
    click.echo(
        f"{summary['frames']} frames, {summary['people']} people at most, "
        + (f"{joints:g} % of their joints found, " if joints is not None else "")
        + f"{summary['bad_frames']} bad frames, {summary['fps']:.1f} fps"
        + (f" ({summary['resumed_frames']} frames by an earlier run)" if summary["resumed_frames"] else "")
    )
    click.echo(f"wrote {summary['file']}" + (f" and {drawn}" if drawn else ""))
