"""Human3.6M: its joints, its names, and its cameras, whose lens model is not OpenCV's but can be written in it exactly.

Convention:
    Human3.6M maps x = X / Z to f · (x · (1 + k1 r² + k2 r⁴ + k3 r⁶ + p1 y + p2 x) + p2 r²) + c, and y alike with p1 r².
    OpenCV's tangential terms with p1 / 2 and p2 / 2 give half of that; its thin prism gives the rest:
    s1 = p2 / 2 and s3 = p1 / 2. VideoPose3D has p1 and p2 exchanged, which moves pixels by up to 0.25.

Source: Human3.6M's own MATLAB code, as 3d-pose-baseline (cameras.py) and mmpose's converter write it down.
"""

from __future__ import annotations

import os
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from lift3d.calib import Camera, InputError, Rig
from lift3d.calib.plain_pickle import load_plain

Array = NDArray[np.float64]

CAMERAS = ("54138969", "55011271", "58860488", "60457274")
SIZES = {"54138969": (1000, 1002), "55011271": (1000, 1000), "58860488": (1000, 1000), "60457274": (1000, 1002)}
FPS = 50.0
OF_32 = (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)
"""Which of the 32 recorded joints are the 17 that everybody uses."""

OF_16 = (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 16)
"""The 17 without joint 9, as some write them."""

MILLIMETRE = 1e-3
SUBJECTS_OF_METADATA = 11

RigsBySubject = Mapping[str, Rig]
"""The four cameras of each subject, "S1" to "S11"."""


@dataclass(frozen=True, eq=False)
class H36MLens:
    """One camera's lens, as Human3.6M writes it.

    Args:
        f: [2] focal lengths, pixels.
        c: [2] principal point, pixels.
        k: [3] radial coefficients.
        p: [2] tangential coefficients.
    """

    f: ArrayLike
    c: ArrayLike
    k: ArrayLike
    p: ArrayLike

    def project(self, x_cam: Array) -> Array:
        """Points [..., 3] of the camera frame to pixels [..., 2], by Human3.6M's own formula."""
        f, c, k, p = (np.ravel(np.asarray(value, np.float64)) for value in (self.f, self.c, self.k, self.p))
        xy = x_cam[..., :2] / x_cam[..., 2:]
        r2 = (xy**2).sum(-1, keepdims=True)
        bent = 1 + k[0] * r2 + k[1] * r2**2 + k[2] * r2**3 + (xy * p[::-1]).sum(-1, keepdims=True)
        return np.asarray(f * (xy * bent + p[::-1] * r2) + c)

    def opencv(self) -> tuple[Array, Array]:
        """K [3, 3] and the twelve coefficients of OpenCV with which it makes the same pixels."""
        f, c, k, p = (np.ravel(np.asarray(value, np.float64)) for value in (self.f, self.c, self.k, self.p))
        K = np.array([[f[0], 0, c[0]], [0, f[1], c[1]], [0, 0, 1]])
        half = p / 2
        return K, np.array([k[0], k[1], half[0], half[1], k[2], 0, 0, 0, half[1], 0, half[0], 0])


def h36m_camera(name: str, lens: H36MLens, R: Array, center: Array) -> Camera:
    """A camera of Human3.6M as lift3d knows cameras.

    Args:
        name: its number, one of :data:`CAMERAS`.
        lens: its lens.
        R: [3, 3] world to camera.
        center: [3] metres, world.
    """
    K, dist = lens.opencv()
    size = SIZES.get(name, (1000, 1000))
    return Camera(name, K, dist, R, -np.asarray(R) @ np.ravel(center), size)


def read_h36m_cameras(path: str | os.PathLike[str]) -> RigsBySubject:
    """The cameras of every subject, from any of the files they come in.

    Args:
        path: Human3.6M's own ``metadata.xml``, 3d-pose-baseline's ``cameras.h5`` or mmpose's ``cameras.pkl``.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: it is none of these.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; give Human3.6M's metadata.xml, or cameras.h5 or cameras.pkl")
    readers = {".xml": _of_metadata, ".h5": _of_h5, ".pkl": _of_pickle}
    if path.suffix.lower() not in readers:
        raise InputError(f"{path} has none of the names metadata.xml, cameras.h5, cameras.pkl; give one of these")
    try:
        rigs = readers[path.suffix.lower()](path)
    except (KeyError, ValueError, TypeError, IndexError, OSError, ElementTree.ParseError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} does not hold Human3.6M's cameras ({error}); give its metadata.xml") from error
    if not rigs:
        raise InputError(f"{path} holds no camera; give Human3.6M's metadata.xml")
    return rigs


def _of_metadata(path: Path) -> RigsBySubject:
    """From ``w0``: 6 extrinsics of each of 4 cameras times 11 subjects, then 9 intrinsics of each camera."""
    element = ElementTree.parse(path).getroot().find("w0")
    numbers = re.findall(r"[-+.\deE]+", "" if element is None else element.text or "")
    if len(numbers) != 300:
        raise InputError(f"{path}: w0 holds {len(numbers)} numbers, Human3.6M's metadata.xml has 300; give that file")
    w = np.array(numbers, np.float64)
    outer, inner = w[:264].reshape(4, SUBJECTS_OF_METADATA, 6), w[264:].reshape(4, 9)
    lenses = [H36MLens(f=row[:2], c=row[2:4], k=row[4:7], p=row[7:]) for row in inner]
    return {
        f"S{s + 1}": Rig(
            tuple(
                h36m_camera(name, lenses[v], rotation_of_angles(outer[v, s, :3]), outer[v, s, 3:] * MILLIMETRE)
                for v, name in enumerate(CAMERAS)
            )
        )
        for s in range(SUBJECTS_OF_METADATA)
    }


def rotation_of_angles(angles: Array) -> Array:
    """World to camera [3, 3] of Human3.6M's three angles: about x, then y, then z, multiplied in that order."""
    sines, cosines = np.sin(angles), np.cos(angles)
    R = np.eye(3)
    for axis in range(3):
        i, j = (axis + 1) % 3, (axis + 2) % 3
        turn = np.eye(3)
        turn[i, i] = turn[j, j] = cosines[axis]
        turn[j, i], turn[i, j] = sines[axis], -sines[axis]
        R = R @ turn
    return R


def _of_h5(path: Path) -> RigsBySubject:
    """3d-pose-baseline's: ``subject%d/camera%d/{R,T,f,c,k,p}``, MATLAB's transposed R, T in millimetres."""
    rigs = {}
    with h5py.File(path, "r") as file:
        for key in sorted(file):
            match = re.fullmatch(r"subject(\d+)", key)
            if match is None:
                continue
            cameras = []
            for v, name in enumerate(CAMERAS):
                group = file[f"{key}/camera{v + 1}"]
                values = {part: np.asarray(group[part][()], np.float64) for part in ("R", "T", "f", "c", "k", "p")}
                lens = H36MLens(f=values["f"], c=values["c"], k=values["k"], p=values["p"])
                cameras.append(h36m_camera(name, lens, values["R"].T, values["T"] * MILLIMETRE))
            rigs[f"S{match[1]}"] = Rig(tuple(cameras))
    return rigs


def _of_pickle(path: Path) -> RigsBySubject:
    """mmpose's: keyed (subject, camera), R camera to world, T in metres."""
    with path.open("rb") as stream:
        table = load_plain(stream, str(path))
    found: dict[str, list[Camera]] = {}
    for (subject, name), entry in table.items():
        found.setdefault(str(subject), []).append(_of_entry(str(name), entry))
    return {subject: Rig(tuple(sorted(cameras, key=lambda c: c.name))) for subject, cameras in found.items()}


def _of_entry(name: str, entry: Mapping[str, Any]) -> Camera:
    """One camera of mmpose's table."""
    lens = H36MLens(f=entry["f"], c=entry["c"], k=entry["k"], p=entry["p"])
    R = np.asarray(entry["R"], np.float64).T
    return h36m_camera(name, lens, R, np.ravel(np.asarray(entry["T"], np.float64)))


def exchanged_tangential(camera: Camera) -> Camera:
    """The same camera with p1 and p2 exchanged, as VideoPose3D projects."""
    dist = camera.dist.copy()
    dist[[2, 3]], dist[[8, 10]] = camera.dist[[3, 2]], camera.dist[[10, 8]]
    return Camera(camera.name, camera.K, dist, camera.R, camera.t, camera.size)


def seventeen(xyz: NDArray[Any]) -> NDArray[Any]:
    """The 17 joints of poses [..., 32 or 17, C].

    Raises:
        InputError: there are others.
    """
    if xyz.shape[-2] == len(OF_32):
        return xyz
    if xyz.shape[-2] != 32:
        raise InputError(f"poses have {xyz.shape[-2]} joints; Human3.6M's have 32 or 17")
    return xyz[..., OF_32, :]


def action_of(name: str) -> tuple[str, str]:
    """The action without its number, by one spelling, and the trial: "TakingPhoto 1" is ("Photo", "1")."""
    match = re.fullmatch(r"(.*?)(?:[ _-](\d+))?", name.strip())
    stem, trial = (match[1], match[2]) if match else (name, None)
    return {"TakingPhoto": "Photo", "WalkingDog": "WalkDog"}.get(stem, stem), trial or "0"


def check_subject(rigs: RigsBySubject | None, subject: str, names: Sequence[str] = CAMERAS) -> Rig | None:
    """The subject's cameras; None where no cameras were given.

    Raises:
        InputError: the cameras lack the subject.
    """
    if rigs is None:
        return None
    if subject not in rigs:
        raise InputError(f"the cameras know no subject {subject}; there are {', '.join(rigs)}")
    return rigs[subject].select([name for name in names if name in rigs[subject].names])
