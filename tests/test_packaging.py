"""The package as it is installed: what the wheel holds, what importing costs, and which floor imports which."""

import ast
import os
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

import lift3d

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
FLOORS = ("calib", "datasets", "viz", "lift3d")  # a floor imports itself and those before it
HEAVY = {"torch", "cv2", "open3d", "h5py", "scipy"}
IMPORT_ALL = """
import importlib, sys
sys.modules["open3d"] = None
for name in sys.argv[2:]:
    try:
        file = importlib.import_module(name).__file__
    except ModuleNotFoundError as error:
        if error.name != "torch":  # the networks need it, and the extra `train` may be absent
            raise
    else:
        assert file.startswith(sys.argv[1]), file
"""
UNPICKLERS = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}


def module_name(path: Path) -> str:
    """The name a source file is imported by."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts if parts[0] == "lift3d" else ("lift3d", *parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def sources(*floors: str) -> list[Path]:
    return sorted(path for floor in floors for path in (ROOT / floor).rglob("*.py"))


SOURCES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sources(*FLOORS)}


def imports(node: ast.AST, package: str) -> Iterator[str]:
    """The full names that one import statement asks for; nothing for any other node."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        parent = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        base = ".".join([*parent, *filter(None, [node.module])])
        yield from (f"{base}.{alias.name}" for alias in node.names)


def all_imports(path: Path) -> list[str]:
    name = module_name(path)
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    return [imported for node in ast.walk(SOURCES[path]) for imported in imports(node, package)]


def run_at_import(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run when a module is imported: no function bodies, nothing under ``if TYPE_CHECKING``."""
    for child in ast.iter_child_nodes(tree):
        typing_only = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        if not typing_only and not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from run_at_import(child)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """A wheel built from a copy, so that neither old build folders nor this checkout are touched."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        (source / name).write_bytes((ROOT / name).read_bytes())
    for floor in FLOORS:
        copytree(ROOT / floor, source / floor, ignore=ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "pip", "wheel", "-qq", "--no-build-isolation", "--no-deps", "-w", str(out)]
    result = subprocess.run([*command, str(source)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    (path,) = out.glob("*.whl")
    return zipfile.ZipFile(path)


def test_every_package_folder_is_listed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    folders = {module_name(path) for path in SOURCES if path.name == "__init__.py"}
    assert set(project["tool"]["setuptools"]["packages"]) == folders


def test_every_source_file_lies_in_a_package() -> None:
    assert [str(path) for path in SOURCES if not path.with_name("__init__.py").is_file()] == []


@pytest.mark.slow
def test_wheel_holds_every_module_and_only_under_lift3d(wheel: zipfile.ZipFile) -> None:
    modules = {name for name in wheel.namelist() if name.endswith(".py")}
    expected = set()
    for path in SOURCES:
        relative = path.relative_to(ROOT).as_posix()
        expected.add(relative if relative.startswith("lift3d/") else f"lift3d/{relative}")
    assert modules == expected
    assert {name.split("/")[0] for name in wheel.namelist()} == {"lift3d", f"lift3d-{lift3d.__version__}.dist-info"}
    assert "lift3d/py.typed" in wheel.namelist()


@pytest.mark.slow
def test_wheel_carries_licence_and_command(wheel: zipfile.ZipFile) -> None:
    entry_points = wheel.read(f"lift3d-{lift3d.__version__}.dist-info/entry_points.txt").decode()
    assert "lift3d = lift3d.cli:main" in entry_points
    assert any(name.endswith("/LICENSE") for name in wheel.namelist())


@pytest.mark.slow
def test_every_module_of_the_unpacked_wheel_imports_without_open3d(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path)
    names = [module_name(path) for path in SOURCES]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", IMPORT_ALL, str(tmp_path), *names]
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("program", ["import lift3d", "from lift3d.cli import main; main(['--help'])"])
def test_start_loads_no_heavy_library(program: str, tmp_path: Path) -> None:
    command = [sys.executable, "-X", "importtime", "-c", program]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    loaded = {line.rpartition("|")[2].strip().split(".")[0] for line in result.stderr.splitlines()}
    assert "lift3d" in loaded
    assert loaded & (HEAVY | {"numpy", "rich"}) == set()


def test_help_comes_within_three_tenths_of_a_second(tmp_path: Path) -> None:
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "lift3d", "--help"], cwd=tmp_path, capture_output=True, check=True)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.3  # the least of five: what is asked is the program's time, not the machine's load


@pytest.mark.parametrize("name", lift3d._HOMES)
def test_public_name_resolves(name: str) -> None:
    assert callable(getattr(lift3d, name))
    assert name in dir(lift3d)


def test_type_checkers_see_the_same_public_names() -> None:
    block = next(node for node in SOURCES[ROOT / "lift3d/__init__.py"].body if isinstance(node, ast.If))
    seen = {imported for node in block.body for imported in imports(node, "lift3d")}
    assert seen == {f"{home}.{name}" for name, home in lift3d._HOMES.items()}


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = lift3d.nonsense


@pytest.mark.parametrize("floor", FLOORS)
def test_imports_run_one_way(floor: str) -> None:
    below = FLOORS[: FLOORS.index(floor) + 1]
    allowed = ("lift3d.",) if floor == "lift3d" else tuple(f"lift3d.{name}." for name in below)
    upward = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources(floor)
        for name in all_imports(path)
        if name.split(".")[0] in ("lift3d", "scripts", "tests", *FLOORS)
        and not f"{name}.".startswith(allowed)
        and name != "lift3d.__version__"
    ]
    assert upward == []


def test_geometry_and_pictures_do_without_torch() -> None:
    users = [path.name for path in sources("calib", "datasets", "viz") for name in all_imports(path) if "torch" in name]
    assert users == []


def test_open3d_is_imported_inside_functions_only() -> None:
    eager = [
        str(path.relative_to(ROOT))
        for path, tree in SOURCES.items()
        for node in run_at_import(tree)
        for name in imports(node, "")
        if name.split(".")[0] == "open3d"
    ]
    assert eager == []


def test_nothing_unpickles_freely() -> None:
    nodes = [(path.name, node) for path, tree in SOURCES.items() for node in ast.walk(tree)]
    attributes = [(name, node) for name, node in nodes if isinstance(node, ast.Attribute)]
    uses = [(name, f"pickle.{node.attr}") for name, node in attributes if getattr(node.value, "id", "") == "pickle"]
    classes = [(name, node) for name, node in nodes if isinstance(node, ast.ClassDef)]
    restricted = [
        name
        for name, node in classes
        if "pickle.Unpickler" in map(ast.unparse, node.bases)
        and "find_class" in (part.name for part in node.body if isinstance(part, ast.FunctionDef))
    ]
    imported = [(path.name, name) for path in SOURCES for name in all_imports(path)]
    assert [pair for pair in imported if pair[1].split(".")[0] in UNPICKLERS] == [("plain_pickle.py", "pickle")]
    assert [use for use in uses if re.fullmatch(r"pickle\.(load|loads|_.*)", use[1])] == []
    assert sorted(name for name, use in uses if use == "pickle.Unpickler") == sorted(restricted)
    guarded = [(name, node) for name, node in nodes if isinstance(node, ast.keyword)]
    keywords = [(name, ast.unparse(node)) for name, node in guarded if node.arg in ("allow_pickle", "weights_only")]
    assert [pair for pair in keywords if re.match(r"allow_pickle=(?!False)|weights_only=(?!True)", pair[1])] == []


def test_no_exception_is_caught_blindly() -> None:
    bare = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path, tree in SOURCES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and node.type is None
    ]
    assert bare == []


def test_only_the_command_line_prints() -> None:
    printing = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path, tree in SOURCES.items()
        if path.parent != ROOT / "lift3d/cli"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert printing == []


def test_no_file_is_a_drawer_for_odds_and_ends() -> None:
    assert [path.name for path in SOURCES if path.stem in ("utils", "common", "helpers", "misc")] == []


def test_citation_and_changelog_know_the_version() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall(r"^version: (.+)$", citation, flags=re.MULTILINE) == [lift3d.__version__]
    assert f"## [{lift3d.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
