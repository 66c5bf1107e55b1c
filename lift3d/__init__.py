"""lift3d: 3D skeletons one can trust, from what cameras saw of people."""

__version__ = "0.1.0"
