import html
import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.datasets import Poses
from lift3d.datasets.skeleton import SKELETONS
from lift3d.viz import show
from lift3d.viz.inline import Inline, in_notebook


@pytest.fixture
def notebook(monkeypatch):
    """A kernel that keeps what it is told to display."""
    shown = []
    display = SimpleNamespace(display=shown.append)
    ipython = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=1), display=display)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    monkeypatch.delenv("DISPLAY", raising=False)
    return shown


def test_in_a_notebook_the_interactive_scene_is_shown_without_a_display(notebook, walkers):
    assert in_notebook()
    poses = walkers(2)
    assert show(poses.replace(rig=None), poses.rig, title="a <b>") is None
    page = notebook[0]._repr_html_()
    assert page.startswith("<iframe srcdoc=")
    assert "a <b>" not in page
    inside = html.unescape(page)
    assert '"bare":true' in inside
    assert poses.rig.names[0] in inside


def test_where_no_script_runs_there_is_a_picture(walkers):
    image = cv2.imdecode(np.frombuffer(Inline(walkers())._repr_png_(), np.uint8), cv2.IMREAD_COLOR)
    assert image.shape == (540, 960, 3)
    assert image.std() > 5


def test_poses_without_frames_are_refused_there_too(notebook):
    with pytest.raises(InputError, match="no frames"):
        show(Poses.from_xyz(np.zeros((0, 1, 17, 3)), SKELETONS["h36m_17"], 30.0))


def test_a_script_is_no_notebook(monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    assert not in_notebook()
