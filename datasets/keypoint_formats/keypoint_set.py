"""Keypoints together with what reading them told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..keypoints import Keypoints

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Span:
    """The frames that one camera's keypoints cover; ``count`` of them are there."""

    first: int
    last: int
    count: int


@dataclass(frozen=True, eq=False)
class KeypointSet:
    """What a keypoint reader found.

    Args:
        keypoints: the container.
        fingerprint: SHA-256 over the names and bytes of what was read.
        spans: camera name to its frames, before alignment.
        notes: lines for the user.
    """

    keypoints: Keypoints
    fingerprint: str
    spans: dict[str, Span]
    notes: tuple[str, ...] = ()


def span_notes(spans: dict[str, Span], gaps: dict[str, list[int]]) -> list[str]:
    """Lines on cameras whose frames differ, and on frames that lack inside a camera's own range."""
    notes = []
    if len({(span.first, span.last) for span in spans.values()}) > 1:
        groups: dict[Span, list[str]] = {}
        for camera, span in spans.items():
            groups.setdefault(span, []).append(camera)
        told = "; ".join(
            f"{', '.join(names)} {span.first}-{span.last} ({span.count} frames)" for span, names in groups.items()
        )
        notes.append(f"the cameras' keypoints differ in length and were aligned by frame number: {told}")
    for camera, missing in gaps.items():
        if missing:
            notes.append(
                f"{camera}: frames missing in between, counted as not seen: {ranges(missing)} ({len(missing)})"
            )
    return notes


def ranges(numbers: list[int], limit: int = 5) -> str:
    """Rising numbers as "3, 7-9, 12", at most ``limit`` runs of them."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    told = [str(first) if first == last else f"{first}-{last}" for first, last in runs[:limit]]
    return ", ".join(told) + (", …" if len(runs) > limit else "")
