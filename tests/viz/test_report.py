"""The page: what it says, how large it is, and whether a browser is content with it."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from click.testing import CliRunner

from lift3d.cli import main
from lift3d.datasets import Poses
from lift3d.datasets.skeleton import SKELETONS
from lift3d.datasets.synthetic import demo_people, ring_rig
from lift3d.viz.palette import person_colors
from lift3d.viz.report import MISSING, page_data, report_html, write_report

SKELETON = SKELETONS["body_25b"]


@pytest.fixture(scope="module")
def poses():
    xyz = demo_people(2.0, 30.0)
    xyz[10:20, 1, 3] = np.nan
    return Poses.from_xyz(xyz, SKELETON, 30.0, ring_rig(4)).replace(
        verdict={"level": "doubtful", "reasons": ["cam01 </script><b>is</b> off"]}, inputs={"calib.toml": "ab" * 32}
    )


def unpacked(data):
    raw = np.frombuffer(base64.b64decode(data["xyz"]), "<i2").reshape(data["frames"], data["people"], -1, 3)
    return np.where(raw == MISSING, np.nan, raw / 1000 + np.array(data["origin"]))


def test_positions_survive_to_half_a_millimetre(poses):
    np.testing.assert_allclose(unpacked(page_data(poses, "a")), poses.xyz, atol=6e-4)


def test_missing_joints_stay_missing(poses):
    data = page_data(poses, "a")
    status = np.frombuffer(base64.b64decode(data["status"]), np.uint8).reshape(poses.status.shape)
    np.testing.assert_array_equal(status, poses.status)
    assert np.isnan(unpacked(data)[10:20, 1, 3]).all()


def test_words_from_files_cannot_become_markup(poses):
    text = report_html(poses, "a <i>title</i>")
    assert text.count("</script>") == 2
    data = json.loads(re.search(r'type="application/json">(.*?)</script>', text, re.S)[1])
    assert data["title"] == "a <i>title</i>"
    assert data["verdict"]["reasons"] == poses.verdict["reasons"]


def test_the_page_asks_for_nothing_from_elsewhere(poses):
    assert not re.search(r"https?://|//[a-z]+\.[a-z]+/|@import|src=", report_html(poses, "a"))


def test_ten_minutes_of_four_people_stay_small():
    xyz = np.tile(demo_people(2.0, 60.0)[:, :1], (300, 4, 1, 1))
    page = report_html(Poses.from_xyz(xyz, SKELETON, 60.0, ring_rig(4)), "long")
    assert len(xyz) == 36_000
    assert len(page) < 5e6
    assert "every 12th of 36000 frames" in page


@pytest.mark.parametrize("frames", [0, 1])
def test_results_without_anything_make_a_page(frames):
    empty = Poses.from_xyz(np.full((frames, 1, 25, 3), np.nan), SKELETON, 30.0)
    data = page_data(empty, "empty")
    json.dumps(data, allow_nan=False)
    assert data["frames"] == frames
    assert not data["cameraRows"]


def test_the_command_keeps_a_page_that_exists(poses, tmp_path):
    file = poses.save(tmp_path / "a.poses.h5")
    result = CliRunner().invoke(main, ["report", str(file)])
    assert result.exit_code == 0, result.output
    assert "a.html" in result.stdout
    again = CliRunner().invoke(main, ["report", str(file)])
    assert again.exit_code == 1
    assert "--overwrite" in again.stderr


def test_angles_stand_in_the_page_where_they_were_asked_for(poses, tmp_path):
    assert page_data(poses, "a")["angleRows"] == []
    file = poses.save(tmp_path / "a.poses.h5")
    result = CliRunner().invoke(main, ["report", str(file), "--angles"])
    assert result.exit_code == 0, result.output
    text = (tmp_path / "a.html").read_text()
    data = json.loads(re.search(r'type="application/json">(.*?)</script>', text, re.S)[1])
    rows = {row[0]: row[1:] for row in data["angleRows"]}
    assert {"1 left knee flexion", "2 left knee flexion"} <= set(rows), list(rows)
    there, least, median, most, _ = rows["1 left knee flexion"]
    assert 0 < there <= 100
    assert least <= median <= most


TRY = """<script>
addEventListener("load", () => {
  const canvas = document.getElementById("scene"), slider = document.getElementById("time");
  const pictures = [canvas.toDataURL()];
  slider.value = 40; slider.dispatchEvent(new Event("input")); pictures.push(canvas.toDataURL());
  const point = (kind, clientX, clientY) =>
    canvas.dispatchEvent(new PointerEvent(kind, { pointerId: 1, clientX, clientY, buttons: 1, bubbles: true }));
  canvas.setPointerCapture = () => {};
  point("pointerdown", 200, 200); point("pointermove", 260, 220); point("pointerup", 260, 220);
  pictures.push(canvas.toDataURL());
  document.getElementById("home").click(); pictures.push(canvas.toDataURL());
  const wide = document.documentElement.scrollWidth <= innerWidth;
  document.body.dataset.found = [new Set(pictures).size, pictures[1] === pictures[3], wide, innerWidth].join(" ");
});
</script>"""


@pytest.mark.parametrize("width", [1280, 500])
def test_slider_and_orbit_work_in_a_browser_and_nothing_is_wider_than_the_window(poses, tmp_path, width):
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no chromium on this machine")
    page = tmp_path / "a.html"
    page.write_text(report_html(poses, "a").replace("</body>", TRY + "</body>"))
    options = f"--headless --no-sandbox --disable-gpu --no-first-run --window-size={width},900 --dump-dom"
    command = [chromium, *options.split(), f"--user-data-dir={tmp_path / 'profile'}", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)
    pictures, back_home, fits, inner = re.search(r'data-found="([^"]*)"', done.stdout)[1].split()
    assert pictures == "3"  # the start, another time, another side; then home again
    assert (back_home, fits) == ("true", "true")
    assert abs(int(inner) - width) < 60


def test_a_browser_draws_it_without_a_complaint(poses, tmp_path):
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no chromium on this machine")
    page = write_report(poses, tmp_path / "a.html")
    picture = tmp_path / "a.png"
    options = (
        "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-quic "
        "--disable-component-update --disable-sync --enable-logging=stderr --window-size=1280,1400 "
        f"--user-data-dir={tmp_path / 'profile'} --screenshot={picture}"
    )
    done = subprocess.run(
        [chromium, *options.split(), page.as_uri()], capture_output=True, text=True, timeout=90, check=True
    )
    assert "CONSOLE" not in done.stderr, done.stderr
    import cv2

    image = cv2.imread(str(picture))
    left = np.round(255 * person_colors(0).shades[0][::-1])  # BGR
    blue = (np.abs(image.astype(int) - left).max(-1) < 12).sum()
    assert blue > 300


def test_every_column_is_on_the_paper_when_printed(poses, tmp_path):
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    ghostscript = shutil.which("gs")
    if chromium is None or ghostscript is None:
        pytest.skip("chromium or ghostscript is not on this machine")
    cameras = [f"camera_{number:02d}" for number in range(12)]
    joints = [
        {"name": name, "present_percent": 100.0, "gaps": 0, "longest_gap": 0, "views": 9.5, "sigma_mm": 12.5}
        | {"residual_px": dict.fromkeys(cameras, 10.5)}
        for name in SKELETON.joints
    ]
    camera = {"frames_seen": 60, "used_percent": 99.5, "residual_px": 10.5, "bias_px": [0.5, -0.5], "swapped_frames": 0}
    figures = {"cameras": [{"name": name, **camera} for name in cameras], "joints": joints}
    page = write_report(poses.replace(figures=figures), tmp_path / "a.html")
    paper = tmp_path / "a.pdf"
    options = f"--headless --no-sandbox --disable-gpu --no-first-run --user-data-dir={tmp_path / 'profile'}"
    command = [chromium, *options.split(), f"--print-to-pdf={paper}", page.as_uri()]
    subprocess.run(command, capture_output=True, timeout=90, check=True)
    read = [ghostscript, "-q", "-dNOPAUSE", "-dBATCH", "-sDEVICE=txtwrite", "-sOutputFile=-", str(paper)]
    text = subprocess.run(read, capture_output=True, text=True, timeout=90, check=True).stdout
    row = next(line for line in text.splitlines() if line.split()[:2] == ["left", "heel"] and line.count(".") > 3)
    assert row.count("10.5") == len(cameras), row
    assert "ab" * 8 in text.replace("\n", "")
