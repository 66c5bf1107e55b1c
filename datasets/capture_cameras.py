"""Settle which camera of the calibration has which keypoints, and refuse what does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lift3d.calib import InputError, Rig

from .capture_settings import FILE_NAME, CameraSettings, CaptureSettings, nearest
from .keypoint_formats.openpose import FOLDER_SUFFIX
from .pairing import Pair, pair_names, similar_key


def settle_cameras(settings: CaptureSettings, rig: Rig, found: Sequence[str]) -> CaptureSettings:
    """Write the names in ``capture.toml`` as calibration and keypoints do; similar names are understood.

    Args:
        settings: as read.
        rig: all cameras of the calibration.
        found: the names of the keypoints' cameras.

    Raises:
        InputError: a name is no camera, or two cameras are given the same keypoints.
    """
    cameras: dict[str, CameraSettings] = {}
    for name, entry in settings.cameras.items():
        camera = _match(name, rig.names)
        if camera is None:
            near = nearest(name, rig.names)
            raise InputError(f"{FILE_NAME}: [cameras.{name}] is no camera of the calibration; did you mean {near!r}?")
        cameras[camera] = replace(entry, keypoints=_given_keypoints(camera, entry, found))
    given = [entry.keypoints for entry in cameras.values() if entry.keypoints is not None]
    for name in given:
        if given.count(name) > 1:
            raise InputError(f"{FILE_NAME}: keypoints {name!r} are given to two cameras")
    both = (*rig.names, *found)
    excluded: list[str] = []
    for name in settings.exclude:
        matches = [known for known in both if name == known or similar_key(name) == similar_key(known)]
        if not matches:
            raise InputError(f"{FILE_NAME}: exclude: {name!r} is no camera; did you mean {nearest(name, both)!r}?")
        excluded += matches
        excluded += [k for c in matches if c in cameras and (k := cameras[c].keypoints) is not None]
    return replace(settings, cameras=cameras, exclude=tuple(dict.fromkeys(excluded)))


def pair_cameras(
    rig: Rig, found: Sequence[str], settings: CaptureSettings, source: Path
) -> tuple[Rig, dict[str, Pair]]:
    """Pair the cameras that are not excluded with their keypoints.

    Args:
        rig: all cameras of the calibration.
        found: the names of the keypoints' cameras.
        settings: settled by :func:`settle_cameras`.
        source: where the keypoints stand, for messages.

    Returns:
        The cameras that are used; each camera's pair, in the rig's order.

    Raises:
        InputError: a camera lacks keypoints, or keypoints lack a camera.
    """
    cameras = [name for name in rig.names if name not in settings.exclude]
    names = [name for name in found if name not in settings.exclude]
    if not cameras:
        raise InputError(f"{FILE_NAME}: exclude leaves no camera of the calibration ({', '.join(rig.names)})")
    given = {c: k for c in cameras if (k := settings.cameras.get(c, CameraSettings()).keypoints) is not None}
    pairs = pair_names(cameras, names, given)
    taken = {pair.name for pair in pairs.values()}
    bare = [name for name in cameras if name not in pairs]
    spare = [name for name in names if name not in taken]
    if bare or spare:
        raise InputError(_unpaired(bare, spare, source))
    return rig.select(cameras), pairs


def pairing_notes(pairing: dict[str, Pair]) -> list[str]:
    """Lines on pairs that were not settled by equal names."""
    notes = []
    for how, told in (
        ("similar name", "cameras were paired with keypoints by similar names: {}"),
        (
            "order",
            "cameras were paired with keypoints by order, since no name fits: {}; if that is wrong, say it in "
            + FILE_NAME,
        ),
        ("capture.toml", FILE_NAME + " pairs {}"),
    ):
        pairs = [f"{camera} = {pair.name}" for camera, pair in pairing.items() if pair.how == how]
        if pairs:
            notes.append(told.format(", ".join(pairs)))
    return notes


def _match(name: str, known: Sequence[str]) -> str | None:
    """The known name that is equal, or else the only one that is similar."""
    if name in known:
        return name
    similar = [other for other in known if similar_key(other) == similar_key(name)]
    return similar[0] if len(similar) == 1 else None


def _given_keypoints(camera: str, entry: CameraSettings, found: Sequence[str]) -> str | None:
    """The keypoints that capture.toml gives a camera, by the name they were found under."""
    if entry.keypoints is None or entry.keypoints in found:
        return entry.keypoints
    bare = Path(entry.keypoints).name.removesuffix(FOLDER_SUFFIX)
    if bare in found:
        return bare
    raise InputError(
        f"{FILE_NAME}: cameras.{camera}: there are no keypoints {entry.keypoints!r}; "
        f"did you mean {nearest(bare, tuple(found))!r}?"
    )


def _unpaired(bare: Sequence[str], spare: Sequence[str], source: Path) -> str:
    """One line on cameras without keypoints and keypoints without a camera."""
    found, advice = [], []
    if bare:
        found.append(f"no keypoints of {', '.join(bare)}")
        if source.is_dir():
            advice.append(f"put them there ({bare[0]}{FOLDER_SUFFIX}/)")
    if spare:
        found.append(f"keypoints {', '.join(spare)} of no camera in the calibration")
    if bare and spare:
        advice.append(f"pair them by `[cameras.{bare[0]}] keypoints = ...`")
    listed = ", ".join(f'"{name}"' for name in (*bare, *spare))
    advice.append(f"leave them out by `exclude = [{listed}]`")
    return f"{source}: {' and '.join(found)}; {', or '.join(advice)} in {FILE_NAME}"
