"""What moves before a camera that stands still, as a help for the person detector."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lift3d.detectors.detection import Array, Boxes, PersonDetector, Picture

from .boxes import overlap, suppressed


@dataclass(frozen=True)
class BackgroundSettings:
    """How the background is learnt and used.

    Args:
        keep: pictures whose median is the background.
        enough: pictures below which nothing is said.
        longest: pixels of the longer side in which it is done.
        least: difference of a colour, 0..255, from which a pixel has changed.
        noise: the same in parts of the pixel's own spread over time.
        flood: part of the picture beyond which the light has changed instead of somebody moved.
        confirmed: part of a weak box that must have changed for it to be taken for a person.
        raised: score that such a box gets, and one that only the background proposes.
        shortest: height of a proposed region in parts of the picture's longer side.
        slender: least and largest width of a proposed region over its height.
        solid: part of its box that a proposed region must fill.
    """

    keep: int = 25
    enough: int = 6
    longest: int = 160
    least: float = 22.0
    noise: float = 6.0
    flood: float = 0.5
    confirmed: float = 0.3
    raised: float = 0.36
    shortest: float = 0.15
    slender: tuple[float, float] = (0.2, 0.9)
    solid: float = 0.4


@dataclass(eq=False)
class Background:
    """The median of pictures of one camera that stands still."""

    settings: BackgroundSettings = BackgroundSettings()
    _seen: deque[NDArray[np.uint8]] = field(init=False)

    def __post_init__(self) -> None:
        self._seen = deque(maxlen=self.settings.keep)

    def see(self, picture: Picture) -> None:
        """Learn from a picture; of one of another size than before, everything is learnt anew."""
        small = self._small(picture)
        if self._seen and self._seen[0].shape != small.shape:
            self._seen.clear()
        self._seen.append(small)

    def changed(self, picture: Picture) -> NDArray[np.bool_] | None:
        """Where a picture differs from the background.

        Returns:
            [h, w] at the model's own size; None where too little was seen or all has changed.
        """
        import cv2

        if len(self._seen) < self.settings.enough:
            return None
        small = self._small(picture)
        seen = np.stack(self._seen)
        if seen.shape[1:] != small.shape:
            return None
        median = np.median(seen, axis=0)
        spread = np.median(np.abs(seen - median), axis=0)
        limit = np.maximum(self.settings.least, self.settings.noise * spread)
        mask = (np.abs(small - median) > limit).any(-1).astype(np.uint8)
        mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
        mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
        return None if mask.mean() > self.settings.flood else mask.astype(bool)

    def _small(self, picture: Picture) -> NDArray[np.uint8]:
        """The picture at the model's size, a little blurred."""
        import cv2

        scale = min(1.0, self.settings.longest / max(picture.shape[:2]))
        size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.GaussianBlur(small, (3, 3), 0), np.uint8)


@dataclass(eq=False)
class WithBackground:
    """A person detector for the frames of one camera that stands still.

    A box of which the detector is unsure is raised where the picture has changed in it, and a person-like region that
    has changed and that no box covers is proposed. What stands still is told as the detector has it.

    Args:
        detector: it should tell weak boxes as well.
        least: score from which boxes are told.
        background: what the camera saw so far; it is shown each picture that is asked about.
    """

    detector: PersonDetector
    least: float = 0.3
    background: Background = field(default_factory=Background)

    def __call__(self, pictures: list[Picture]) -> list[Boxes]:
        """The people in each picture, surest first.

        Args:
            pictures: B times [H, W, 3] BGR, in order.
        """
        out = []
        for picture, boxes in zip(pictures, self.detector(pictures), strict=True):
            self.background.see(picture)
            changed = self.background.changed(picture)
            if changed is not None:
                scale = picture.shape[1] / changed.shape[1]
                boxes = helped(boxes, changed, scale, self.background.settings)
            strong = boxes.score >= self.least
            out.append(Boxes(boxes.xywh[strong], boxes.score[strong]))
        return out


def helped(boxes: Boxes, changed: NDArray[np.bool_], scale: float, settings: BackgroundSettings) -> Boxes:
    """Boxes with what the background knows.

    Args:
        boxes: of the detector, weak ones too, pixels of the picture.
        changed: [h, w] see :meth:`Background.changed`.
        scale: pixels of the picture to one of ``changed``.
        settings: from where on a box is confirmed, and what is proposed.
    """
    moving = np.array([_mean_in(changed, box + [0.5, 0.5, 0, 0], scale) for box in boxes.xywh])
    raised = moving.reshape(-1) >= settings.confirmed
    score = np.where(raised, np.maximum(boxes.score, settings.raised), boxes.score)
    proposed = _regions(changed, settings) * scale - [0.5, 0.5, 0, 0]
    strong = boxes.xywh[score >= settings.raised]
    new = proposed[(overlap(proposed, strong) < 0.1).all(1)]
    together = np.concatenate([boxes.xywh, new])
    return suppressed(Boxes(together, np.concatenate([score, np.full(len(new), settings.raised)])))


def _mean_in(changed: NDArray[np.bool_], box: Array, scale: float) -> float:
    """The part of a box, in pixels from the picture's edge, that has changed."""
    left, top = np.maximum(np.floor(box[:2] / scale), 0).astype(int)
    right, bottom = np.maximum(np.ceil((box[:2] + box[2:]) / scale), 0).astype(int)
    part = changed[top:bottom, left:right]
    return float(part.mean()) if part.size else 0.0


def _regions(changed: NDArray[np.bool_], settings: BackgroundSettings) -> Array:
    """[R, 4] boxes of regions that could be a person, pixels of ``changed`` from its edge."""
    import cv2

    _, _, stats, _ = cv2.connectedComponentsWithStats(changed.astype(np.uint8))
    regions = []
    for left, top, width, height, area in stats[1:]:
        tall = height >= settings.shortest * max(changed.shape)
        slender = settings.slender[0] <= width / height <= settings.slender[1]
        if tall and slender and area >= settings.solid * width * height:
            regions.append((left, top, width, height))
    return np.array(regions, np.float64).reshape(-1, 4)
