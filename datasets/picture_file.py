"""Reading pictures, damaged ones named."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError

from .opencv_log import SILENT, opencv_log

JPEG_START, JPEG_SCAN, JPEG_END = b"\xff\xd8", b"\xff\xda", b"\xff\xd9"


def read_picture(path: str | os.PathLike[str]) -> NDArray[np.uint8]:
    """A picture [H, W, 3] BGR, turned as its EXIF says.

    Raises:
        FileNotFoundError: there is none.
        InputError: it cannot be decoded, or it is a JPEG that ends too early: OpenCV would fill the rest with grey.
    """
    import cv2

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; wanted a picture")
    content = path.read_bytes()
    # Neither a scan nor an end: cut early. An end before the last scan is a thumbnail's; what cameras write behind
    # the end does not matter.
    if content.startswith(JPEG_START) and content.rfind(JPEG_END) <= content.rfind(JPEG_SCAN):
        raise InputError(f"{path} is a JPEG that ends too early ({len(content)} bytes); copy it again or leave it out")
    with opencv_log(SILENT):
        picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if content else None
    if picture is None:
        raise InputError(f"{path} cannot be decoded as a picture ({len(content)} bytes); copy it again or leave it out")
    return np.asarray(picture, np.uint8)
