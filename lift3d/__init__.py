"""lift3d: 3D skeletons one can trust, from what cameras saw of people."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lift3d.calib import Camera as Camera
    from lift3d.calib import Rig as Rig
    from lift3d.calib.formats import read_rig as read_rig
    from lift3d.datasets import Keypoints as Keypoints
    from lift3d.datasets import Poses as Poses
    from lift3d.datasets.capture import open_capture as open_capture
    from lift3d.datasets.keypoint_formats import read_keypoints as read_keypoints
    from lift3d.triangulation import triangulate as triangulate
    from lift3d.viz.window import show as show

__version__ = "0.1.0"

# Where each public name lives; it is imported when first used, so that `import lift3d` costs nothing.
_HOMES = {
    "Camera": "lift3d.calib",
    "Rig": "lift3d.calib",
    "read_rig": "lift3d.calib.formats",
    "Keypoints": "lift3d.datasets",
    "Poses": "lift3d.datasets",
    "open_capture": "lift3d.datasets.capture",
    "read_keypoints": "lift3d.datasets.keypoint_formats",
    "triangulate": "lift3d.triangulation",
    "show": "lift3d.viz.window",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its home (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'lift3d' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, imported or not."""
    return sorted({*globals(), *_HOMES})
