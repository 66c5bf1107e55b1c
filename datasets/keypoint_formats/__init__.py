"""2D keypoints from other tools, one file a format."""

from .lift3d_h5 import Origin as Origin
from .lift3d_h5 import read_provenance as read_provenance
from .lift3d_h5 import write_h5 as write_h5
from .reading import detect_keypoints as detect_keypoints
from .reading import keypoint_cameras as keypoint_cameras
from .reading import load_keypoints as load_keypoints
from .reading import read_keypoints as read_keypoints
