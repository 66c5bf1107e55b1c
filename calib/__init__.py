"""Cameras and geometry: numpy, scipy and cv2 only; imports nothing else of lift3d."""

from .camera import Camera as Camera
from .errors import CalibrationError as CalibrationError
from .errors import InputError as InputError
from .rig import Rig as Rig
