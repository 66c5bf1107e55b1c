"""The part of YAML that calibration files use: maps, lists, flow lists, numbers and text; OpenCV's header and matrices.

OpenCV's files begin with ``%YAML:1.0`` and tag matrices, at which YAML parsers stop; others (ROS, Kalibr) are plain.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from ..distortion import Array
from ..errors import CalibrationError
from .content import AnyPath

KEY = re.compile(r"""("[^"]*"|'[^']*'|[^\s\[\]{},"'#][^:]*?)\s*:(?:\s+(.*))?$""")
MAX_DEPTH = 20
Line = tuple[int, str]


def parse_yaml(content: bytes, path: AnyPath) -> dict[str, Any]:
    """A file as a dictionary.

    Args:
        content: the file's bytes.
        path: for messages.

    Raises:
        CalibrationError: it is not a map, or goes beyond this part of YAML.
    """
    try:
        lines = _lines(content.decode("utf-8-sig"))
        value, rest = _block(lines, 0, 0)
    except (UnicodeDecodeError, ValueError, IndexError) as error:
        raise CalibrationError(f"{path} is not YAML as calibration tools write it ({error})") from None
    if rest != len(lines) or not isinstance(value, dict):
        where = lines[rest][1][:40] if rest < len(lines) else "no map"
        raise CalibrationError(f"{path} is not YAML as calibration tools write it (at {where!r})")
    return value


def matrix(value: Any, shape: tuple[int, ...], where: str) -> Array:
    """Numbers of a shape (-1: any length), out of nested lists, a flat list, or OpenCV's {rows, cols, data}.

    Raises:
        CalibrationError: missing, misshapen, or not finite.
    """
    if isinstance(value, dict):
        value = value.get("data")
    try:
        numbers = np.array(value, np.float64).reshape(shape)
    except (TypeError, ValueError):
        wanted = "x".join("n" if side < 0 else str(side) for side in shape)
        raise CalibrationError(f"{where} must be {wanted} numbers, got {str(value)[:40]}") from None
    if not np.isfinite(numbers).all():
        raise CalibrationError(f"{where} holds a value that is not finite")
    return numbers


def _lines(text: str) -> list[Line]:
    """Indent and text; header, comments and empty lines are gone, flow lists over several lines joined."""
    lines: list[Line] = []
    opened = 0
    for raw in text.splitlines():
        if raw.startswith(("%", "---", "...")):
            continue
        stripped = re.sub(r"(^|\s)#.*$", "", raw).rstrip()
        if not stripped:
            continue
        if opened:
            lines[-1] = (lines[-1][0], f"{lines[-1][1]} {stripped.strip()}")
        else:
            lines.append((len(stripped) - len(stripped.lstrip()), stripped.strip()))
        opened += stripped.count("[") + stripped.count("{") - stripped.count("]") - stripped.count("}")
    if opened:
        raise ValueError("a bracket is not closed")
    return lines


def _block(lines: list[Line], start: int, depth: int) -> tuple[Any, int]:
    """The map or list that begins at a line, and the line after it."""
    if depth > MAX_DEPTH:
        raise ValueError("nested too deeply")
    indent, text = lines[start]
    return (_sequence if text == "-" or text.startswith("- ") else _mapping)(lines, start, indent, depth)


def _mapping(lines: list[Line], i: int, indent: int, depth: int) -> tuple[dict[str, Any], int]:
    """``key: value`` lines of one indent."""
    out: dict[str, Any] = {}
    while i < len(lines) and lines[i][0] == indent:
        found = KEY.match(lines[i][1])
        if found is None:
            raise ValueError(f"at {lines[i][1][:40]!r}")
        key, value = found[1].strip("\"'"), re.sub(r"^!!\S+\s*", "", found[2] or "")
        i += 1
        if value:
            out[key] = _flow(value)
        elif i < len(lines) and (lines[i][0] > indent or (lines[i][0] == indent and lines[i][1].startswith("-"))):
            out[key], i = _block(lines, i, depth + 1)
        else:
            out[key] = None
    return out, i


def _sequence(lines: list[Line], i: int, indent: int, depth: int) -> tuple[list[Any], int]:
    """``- value`` lines of one indent; a map may begin behind the dash."""
    out: list[Any] = []
    while i < len(lines) and lines[i][0] == indent and (lines[i][1] == "-" or lines[i][1].startswith("- ")):
        text = lines[i][1][1:].strip()
        inner = indent + len(lines[i][1]) - len(text)
        if not text:
            value, i = _block(lines, i + 1, depth + 1)
        elif text.startswith("- ") or (KEY.match(text) and not text.startswith(("[", '"', "'"))):
            lines = [*lines[:i], (inner, text), *lines[i + 1 :]]
            value, i = _block(lines, i, depth + 1)
        else:
            value, i = _flow(text), i + 1
        out.append(value)
    return out, i


def _flow(text: str) -> Any:
    """A scalar or a flow list on one line."""
    if not text.startswith("["):
        return _scalar(text)
    out: list[Any] = []
    stack = [out]
    for token in re.findall(r"""[\[\]]|"[^"]*"|'[^']*'|[^\s,\[\]]+""", text)[1:]:
        if token == "[":
            stack[-1].append([])
            stack.append(stack[-1][-1])
        elif token == "]":
            stack.pop()
        else:
            stack[-1].append(_scalar(token))
    return out


def _scalar(text: str) -> Any:
    """A number where it reads as one, else text."""
    if text[:1] in "\"'":
        return text.strip(text[0])
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text.replace(".Inf", "inf").replace(".NaN", "nan"))
    except ValueError:
        return {"true": True, "false": False, "null": None, "~": None}.get(text, text)
