import pytest

from lift3d.calib import CalibrationError
from lift3d.calib.formats import FORMATS, read_rig

TOML_FORMATS = [name for name, entry in FORMATS.items() if entry.recognises]
FOUR = [-0.046, 0.14, 6e-4, 7e-4]
KEYS = {"pose2sim": "{name}", "anipose": "cam_{i}", "freemocap": "cam_{i}", "caliscope": "cameras.{i}"}


def replace_in_right(text, field, value):
    """The text with one field of the second camera changed, or taken out."""
    before, mark, after = text.partition('name = "right"')
    lines = [line for line in after.splitlines() if not line.startswith(field + " =")]
    return before + mark + "\n".join([*lines, *([] if value is None else [f"{field} = {value}"])]) + "\n"


BAD_FIELDS = {
    "no size": ("size", None, " has no size; a calibrated camera has size, matrix"),
    "no matrix": ("matrix", None, " has no matrix"),
    "no distortions": ("distortions", None, " has no distortions"),
    "no rotation": ("rotation", None, " has no rotation"),
    "no translation": ("translation", None, " has no translation"),
    "NaN in the matrix": ("matrix", "[[nan, 0, 5], [0, 9, 5], [0, 0, 1]]", ": matrix holds a value that is not finite"),
    "infinite translation": ("translation", "[inf, 0, 1]", ": translation holds a value that is not finite"),
    "3x2 matrix": ("matrix", "[[9, 0], [0, 9], [0, 0]]", ": matrix must be 3x3 numbers, got 3x2"),
    "flat matrix": ("matrix", "[9, 0, 5, 0, 9, 5, 0, 0, 1]", ": matrix must be 3x3 numbers, got 9"),
    "ragged matrix": ("matrix", "[[9, 0, 5], [0, 9], [0, 0, 1]]", ": matrix must be 3x3 .* rows of different length"),
    "matrix of words": ("matrix", "[['a','b','c'],['a','b','c'],['a','b','c']]", ": matrix must be 3x3 numbers"),
    "a number for a matrix": ("matrix", "9.0", ": matrix must be 3x3 numbers, got a single number"),
    "negative focal length": ("matrix", "[[-9, 0, 5], [0, 9, 5], [0, 0, 1]]", ": focal lengths must be above zero"),
    "skew": ("matrix", "[[9, 1, 5], [0, 9, 5], [0, 0, 1]]", ": K must be .* without skew"),
    "negative size": ("size", "[-1088, 1920]", ": size must be .* got "),
    "no pixels": ("size", "[0, 0]", ": size must be"),
    "NaN size": ("size", "[nan, 1920]", ": size holds a value that is not finite"),
    "three sizes": ("size", "[1088, 1920, 3]", ": size must be 2 numbers, got 3"),
    "true and false": ("size", "[true, false]", ": size must be 2 numbers"),
    "three coefficients": ("distortions", "[0.1, 0.2, 0.3]", ": a pinhole lens has 0 or 4 or 5 .* got 3"),
    "NaN coefficient": ("distortions", "[0.1, nan, 0, 0]", ": distortions holds a value that is not finite"),
    "two angles": ("rotation", "[0.1, 0.2]", ": rotation must be 3 or .*3x3 numbers, got 2"),
    "mirrored rotation": ("rotation", "[[1, 0, 0], [0, 1, 0], [0, 0, -1]]", ": R is not a rotation"),
    "a word for fisheye": ("fisheye", "'yes'", ": fisheye must be true or false, got 'yes'"),
}


@pytest.mark.parametrize("format", TOML_FORMATS)
@pytest.mark.parametrize(("field", "value", "message"), BAD_FIELDS.values(), ids=BAD_FIELDS.keys())
def test_a_malformed_camera_is_refused_by_file_and_name_in_one_line(tmp_path, toml_of, format, field, value, message):
    path = tmp_path / "calib.toml"
    path.write_text(replace_in_right(toml_of(FOUR, key=KEYS[format]), field, value))
    with pytest.raises(CalibrationError, match=f"camera right{message}") as caught:
        read_rig(path, format, unit="m")
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("format", TOML_FORMATS)
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        (" \n\n", "is empty"),
        ("[metadata]\nadjusted = false\n", "holds no camera"),
        ("[left]\nmatrix = [[1, 2,", "is not TOML, or was cut short"),
        ("[left]\nsize = [1, 2]\nsize = [1, 2]\n", "is not TOML, or was cut short"),
        ('{"left": {"matrix": 1}}', "is not TOML, or was cut short"),
        ("<calibration/>", "is not TOML, or was cut short"),
        ("x = " + "[" * 100_000, "is not TOML, or was cut short"),
    ],
    ids=["empty", "blank", "no camera", "truncated", "field twice", "JSON", "XML", "deep"],
)
def test_a_bad_file_is_refused_in_one_line(tmp_path, format, text, message):
    path = tmp_path / "calib.toml"
    path.write_text(text)
    with pytest.raises(CalibrationError, match=message) as caught:
        read_rig(path, format, unit="m")
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("format", TOML_FORMATS)
def test_two_cameras_of_one_name_are_refused(tmp_path, toml_of, format):
    path = tmp_path / "calib.toml"
    path.write_text(toml_of(FOUR, key=KEYS[format]).replace('name = "right"', 'name = "left"'))
    with pytest.raises(CalibrationError, match=r"calib\.toml: two cameras of the calibration are called left"):
        read_rig(path, format, unit="m")


def test_column_vectors_and_a_byte_order_mark_are_read(tmp_path, toml_of):
    text = toml_of(FOUR, extra="fisheye = false\n")
    column = text.replace("translation = [0.32, 0.96, 2.89]", "translation = [[0.32], [0.96], [2.89]]")
    column = column.replace(f"distortions = {FOUR}", f"distortions = [{FOUR}]")
    assert column.count("[[") == text.count("[[") + 3
    plain, odd = tmp_path / "plain.toml", tmp_path / "odd.toml"
    plain.write_text(text)
    odd.write_bytes(b"\xef\xbb\xbf" + column.replace("\n", "\r\n").encode())
    for a, b in zip(read_rig(plain), read_rig(odd), strict=True):
        assert (a.t == b.t).all()
        assert (a.dist == b.dist).all()
