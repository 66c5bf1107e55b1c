"""Measure calibration, repair and synchronisation by people: the figures of docs/calibration_people.md.

python benchmarks/people_calibration.py [people] [crowd] [crowd_repair] [campus] [repair] [scene] [sync]

LIFT3D_SHARED names the folder of captures.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import numpy as np
from scipy.interpolate import CubicSpline

from lift3d.calib import Camera, Rig
from lift3d.calib.body_adjustment import bone_lengths, triangulate_robustly
from lift3d.calib.body_observations import BodyViews, undo_lenses
from lift3d.calib.old_places import lay_over
from lift3d.calib.people_extrinsics import calibrate_from_person
from lift3d.calib.repair import repair
from lift3d.calib.rotation import rotation_matrix, rotation_vector
from lift3d.calib.scene import read_clicks, read_points
from lift3d.calib.sync import SyncSettings, synchronise
from lift3d.calib.tracks import Track
from lift3d.calibrate_people import body_views, calibrate_people, person_by_geometry, repair_people, rigid_bones
from lift3d.calibrate_scene import scene_points, static_points
from lift3d.calibrate_sync import synchronise_people
from lift3d.datasets import Keypoints
from lift3d.datasets.capture import open_capture
from lift3d.datasets.skeleton import SKELETONS
from lift3d.main_person import follow_main_person
from lift3d.people_matching import match_people

CAPTURES = Path(os.environ.get("LIFT3D_SHARED", Path(__file__).parents[2] / "shared")) / "captures"
PANOPTIC = SKELETONS["panoptic_19"]
HD = ("00_00", "00_06", "00_12", "00_18", "00_24")
TO_Z_UP = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])


def angle(R):
    return float(np.degrees(np.linalg.norm(rotation_vector(R))))


def compare(rig, truth):
    """Largest relative rotation error (degrees); RMS of the centres (cm) after the best similarity."""
    V = len(rig)
    turns = [angle(rig[j].R @ rig[i].R.T @ truth[i].R @ truth[j].R.T) for i in range(V) for j in range(i)]
    U, _, Vt = np.linalg.svd(sum(t.R.T @ c.R for t, c in zip(truth, rig, strict=True)))
    a, b = (rig.centers - rig.centers.mean(0)) @ (U @ Vt).T, truth.centers - truth.centers.mean(0)
    scale = (a * b).sum() / (a * a).sum()
    return max(turns), 100 * float(np.sqrt(((scale * a - b) ** 2).sum(1).mean()))


def panoptic():
    cameras = json.loads((CAPTURES / "panoptic" / "calibration_171026_pose3.json").read_text())["cameras"]
    rig = []
    for entry in cameras:
        if entry["name"] in HD:
            K = np.array(entry["K"]) * [[1, 0, 1], [0, 1, 1], [1, 1, 1]]
            R, t = np.array(entry["R"]) @ TO_Z_UP, np.array(entry["t"]).ravel() / 100
            rig.append(Camera(entry["name"], K, np.array(entry["distCoef"]), R, t, tuple(entry["resolution"])))
    with np.load(CAPTURES / "panoptic" / "Panoptic_GT_171026_pose3.npz") as file:
        return Rig(tuple(rig)), file["poses"] / 100 @ TO_Z_UP


def seen(camera, xyz, rng, sigma=3.0):
    """Projections within the picture with Student-t (3) noise whose standard deviation is ``sigma``."""
    xy = camera.project(xyz)
    xy[~((xy > 0) & (xy < np.array(camera.size))).all(-1)] = np.nan
    return xy + rng.standard_t(3, xy.shape) * sigma / np.sqrt(3)


def crowd():
    """20 s of the person with the same one half a minute later 1.6 m beside, and so on, in an order that changes."""
    rig, whole = panoptic()
    lenses = Rig(tuple(camera.with_pose(np.eye(3), np.zeros(3)) for camera in rig))
    for people in (2, 3):
        keypoints = filmed_crowd(rig, whole, people)
        main = follow_main_person(keypoints).gather(keypoints)
        turn, cm = compare(calibrate_from_person(body_views(main), lenses).adjustment.rig, rig)
        print(f"panoptic, the main person of each view of {people}: {turn:.1f} deg, {cm:.0f} cm")
        started = time.process_time()
        found = calibrate_people(keypoints, lenses, stature=1.75)
        turn, cm = compare(found.rig, rig)
        seconds = time.process_time() - started
        print(f"panoptic, {people} at once: {turn:.3f} deg, {cm:.2f} cm, {seconds:.0f} s of one processor")


def filmed_crowd(rig, whole, people):
    rng = np.random.default_rng(people - 2)
    xyz = np.stack([whole[start : start + 600 : 3] for start in (500, 2500, 5000)[:people]], axis=1)
    xyz = xyz + np.array([[0.8, 0, 0], [-0.8, 0, 0], [0, 0.9, 0]])[:people, None]
    xy = np.stack([np.stack([seen(c, xyz[:, p], rng) for p in range(people)], axis=1) for c in rig], axis=1)
    for frame in xy:
        for v in range(len(rig)):
            frame[v] = frame[v, rng.permutation(people)]
    return Keypoints(xy, np.isfinite(xy).all(-1).astype(float), rig.names, PANOPTIC, 10.0)


def crowd_repair():
    """One camera of the crowd's five knocked, repaired by the one who is seen most and by all."""
    rig, whole = panoptic()
    for people in (2, 3):
        keypoints = filmed_crowd(rig, whole, people)
        for label in ("one", "all"):
            told, off, started = [], [], time.process_time()
            for v in range(len(rig)):
                bad = knocked(rig, v, np.random.default_rng([v, 0]))
                if label == "one":
                    found = repair(body_views(person_by_geometry(keypoints, bad)), bad)
                else:
                    found = repair_people(keypoints, bad)
                told.append(found.moved == (rig.names[v],))
                off.append(apart(found.rig[v], rig[v]))
            seconds = (time.process_time() - started) / len(rig)
            print(
                f"{label} of {people}: {sum(told)} of {len(told)} named, and nobody else; off by {spread(off)}; "
                f"{seconds:.0f} s of one processor each",
                flush=True,
            )


def campus():
    """Three real people before three cameras 20 m apart; hand-made 2D with noise of 1 px, in random order."""
    import campus as data

    rig, xy, _ = data.load(CAPTURES / "campus")
    two = (np.isfinite(xy).all((-1, -2)).sum(2) >= 2).sum(1) >= 2  # views that show two people
    xy = xy[np.flatnonzero(two)[::3]]
    rng = np.random.default_rng(0)
    xy[~((xy > -0.5) & (xy < np.array(data.SIZE) - 0.5)).all(-1)] = np.nan
    xy = xy + rng.standard_t(4, xy.shape) / np.sqrt(2)
    who = rng.permuted(np.tile(np.arange(3), (*xy.shape[:2], 1)), axis=2)
    xy = np.take_along_axis(xy, who[..., None, None], axis=2)
    confidence = np.where(np.isfinite(xy[..., 0]), 0.9, 0.0)
    keypoints = Keypoints(xy, confidence, rig.names, SKELETONS["shelf_14"], data.FPS / 3)
    lenses = Rig(tuple(camera.with_pose(np.eye(3), np.zeros(3)) for camera in rig))
    people = match_people(keypoints, lenses)
    turn, cm = compare(calibrate_from_person(body_views(people.gather(keypoints)), lenses).adjustment.rig, rig)
    print(f"campus: {people.index.shape[2]} people; {turn:.2f} deg, {cm:.1f} cm")


def balance():
    folder = CAPTURES / "balance"
    return open_capture(folder, calibration=folder / "Calib.qca.txt", keypoints=folder / "keypoints" / "openpose")


def people():
    rig, xyz = panoptic()
    bones, symmetric = rigid_bones(PANOPTIC)
    lenses = Rig(tuple(camera.with_pose(np.eye(3), np.zeros(3)) for camera in rig))
    for name, frames in (("whole capture", np.linspace(0, len(xyz) - 1, 200)), ("20 s", np.linspace(2000, 2600, 150))):
        for seed in range(3):
            rng = np.random.default_rng(seed)
            part = xyz[frames.astype(int)]
            xy = np.stack([seen(camera, part, rng) for camera in rig], axis=1)
            started = time.perf_counter()
            found = calibrate_from_person(BodyViews(xy, None, bones, symmetric), lenses).adjustment
            turn, cm = compare(found.rig, rig)
            print(f"panoptic {name}, seed {seed}: {turn:.3f} deg, {cm:.2f} cm, {time.perf_counter() - started:.1f} s")
    capture = balance()
    lenses = Rig(tuple(camera.with_pose(np.eye(3), np.zeros(3)) for camera in capture.rig))
    found = calibrate_people(capture.keypoints, lenses, stature=1.65)
    turn, cm = compare(found.rig, capture.rig)
    residual = np.nanmedian(found.adjustment.error)
    print(f"balance: {turn:.2f} deg, {cm:.1f} cm against the Qualisys file; residual {residual:.2f} px; {found.motion}")


def scene():
    """As ``repairs``, with points of the scene that were clicked by hand in the four photos of the empty scene."""
    folder = Path(__file__).parent
    rig = balance().rig
    clicks, known = read_clicks(folder / "balance_clicks.csv"), read_points(folder / "balance_points.csv")
    found = scene_points(clicks, rig)
    off = np.mean([found[name][0] - known[name] for name in known], axis=0)
    print(
        f"by the file as it stands, clicks on a point disagree by {np.median([px for _, px in found.values()]):.1f} px "
        f"(median), and known points lie {np.round(100 * off, 1).tolist()} cm (mean) from where they are"
    )
    repairs(static_points(clicks, known, rig))


def repairs(static=None):
    capture = balance()
    views = body_views(person_by_geometry(capture.keypoints, capture.rig))
    first = repair(views, capture.rig, static=static)
    if static is not None:
        clicks = first.adjustment.clicks
        bad = [f"{click.camera} {click.point} {click.off_px:.1f} px" for click in clicks.bad]
        print(
            f"{np.isfinite(clicks.error).sum()} clicks on {clicks.known} known and {clicks.others} other points: "
            f"median {np.nanmedian(clicks.error):.1f} px, width of the noise {clicks.sigma:.1f} px; look again: {bad}"
        )
    print(f"balance as it stands: {first.before_px:.2f} -> {first.after_px:.2f} px, named: {first.moved}")
    for move in first.moves:
        print(
            f"  {move.name}: {move.rotation_deg:.2f} +- {move.rotation_sd_deg:.2f} deg, {move.center_cm:.1f} +- "
            f"{move.center_sd_cm:.1f} cm ({move.rotation_sigmas:.1f}, {move.center_sigmas:.1f} sigmas)"
        )
    limbs = np.nanmedian(limb_lengths(views, first.rig) / limb_lengths(views, capture.rig))
    chance = first.standing.chance.round(2).tolist()
    print(f"chance of each camera to have moved {chance}; limbs over what they were {limbs:.4f}")
    a, b = (np.linalg.norm(r.centers[:, None] - r.centers[None], axis=-1) for r in (first.rig, capture.rig))
    pairs = np.triu_indices(4, 1)
    print(f"distances of cameras over what they were: {np.round(a[pairs] / b[pairs], 4).tolist()}")
    for label, base in (("repaired rig", first.rig), ("rig as it stands", capture.rig)):
        told, world, shape = [], [], []
        for v in range(4):
            for seed in range(3):
                found = repair(views, knocked(base, v, np.random.default_rng([v, seed])), static=static)
                told.append((base.names[v], found.moved, found.standing.chance.round(2).tolist()))
                others = lay_over(found.rig, first.rig, np.arange(4) != v)
                world.append(apart(found.rig[v], first.rig[v]))
                shape.append(apart(others[v], first.rig[v]))
        print(
            f"{label}, one camera turned 1 degree and moved 3 cm: named {sum(a in b for a, b, _ in told)} of 12; "
            f"against the untouched repair that camera is, in the world, {spread(world)} off, against the other "
            f"cameras {spread(shape)}"
        )
        for name, moved, chance in told:
            print(
                f"  {name} knocked: named {' '.join(moved) or 'nobody'}; chance of each camera to have moved {chance}"
            )


def limb_lengths(views, rig):
    return bone_lengths(triangulate_robustly(undo_lenses(views, rig), rig), views.bones)


def apart(a, b):
    return angle(a.R @ b.R.T), 100 * np.linalg.norm(a.center - b.center)


def spread(errors):
    median, worst = np.median(errors, axis=0), np.max(errors, axis=0)
    return f"{median[0]:.2f} (worst {worst[0]:.2f}) deg and {median[1]:.2f} (worst {worst[1]:.2f}) cm"


def knocked(rig, v, rng):
    omega, step = rng.standard_normal((2, 3))
    camera = rig[v]
    R = rotation_matrix(np.radians(1.0) * omega / np.linalg.norm(omega)) @ camera.R
    moved = camera.with_pose(R, -R @ (camera.center + 0.03 * step / np.linalg.norm(step)))
    return Rig(tuple(moved if k == v else other for k, other in enumerate(rig)))


def sync():
    rig, xyz = panoptic()
    bones, symmetric = rigid_bones(PANOPTIC)
    path = CubicSpline(np.arange(len(xyz)), xyz.reshape(len(xyz), -1))
    settings = SyncSettings(reach=20, bones=bones, symmetric=symmetric)
    cases = (
        ([0, -7.3, 2.5, 0.4, 0], [0, 1e-4, 1e-4, 1e-4, 0], len(xyz), 1.0),
        ([0, -7.3, 2.5, 0.4, 0], [0] * 5, 600, 1.0),
        ([0, 0, 0, 0, 0], [0] * 5, 600, 0.0),
    )
    for offsets, drifts, frames, motion in cases:
        for seed in range(2):
            rng = np.random.default_rng(seed)
            tracks = []
            for camera, offset, drift in zip(rig, offsets, drifts, strict=True):
                moments = motion * (np.arange(frames) * (1 + drift) + offset) + (1 - motion) * 300
                points = path(np.clip(moments, 0, len(xyz) - 1)).reshape(frames, -1, 3)
                xy = seen(camera, points, rng)
                xy[(moments < 0) | (moments > len(xyz) - 1)] = np.nan
                tracks.append(Track.of(xy, np.isfinite(xy).all(-1).astype(float)))
            found = synchronise(tracks, rig, settings)
            off = [clock.offset - true for clock, true in zip(found.clocks, offsets, strict=True)]
            ppm = [clock.drift_ppm - 1e6 * true for clock, true in zip(found.clocks, drifts, strict=True)]
            print(
                f"panoptic {frames} frames, motion {motion:g}, {seed}: offsets off by {np.round(off, 3).tolist()}, "
                f"drifts by {np.round(ppm, 0).tolist()} ppm, sure {found.sure}, {found.clocks[1].reason}"
            )
    capture = balance()
    for late in (None, *range(4)):
        points = capture.keypoints if late is None else delayed(capture.keypoints, late, 5)
        clocks = synchronise_people(points, capture.rig, reach_s=0.5, drift=False).clocks
        told = ", ".join(f"{c.offset:+.2f} ± {c.sigma:.2f}" for c in clocks)
        print(f"balance, {'as it is' if late is None else capture.rig.names[late] + ' 5 frames late'}: {told}")


def delayed(keypoints, v, frames):
    """One view's frames taken from ``frames`` earlier."""
    xy, confidence = keypoints.xy[frames:].copy(), keypoints.confidence[frames:].copy()
    xy[:, v], confidence[:, v] = keypoints.xy[:-frames, v], keypoints.confidence[:-frames, v]
    return Keypoints(xy, confidence, keypoints.cameras, keypoints.skeleton, keypoints.fps)


if __name__ == "__main__":
    parts = {
        "people": people,
        "crowd": crowd,
        "crowd_repair": crowd_repair,
        "campus": campus,
        "repair": repairs,
        "scene": scene,
        "sync": sync,
    }
    for name in sys.argv[1:] or parts:
        parts[name]()
