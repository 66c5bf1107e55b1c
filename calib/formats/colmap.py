"""COLMAP's text model, cameras.txt and images.txt in one folder: each image is a camera here, called by its name.

COLMAP's pixel (0.5, 0.5) is the centre of the first pixel, lift3d's (0, 0): principal points differ by half a pixel.
QW QX QY QZ TX TY TZ take the world to the camera. The model's scale is arbitrary unless it was set.

Source: COLMAP's documentation, "Output Format" and "Camera Models".
"""

from __future__ import annotations

import logging
from pathlib import Path, PurePosixPath

import numpy as np

from ..atomic_file import atomic_file, check_writable
from ..camera import Camera
from ..distortion import Array, LensModel
from ..errors import CalibrationError
from ..rig import Rig
from .content import AnyPath, Unit, metres_of, read_content
from .toml_tables import make_rig

CAMERAS, IMAGES = "cameras.txt", "images.txt"
HALF = 0.5
# For each model: where fx, fy, cx, cy and the coefficients stand among its parameters (None: zero).
MODELS: dict[str, tuple[LensModel, tuple[int, int, int, int], tuple[int | None, ...]]] = {
    "SIMPLE_PINHOLE": ("pinhole", (0, 0, 1, 2), ()),
    "PINHOLE": ("pinhole", (0, 1, 2, 3), ()),
    "SIMPLE_RADIAL": ("pinhole", (0, 0, 1, 2), (3, None, None, None)),
    "RADIAL": ("pinhole", (0, 0, 1, 2), (3, 4, None, None)),
    "OPENCV": ("pinhole", (0, 1, 2, 3), (4, 5, 6, 7)),
    "FULL_OPENCV": ("pinhole", (0, 1, 2, 3), (4, 5, 6, 7, 8, 9, 10, 11)),
    "OPENCV_FISHEYE": ("fisheye", (0, 1, 2, 3), (4, 5, 6, 7)),
}

logger = logging.getLogger(__name__)


def recognises(content: bytes) -> bool:
    """Whether a file's content is one of the two."""
    return content.startswith(
        (b"# Camera list with one line of data per camera", b"# Image list with two lines of data")
    )


def read(path: AnyPath, *, unit: Unit | None = None) -> Rig:
    """Read both files; either, or their folder, may be named.

    Args:
        path: cameras.txt, images.txt, or their folder.
        unit: what the lengths are in; taken for metres, with a warning, if not given.

    Raises:
        FileNotFoundError: one of the two is missing.
        CalibrationError: a line is malformed, or a lens is of a model that OpenCV does not have.
    """
    folder = Path(path) if Path(path).is_dir() else Path(path).parent
    if unit is None:
        logger.warning("%s: COLMAP's scale is arbitrary unless it was set; lengths are taken for metres", folder)
    metres = metres_of(unit or "m")
    lenses: dict[str, Camera] = {}
    for words in _lines(folder / CAMERAS):
        if words:
            lenses[words[0]] = _lens(words, folder / CAMERAS)
    rows = _lines(folder / IMAGES)
    return make_rig([_placed(words, lenses, folder / IMAGES, metres) for words in rows[::2] if words], folder)


def _lines(path: Path) -> list[list[str]]:
    """Words of every line that is no comment; an empty line counts, as an image may have no points."""
    text = read_content(path).decode("utf-8", errors="replace")
    lines = [line.split() for line in text.splitlines() if not line.startswith("#")]
    while lines and not lines[0]:
        lines.pop(0)
    return lines


def _numbers(words: list[str], path: Path) -> Array:
    """Words as finite numbers."""
    try:
        numbers = np.array([float(word) for word in words])
    except ValueError:
        numbers = np.array([np.nan])
    if not np.isfinite(numbers).all():
        raise CalibrationError(
            f"{path}: a line is not of numbers ({' '.join(words)[:40]}); export the model as text again"
        )
    return numbers


def _lens(words: list[str], path: Path) -> Camera:
    """One line of cameras.txt."""
    if len(words) < 5 or words[1] not in MODELS:
        what = words[1] if len(words) > 1 else "nothing"
        raise CalibrationError(f"{path}: camera {words[0]}: lift3d reads {', '.join(MODELS)}, got {what}")
    model, where, coefficients = MODELS[words[1]]
    size, values = _numbers(words[2:4], path), _numbers(words[4:], path)
    wanted = max((*where, *(i for i in coefficients if i is not None))) + 1
    if len(values) != wanted:
        raise CalibrationError(f"{path}: camera {words[0]}: {words[1]} has {wanted} parameters, got {len(values)}")
    fx, fy, cx, cy = values[list(where)]
    dist = np.array([0.0 if i is None else values[i] for i in coefficients])
    K = np.array([[fx, 0, cx - HALF], [0, fy, cy - HALF], [0, 0, 1]])
    try:
        return Camera(words[0], K, dist, size=(int(size[0]), int(size[1])), model=model)
    except CalibrationError as error:
        raise CalibrationError(f"{path}: {error}") from None


def _placed(words: list[str], lenses: dict[str, Camera], path: Path, metres: float) -> Camera:
    """One line of images.txt."""
    if len(words) < 10 or words[8] not in lenses:
        raise CalibrationError(
            f"{path}: a line is cut short, or its camera is not in {CAMERAS}: {' '.join(words)[:40]}"
        )
    w, x, y, z, *t = _numbers(words[1:8], path)
    name = PurePosixPath(" ".join(words[9:]))
    lens = lenses[words[8]]
    R = quaternion_matrix(np.array([x, y, z, w]))
    return Camera(str(name.with_suffix("")), lens.K, lens.dist, R, np.array(t) * metres, lens.size, lens.model)


def quaternion_matrix(xyzw: Array) -> Array:
    """[3, 3] from a quaternion, the real part last."""
    from scipy.spatial.transform import Rotation

    return np.asarray(Rotation.from_quat(xyzw).as_matrix(), np.float64)


def write(rig: Rig, path: AnyPath, *, overwrite: bool = False) -> Path:
    """Write both files into the folder of ``path`` (or into ``path``, if that is a folder), in metres.

    Returns:
        The path of images.txt.

    Raises:
        CalibrationError: a lens has more than eight coefficients.
        FileExistsError: a file exists and ``overwrite`` is false.
        OSError: the folder cannot be written.
    """
    from scipy.spatial.transform import Rotation

    folder = Path(path) if Path(path).is_dir() else Path(path).parent
    cameras = ["# Camera list with one line of data per camera:", "#   CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]"]
    images = [
        "# Image list with two lines of data per image:",
        "#   IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME",
    ]
    for i, camera in enumerate(rig, 1):
        if camera.dist[8:].any():
            raise CalibrationError(f"camera {camera.name}: COLMAP holds 8 distortion coefficients; fit a lens with 8")
        model = "OPENCV_FISHEYE" if camera.model == "fisheye" else "FULL_OPENCV" if camera.dist[4:].any() else "OPENCV"
        dist = np.concatenate([camera.dist, np.zeros(8)])[: 8 if model == "FULL_OPENCV" else 4]
        values = [*camera.focal.tolist(), *(camera.principal_point + HALF).tolist(), *dist.tolist()]
        cameras.append(f"{i} {model} {camera.size[0]} {camera.size[1]} {' '.join(map(repr, values))}")
        x, y, z, w = Rotation.from_matrix(camera.R).as_quat().tolist()
        images += [f"{i} {' '.join(map(repr, [w, x, y, z, *camera.t.tolist()]))} {i} {camera.name}.png", ""]
    for file in (CAMERAS, IMAGES):
        check_writable(folder / file, overwrite=overwrite)
    for file, lines in ((CAMERAS, cameras), (IMAGES, images)):
        with atomic_file(folder / file, overwrite=overwrite) as temporary:
            temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / IMAGES
