"""EasyMocap's pair of files, intri.yml (lenses) and extri.yml (places), in one folder, in metres.

Fields for a camera called 01: K_01, dist_01 (D_01 in some), H_01 and W_01 if the writer knew the size; R_01 (rotation
vector), Rot_01 (matrix), T_01. x_cam = R x + T.

Source: EasyMocap, easymocap/mytools/camera_utils.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..atomic_file import atomic_file, check_writable
from ..camera import Camera
from ..distortion import Array
from ..errors import CalibrationError
from ..rig import Rig
from ..rotation import rotation_matrix, rotation_vector
from .content import AnyPath, Unit, metres_of, read_content
from .opencv_yaml import _matrix
from .toml_tables import make_rig, refuse_fisheye
from .yaml_subset import matrix, parse_yaml

TOOL = "EasyMocap"
INTRI, EXTRI = "intri.yml", "extri.yml"


def recognises(content: bytes) -> bool:
    """Whether a file's content is one of the two."""
    return b"names:" in content and (b"\nK_" in content or b"\nRot_" in content or b"\nR_" in content)


def read(path: AnyPath, *, unit: Unit | None = None, size: tuple[int, int] | None = None) -> Rig:
    """Read both files; either may be named.

    Args:
        path: intri.yml, extri.yml, or their folder.
        unit: what the lengths are in, if not metres.
        size: (width, height) of the pictures, for files that do not hold it.

    Raises:
        FileNotFoundError: one of the two is missing.
        CalibrationError: a field is missing or malformed, or nobody knows the size of the pictures.
    """
    folder = Path(path) if Path(path).is_dir() else Path(path).parent
    intri, extri = (parse_yaml(read_content(folder / name), folder / name) for name in (INTRI, EXTRI))
    names = intri.get("names")
    if not isinstance(names, list) or not names:
        raise CalibrationError(f"{folder / INTRI} has no names of cameras; export the calibration again")
    metres = metres_of(unit or "m")
    return make_rig([_camera(str(name), intri, extri, folder, size, metres) for name in names], folder)


def _camera(
    name: str, intri: dict[str, Any], extri: dict[str, Any], folder: Path, size: tuple[int, int] | None, metres: float
) -> Camera:
    """One camera of both files."""
    where = f"{folder}: camera {name}"
    K = matrix(intri.get(f"K_{name}"), (3, 3), f"{where}: K")
    dist = matrix(intri.get(f"dist_{name}", intri.get(f"D_{name}")), (-1,), f"{where}: dist")
    t = matrix(extri.get(f"T_{name}"), (3,), f"{where}: T") * metres
    if f"Rot_{name}" in extri:
        R = matrix(extri[f"Rot_{name}"], (3, 3), f"{where}: Rot")
    else:
        R = rotation_matrix(matrix(extri.get(f"R_{name}"), (3,), f"{where}: R"))
    given = intri.get(f"W_{name}"), intri.get(f"H_{name}")
    if given[0] and given[1]:
        size = (int(given[0]), int(given[1]))
    if size is None:
        raise CalibrationError(f"{where}: the file does not say how large the pictures are; give --size WIDTH HEIGHT")
    try:
        return Camera(name, K, dist, R, t, size)
    except CalibrationError as error:
        raise CalibrationError(f"{folder}: {error}") from None


def write(rig: Rig, path: AnyPath, *, overwrite: bool = False) -> Path:
    """Write both files into the folder of ``path`` (or into ``path``, if that is a folder).

    Returns:
        The path of extri.yml.

    Raises:
        CalibrationError: a lens is a fisheye or has more than five coefficients.
        FileExistsError: a file exists and ``overwrite`` is false.
        OSError: the folder cannot be written.
    """
    refuse_fisheye(rig, TOOL)
    folder = Path(path) if Path(path).is_dir() else Path(path).parent
    intri, extri = _header(rig), _header(rig)
    for camera in rig:
        name = camera.name
        if camera.dist[5:].any():
            raise CalibrationError(f"camera {name}: {TOOL} holds 5 distortion coefficients; fit a lens with 5")
        intri += _matrix(f"K_{name}", camera.K) + _matrix(f"dist_{name}", _five(camera.dist))
        intri += [f"W_{name}: {camera.size[0]}", f"H_{name}: {camera.size[1]}"]
        extri += _matrix(f"R_{name}", rotation_vector(camera.R).reshape(3, 1)) + _matrix(f"Rot_{name}", camera.R)
        extri += _matrix(f"T_{name}", camera.t.reshape(3, 1))
    for file in (INTRI, EXTRI):
        check_writable(folder / file, overwrite=overwrite)
    for file, lines in ((INTRI, intri), (EXTRI, extri)):
        with atomic_file(folder / file, overwrite=overwrite) as temporary:
            temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / EXTRI


def _header(rig: Rig) -> list[str]:
    """OpenCV's header and the cameras' names."""
    return ["%YAML:1.0", "---", "names:", *(f'  - "{name}"' for name in rig.names)]


def _five(dist: Array) -> Array:
    """[1, 5]."""
    return np.concatenate([dist, np.zeros(5)])[:5].reshape(1, 5)
