"""Do the keypoints belong to the cameras? The geometry knows.

Files are paired by name, and names lie: two cameras' files exchanged, pictures turned by a quarter, keypoints made on
video of half the size, one camera calibrated in millimetres. Each of these leaves the views in disagreement, and each
has a remedy under which they agree. This module finds the views that disagree and tries the remedies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError, Rig
from lift3d.datasets import Keypoints

from .association import Association, associate
from .people import best_of_frames
from .point_solver import Array
from .remedies import Remedy, predicted_view, remedies, reorder
from .reordering import find_order

SAMPLE_FRAMES = 40
CROWD, CROWD_FRAMES = 24, 10
"""With more candidates than this in a frame, fewer frames must do."""

MIN_AGREEMENT = 0.6
"""Share of the frames in which a view must know the person it should see; a sound view has over 0.9."""

WRONG_AGREEMENT = 0.2
"""Below this share a view that no remedy explains is called wrong, if it should see the person and sees people."""

MIN_GAIN = 0.4
"""Votes a frame that a remedy must win; a view put right wins 0.7 to 0.9."""

LIMB_RANGE_M = (0.2, 0.65)
"""Thigh or shank of anyone from a small child to a giant."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class PairingReport:
    """What the geometry says of the pairing.

    Args:
        agreement: camera name to the share of frames in which it agrees with the others.
        suspects: cameras that disagree.
        wrong: suspects that see people where they should see this person, and yet do not agree.
        remedies: what would make the views agree, in the order in which to apply them; empty if nothing found would.
    """

    agreement: dict[str, float]
    suspects: tuple[str, ...]
    wrong: tuple[str, ...]
    remedies: tuple[Remedy, ...]

    @property
    def message(self) -> str:
        """One line for the user; empty if all is well or nothing certain can be said."""
        if self.remedies:
            what = "; ".join(remedy.found for remedy in self.remedies)
            who = self.wrong or self.suspects
            return f"the keypoints do not fit the cameras ({self._shares(who)}): they would if {what}"
        if self.wrong:
            return (
                f"{', '.join(self.wrong)} disagree{'s' if len(self.wrong) == 1 else ''} with the other cameras "
                f"({self._shares(self.wrong)}), and no exchange of files, turn, scale, shift or unit explains it: "
                f"calibrate again, or leave it out by `exclude = {list(self.wrong)}` in capture.toml".replace("'", '"')
            )
        return ""

    def _shares(self, names: tuple[str, ...]) -> str:
        """'cam01 agrees in 3 % of the frames, cam02 in 1 %'."""
        return ", ".join(f"{name} agrees in {100 * self.agreement[name]:.0f} % of the frames" for name in names)


def check_pairing(
    keypoints: Keypoints, rig: Rig, association: Association, *, progress: Progress | None = None
) -> PairingReport:
    """Find the views that disagree with the others, and what would put them right.

    Args:
        keypoints: all detections.
        rig: the cameras, in the views' order.
        association: what :func:`lift3d.association.associate` made of them.
        progress: called with (stage, remedies tried, remedies in all).
    """
    shares = view_agreement(keypoints, association)
    agreement = dict(zip(rig.names, map(float, shares), strict=True))
    suspects = tuple(name for name, share in agreement.items() if share < MIN_AGREEMENT)
    if not suspects:
        return PairingReport(agreement, (), (), ())
    sample = _sample(keypoints)
    found = _search(sample, rig, set(suspects), progress)
    wrong = tuple(name for name in suspects if agreement[name] < WRONG_AGREEMENT and len(rig) > 2)
    if wrong and not found:
        # A network that takes backs for fronts is no reason to doubt a camera.
        turned = view_agreement(sample, best_of_frames(sample, rig, exchanged=True))
        agreement |= {name: max(agreement[name], float(turned[rig.names.index(name)])) for name in wrong}
        wrong = tuple(name for name in wrong if agreement[name] < WRONG_AGREEMENT)
        wrong = tuple(name for name in wrong if _should_see(keypoints, rig, association, name))
    return PairingReport(agreement, suspects, wrong, tuple(found))


def check_exchanged(
    keypoints: Keypoints, rig: Rig, names: Sequence[str], *, progress: Progress | None = None
) -> PairingReport:
    """Ask whether views whose left and right are exchanged all the time are not rather those of other cameras.

    A person seen from the front by a camera on the far side looks much like one whose sides are exchanged.

    Args:
        keypoints: all detections.
        rig: the cameras, in the views' order.
        names: the cameras that exchange sides.
        progress: called with (stage, remedies tried, remedies in all).

    Returns:
        A report whose message is empty unless a remedy makes the views agree better, with no sides exchanged.
    """
    sample = _sample(keypoints)
    found = _search(sample, rig, set(names), progress)
    changed = sample, rig
    for remedy in found:
        changed = remedy.apply(*changed)
    exchanged = best_of_frames(sample, rig, exchanged=True)
    if not found or best_of_frames(*changed).support.mean() < exchanged.support.mean() + MIN_GAIN / 2:
        found = []
    shares = view_agreement(sample, agreed_person(sample, rig))
    agreement = dict(zip(rig.names, map(float, shares), strict=True))
    return PairingReport(agreement, tuple(names), (), tuple(found))


def agreed_person(keypoints: Keypoints, rig: Rig, *, progress: Progress | None = None) -> Association:
    """On whom the views agree: one person; in a crowd, where that would take long, one of them in each frame.

    Args:
        keypoints: detections of frames that may lie far apart.
        rig: the cameras, in the views' order.
        progress: called with (stage, frames done, frames in all).
    """
    crowd = keypoints.shape[1] * keypoints.shape[2] > CROWD
    return best_of_frames(keypoints, rig) if crowd else associate(keypoints, rig, progress=progress)


def view_agreement(keypoints: Keypoints, association: Association) -> Array:
    """[V] of the frames in which a view has people and two or more views have: in how many it knows the person."""
    has_people = (keypoints.confidence > 0).any(-1).any(-1)  # [T, V]
    asked = has_people & (has_people.sum(1) >= 2)[:, None]
    agrees = (association.index >= 0).any(-1) & asked
    count = asked.sum(0)
    return np.where(count > 0, agrees.sum(0) / np.maximum(count, 1), 1.0)


def check_scale(xyz: Array, limb_bones: tuple[tuple[int, int], ...]) -> None:
    """Refuse a world in which people are as large as houses or as small as mice.

    Args:
        xyz: [T, P, J, 3] in what should be metres.
        limb_bones: positions of the ends of thighs, shanks, upper arms and forearms.

    Raises:
        InputError: naming the unit that the calibration seems to have.
    """
    if not limb_bones:
        return
    ends = np.array(limb_bones)
    lengths = np.linalg.norm(xyz[..., ends[:, 0], :] - xyz[..., ends[:, 1], :], axis=-1)
    if not np.isfinite(lengths).any():
        return
    limb = float(np.nanmedian(lengths))
    if LIMB_RANGE_M[0] / 1.5 <= limb <= LIMB_RANGE_M[1] * 1.5:
        return
    for unit, factor in (("mm", 1000.0), ("cm", 100.0), ("inches", 1 / 0.0254)):
        if LIMB_RANGE_M[0] <= limb / factor <= LIMB_RANGE_M[1]:
            raise InputError(
                f"the calibration is not in metres: arms and legs come out {limb:.3g} m a bone, which fits {unit}; "
                + (f'put unit = "{unit}" in capture.toml' if unit in ("mm", "cm") else "convert it to metres")
            )
    raise InputError(
        f"arms and legs come out {limb:.3g} m a bone, where people have {LIMB_RANGE_M[0]} to {LIMB_RANGE_M[1]} m: "
        "the scale of the calibration is wrong; calibrate again with a known length"
    )


def _sample(keypoints: Keypoints) -> Keypoints:
    """A few dozen frames, evenly spread over those in which most views have people."""
    has_people = (keypoints.confidence > 0).any(-1).any(-1).sum(1)
    frames = np.flatnonzero(has_people >= max(2, np.median(has_people[has_people > 0], axis=0)))
    most = CROWD_FRAMES if keypoints.shape[1] * keypoints.shape[2] > CROWD else SAMPLE_FRAMES
    frames = frames[np.linspace(0, len(frames) - 1, min(most, len(frames))).astype(int)]
    return keypoints.select_frames(frames)


def _votes(keypoints: Keypoints, rig: Rig) -> float:
    """Views a frame that agree."""
    return float(agreed_person(keypoints, rig).support.mean()) if len(keypoints.xy) else 0.0


def _search(keypoints: Keypoints, rig: Rig, suspects: set[str], progress: Progress | None) -> list[Remedy]:
    """Apply the remedy that wins most votes, and look again, until nothing wins enough."""
    found: list[Remedy] = []
    first = votes = _votes(keypoints, rig)
    changed = keypoints, rig
    for _ in range(len(rig)):
        options = list(remedies(*changed, suspects))
        results: list[float] = []
        for k, remedy in enumerate(options):
            results.append(_votes(*remedy.apply(*changed)))
            if progress:
                progress("looking for what would fit", k + 1, len(options))
        best = int(np.argmax(results)) if results else -1
        if best < 0 or results[best] < votes + MIN_GAIN:
            break
        found.append(options[best])
        changed = options[best].apply(*changed)
        votes = results[best]
        suspects = _suspects(*changed)
        if not suspects:
            return found
    order = find_order(keypoints, rig)
    if order is not None:
        remedy = reorder(order, rig)
        if _votes(*remedy.apply(keypoints, rig)) > max(votes, first + MIN_GAIN):
            return [remedy]
    return found


def _suspects(keypoints: Keypoints, rig: Rig) -> set[str]:
    """Names of the views that disagree."""
    shares = view_agreement(keypoints, agreed_person(keypoints, rig))
    return {name for name, share in zip(rig.names, shares, strict=True) if share < MIN_AGREEMENT}


def _should_see(keypoints: Keypoints, rig: Rig, association: Association, name: str) -> bool:
    """Whether the person stands in a view's picture in most frames in which the view has people."""
    predicted = predicted_view(_sample(keypoints), rig, name)
    if predicted is None:
        return False
    xy, candidates = predicted
    inside = ((xy >= 0) & (xy < np.array(rig[name].size))).all(-1)
    known: NDArray[np.bool_] = np.all(np.isfinite(xy), axis=-1)
    has_people = np.isfinite(candidates).any((1, 2, 3))
    visible = (inside.sum(1) > 0.7 * np.maximum(known.sum(1), 1)) & known.any(1)
    return bool((visible & has_people).sum() > 0.5 * max(has_people.sum(), 1))
