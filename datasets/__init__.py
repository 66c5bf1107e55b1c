"""What is known about people, and where data comes from."""

from .keypoints import Keypoints as Keypoints
from .poses import Poses as Poses
from .skeleton import Skeleton as Skeleton
