"""Detectors of other projects behind the interface of :mod:`lift3d.detectors.detection`."""
