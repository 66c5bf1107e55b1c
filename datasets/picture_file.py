"""Reading pictures, damaged ones named."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError

JPEG_START, JPEG_END = b"\xff\xd8", b"\xff\xd9"
TRAILER = 65536  # bytes: cameras write notes of their own behind a JPEG's end


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
    if content.startswith(JPEG_START) and JPEG_END not in content[-TRAILER:]:
        raise InputError(f"{path} is a JPEG that ends too early ({len(content)} bytes); copy it again or leave it out")
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if content else None
    finally:
        cv2.utils.logging.setLogLevel(level)
    if picture is None:
        raise InputError(f"{path} cannot be decoded as a picture ({len(content)} bytes); copy it again or leave it out")
    return np.asarray(picture, np.uint8)
