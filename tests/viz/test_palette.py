import numpy as np
import pytest

from lift3d.viz.palette import BACKGROUND, INK_SOFT, PEOPLE, RAMP, SIDE_COLORS, STATUS_COLORS, UNKNOWN, VERDICTS, paler

# Machado, Oliveira and Fernandes, IEEE TVCG 2009, severity 1; applied to linear RGB.
DEFICIENCY = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
XYZ_OF_RGB = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
PAIRS = [(a, b) for a in range(len(PEOPLE)) for b in range(a)]


def linear(rgb):
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(rgb, eyes="normal"):
    """CIELAB of sRGB as these eyes see it."""
    seen = np.clip(linear(np.asarray(rgb)) @ np.array(DEFICIENCY[eyes]).T, 0, 1)
    f = np.cbrt(seen @ XYZ_OF_RGB.T / XYZ_OF_RGB.sum(1))
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


def contrast(a, b):
    """WCAG 2 contrast ratio."""
    light, dark = sorted((float(linear(c) @ XYZ_OF_RGB[1]) for c in (a, b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("eyes", DEFICIENCY)
def test_people_are_told_apart_by_all_eyes(eyes):
    centers = [lab(person.shades[1], eyes) for person in PEOPLE]
    distance = {(PEOPLE[a].name, PEOPLE[b].name): np.linalg.norm(centers[a] - centers[b]) for a, b in PAIRS}
    assert min(distance.values()) > 14, min(distance, key=distance.get)  # 2.3 is just noticeable


@pytest.mark.parametrize("eyes", DEFICIENCY)
@pytest.mark.parametrize("person", PEOPLE, ids=lambda person: person.name)
def test_left_and_right_differ_in_lightness(person, eyes):
    left, center, right = lab(person.shades, eyes)[:, 0]
    assert left + 12 < center
    assert center + 12 < right


@pytest.mark.parametrize("person", PEOPLE, ids=lambda person: person.name)
def test_everything_stands_out_from_the_background_and_filled_in_parts_less(person):
    for shade in person.shades:
        assert np.linalg.norm(lab(shade) - lab(BACKGROUND)) > 25
        assert 8 < np.linalg.norm(lab(paler(shade)) - lab(BACKGROUND)) < np.linalg.norm(lab(shade) - lab(BACKGROUND))


def test_words_can_be_read():
    for color in (INK_SOFT, *VERDICTS.values()):
        assert contrast(color, BACKGROUND) > 4.5  # WCAG AA


@pytest.mark.parametrize("eyes", DEFICIENCY)
@pytest.mark.parametrize("colors", [SIDE_COLORS, STATUS_COLORS], ids=["sides", "status"])
def test_sides_and_statuses_are_told_apart_by_all_eyes(colors, eyes):
    seen = lab(colors, eyes)
    assert min(np.linalg.norm(seen[a] - seen[b]) for a in range(len(seen)) for b in range(a)) > 14


@pytest.mark.parametrize("eyes", DEFICIENCY)
def test_a_scale_darkens_step_by_step_for_all_eyes(eyes):
    seen = lab(RAMP, eyes)
    assert (np.diff(seen[:, 0]) < -6).all()
    assert np.linalg.norm(np.diff(seen, axis=0), axis=-1).min() > 8
    assert np.linalg.norm(seen - lab(UNKNOWN, eyes), axis=-1).min() > 14
    assert np.linalg.norm(seen - lab(BACKGROUND, eyes), axis=-1).min() > 18


@pytest.mark.parametrize("eyes", DEFICIENCY)
def test_verdicts_differ_for_all_eyes(eyes):
    seen = [lab(color, eyes) for color in VERDICTS.values()]
    assert min(np.linalg.norm(seen[a] - seen[b]) for a in range(3) for b in range(a)) > 7  # the word stands there too
