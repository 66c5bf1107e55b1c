"""OpenCV is quiet for as long as it is asked to be."""

import cv2
import pytest

from lift3d.datasets.opencv_log import SILENT, opencv_log

logging = getattr(cv2.utils, "logging", cv2)


def fail():
    assert logging.getLogLevel() == SILENT
    raise KeyError


def test_the_level_is_put_back_whatever_happens():
    before = logging.getLogLevel()
    with pytest.raises(KeyError), opencv_log(SILENT):
        fail()
    assert logging.getLogLevel() == before != SILENT


def test_the_functions_are_found_where_opencv_4_has_them(monkeypatch):
    heard = []
    monkeypatch.delattr(cv2.utils, "logging", raising=False)
    monkeypatch.setattr(cv2, "getLogLevel", lambda: 3, raising=False)
    monkeypatch.setattr(cv2, "setLogLevel", heard.append, raising=False)
    with opencv_log(SILENT):
        pass
    assert heard == [0, 3]
