"""3D formats of other programs: one file a format, and the registry."""

from .registry import POSE_FORMATS as POSE_FORMATS
from .registry import PoseFormat as PoseFormat
from .registry import export_paths as export_paths
from .registry import export_poses as export_poses
from .trc import read_trc as read_trc
from .trc import write_trc as write_trc
