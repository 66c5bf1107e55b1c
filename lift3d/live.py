"""Lifting while the camera runs: one frame's joints in, one pose in the world out."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import Camera, InputError

from .lift import LiftConfig, in_world, usable_rays
from .lifters.joint_sets import AnswerJoints
from .lifters.lifter import Lifter, in_camera_axes
from .lifters.one_body import Shown
from .lifters.placement import Placed, place
from .lifters.running_body import RunningBody
from .lifters.windows import Timing

Array = NDArray[np.float64]
Array32 = NDArray[np.float32]


class LiveLifter:
    """One person before one camera, frame after frame; it answers what :func:`lift3d.lift.lift_keypoints` would.

    Args:
        camera: what sees the person; poses come out in its world.
        lifter: one that needs no frames to come, ``mlp`` or ``tcn-causal``.
        fps: frames a second of the camera; where some are dropped, call :meth:`lift` with nobody for them.
        config: None: the defaults; gaps are not bridged and nothing is moved onto the ground here. With ``one_body`` a
            frame is fitted with those before it and the lengths of all so far, which is less than what the whole
            recording tells :func:`lift3d.lift.lift_keypoints`.

    Raises:
        InputError: the lifter needs frames to come, or was trained without the joints asked for.
    """

    def __init__(self, camera: Camera, lifter: Lifter, *, fps: float, config: LiftConfig | None = None) -> None:
        network = lifter.network
        if network.target != network.window - 1:
            raise InputError(
                f"{lifter.description['arch']} needs the {network.window - 1 - network.target} frames to come, which "
                "nobody has yet; take tcn-causal or mlp for live use"
            )
        if not fps > 0:
            raise InputError(f"fps must be above zero, got {fps:g}")
        self.camera, self.lifter, self.config = camera, lifter, config or LiftConfig()
        self.answer = AnswerJoints.of(lifter, self.config.joints)
        self._body = RunningBody(lifter.joints, fps=fps, exact=self.config.exact) if self.config.one_body else None
        self._number = -1
        self._time = Timing(fps=fps)
        self._stride = self._time.stride(network)
        self._seen: deque[tuple[Array, Array]] = deque(maxlen=self._stride)
        self._past: deque[Array32] = deque(maxlen=(network.window - 1) * self._stride + 1)

    def lift(self, xy: Array, confidence: Array) -> Placed:
        """The pose of the newest frame.

        Args:
            xy: [J, 2] pixels of the lifter's joints, NaN where missing.
            confidence: [J], 0 where missing.

        Returns:
            xyz [J, 3] metres, world, NaN where too little was seen; covariance [J, 3, 3] m². The joints are Human3.6M's
            17, or the lifter's where the configuration says so.

        Raises:
            InputError: the joints are not as many as the lifter's.
        """
        J, config = len(self.lifter.joints), self.config
        if np.shape(xy) != (J, 2) or np.shape(confidence) != (J,):
            raise InputError(
                f"xy must be [{J}, 2] and confidence [{J}] for {self.lifter.joints.name}, "
                f"got {list(np.shape(xy))} and {list(np.shape(confidence))}"
            )
        self._number += 1
        rays, sure = usable_rays(np.asarray(xy)[None], np.asarray(confidence)[None], self.camera, config)
        self._seen.append((rays[0], sure[0]))
        recent = [np.stack(part) for part in zip(*self._seen, strict=True)]
        encoded, seen = self.lifter.see(recent[0], recent[1], time=self._time, exact=config.exact)
        if not seen[-1]:
            if self._past:
                self._past.append(self._past[-1])
            shape = (len(self.answer.skeleton), 3)
            return Placed(np.full(shape, np.nan), np.full((*shape, 3), np.nan))
        self._past.append(encoded.features[-1])
        steps = np.arange(self.lifter.network.window)[::-1]
        window = (len(self._past) - 1 - self._stride * steps).clip(0)  # before the first frame there is the first one
        xyz, sigma = self.lifter.lift_windows(np.stack(self._past), window[None], both_sides=config.flip_test)
        lifted = in_camera_axes(xyz, sigma, encoded.R[-1:], seen[-1:])
        placed = place(lifted, rays, sure, self.lifter.joints)
        if self._body is not None:
            placed = self._body.fit(self._number, placed, lifted, Shown(rays, sure, self.lifter.joints))
        world = in_world(self.answer.take(placed), self.camera)
        return Placed(world[0][0], world[1][0])
