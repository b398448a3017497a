"""The rules of ARCHITECTURE.md: imports run downward through the rooms, and each big dependency has one home."""

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS: tuple[tuple[str, ...], ...] = (
    ("search.chunks", "search.errors", "search.gpu_driver", "search.large_imports", "search.text", "search.tuned"),
    ("search.counts", "search.crop", "search.files", "search.filters", "search.forks"),
    ("search.config", "search.types"),
    ("search.distance",),
    ("search.pictures", "search.encoders", "search.indexes"),
    ("search.comparison", "search.explanation", "search.store"),
    ("search.recognition",),
    ("search.query",),
    ("search.reader",),
    ("search.engine", "search.client"),
    ("search",),
    ("indexer.csv_table", "indexer.resolved_paths"),
    ("indexer.alterations", "indexer.labels", "indexer.metrics"),
    ("indexer.tuning",),
    ("indexer.pipeline",),
    ("indexer.cluster",),
    ("indexer.metadata", "indexer.collection", "indexer.people", "indexer.health", "indexer.plots"),
    ("indexer.duplicates", "indexer.exchange", "indexer.training"),
    ("indexer.evaluation", "indexer.shards", "indexer.stores"),
    ("indexer.calibration",),
    ("indexer",),
    ("indexer.jobs",),
    ("service",),
    ("indexer.cli", "app_parts"),
    ("indexer.__main__", "app"),
    ("benchmarks",),
    ("experiments",),
)
"""From the bottom up. A room imports rooms of the layers below its own; the rooms of one layer never meet.
A name without a dot is the package's `__init__.py`, or a whole package without rooms."""
ROOMS = {room: height for height, layer in enumerate(LAYERS) for room in layer}
PACKAGES = ("search", "indexer", "service", "app_parts", "benchmarks", "experiments")

HEAVY = {
    "torch",
    "torchvision",
    "timm",
    "faiss",
    "hnswlib",
    "turbovec",
    "streamlit",
    "pytorch_metric_learning",
    "PIL",
    "numpy",
}
HEAVY |= {"open_clip", "openvino", "pyarrow", "pandas", "pymilvus", "fsspec", "ray", "fastapi"}
HEAVY |= {"uvicorn", "httpx", "mcp"}
HOMES = {
    "faiss": ("search/indexes/",),
    "hnswlib": ("search/indexes/",),
    "turbovec": ("search/indexes/",),
    "torch": ("search/encoders/", "search/indexes/", "indexer/training/"),
    "torchvision": ("search/encoders/", "indexer/training/"),
    "timm": ("search/encoders/",),
    "open_clip": ("search/encoders/",),
    "openvino": ("search/encoders/openvino_",),
    "dlib": ("search/encoders/dlib_faces.py",),
    "pytorch_metric_learning": ("indexer/training/",),
    "rawpy": ("search/pictures/containers/raw_development.py",),
    "pillow_jxl": ("search/pictures/containers/jpeg_xl.py",),
    "ray": ("indexer/cluster/ray_engine.py",),
    "fsspec": ("search/pictures/remote.py",),
    "pyarrow": ("indexer/exchange/parquet_",),
    "streamlit": ("app.py", "app_parts/"),
    "streamlit_drawable_canvas": ("app_parts/search/cropping.py",),
    "pymilvus": ("search/store/milvus/",),
    "milvus_lite": ("search/store/milvus/",),
    "fastapi": ("service/",),
    "starlette": ("service/", "app.py", "app_parts/"),
    "pydantic": ("service/",),
    "prometheus_client": ("service/metrics.py",),
    "python_multipart": ("service/bodies.py",),
    "uvicorn": ("indexer/cli/service_server.py",),
    "httpx": ("search/client/",),
    "mcp": ("service/mcp_server.py",),
    "sqlite3": ("search/store/", "search/files/disk_errors.py", "indexer/pipeline/staging"),
}


def modules(*packages: str) -> list[Path]:
    """The app and the files of packages: of those that are installed, unless others are named."""
    chosen = packages or ("search", "indexer", "service", "app_parts")
    return sorted([ROOT / "app.py", *(path for package in chosen for path in (ROOT / package).glob("**/*.py"))])


def imports(path: Path) -> set[str]:
    """Dotted names that a file imports anywhere: at its top, in a function, and for types alone."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return names


def below(names: set[str], package: str) -> set[str]:
    return {name for name in names if name == package or name.startswith(package + ".")}


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_name(path): path for path in modules(*PACKAGES)}


def imported_modules(path: Path) -> set[str]:
    """Modules of ours that a file imports; of `from package import name`, the package only where it has that name."""
    own: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            own |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            joined = {f"{node.module}.{alias.name}" for alias in node.names}
            own |= (joined & MODULES.keys()) | ({str(node.module)} if joined - MODULES.keys() else set())
    return own & MODULES.keys()


def room(module: str) -> str:
    """The room of a module: its package's folder or file, or a package without rooms."""
    package, _, rest = module.partition(".")
    return f"{package}.{rest.partition('.')[0]}" if rest and package in ("search", "indexer") else package


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", MODULES.values(), ids=relative)
def test_imports_run_downward(path: Path) -> None:
    own = room(module_name(path))
    for module in imported_modules(path):
        other = room(module)
        assert other == own or ROOMS[other] < ROOMS[own], f"{own} imports {module}, which is not below it"


def test_every_room_has_its_layer() -> None:
    assert {room(name) for name in MODULES} == ROOMS.keys()


def test_no_modules_import_one_another_in_a_circle() -> None:
    reached = {name: imported_modules(path) - {name} for name, path in MODULES.items()}
    while True:
        further = {name: names.union(*(reached[each] for each in names)) for name, names in reached.items()}
        if further == reached:
            break
        reached = further
    assert not {name for name, names in reached.items() if name in names}


def test_a_file_name_says_where_it_is() -> None:
    names = Counter(path.stem for path in MODULES.values())
    several = {name for name, count in names.items() if count > 2}
    assert several <= {"__init__", "base", "config"}


def test_few_lines_are_kept_from_the_formatter() -> None:
    mark = "fmt: " + "skip"
    files = [path for folder in (*PACKAGES, "tests", "data") for path in (ROOT / folder).glob("**/*.py")]
    assert sum(path.read_text(encoding="utf-8").count(mark) for path in files) < 40


@pytest.mark.parametrize("path", modules(), ids=relative)
def test_big_dependencies_have_one_home(path: Path) -> None:
    place, names = path.relative_to(ROOT).as_posix(), imports(path)
    for library, homes in HOMES.items():
        if below(names, library):
            assert place.startswith(homes), f"{library} belongs into {homes}"


@pytest.mark.parametrize(
    ("statement", "may_have"),
    [
        ("import search", set()),
        ("import search.text", set()),
        ("import indexer", set()),
        ("import indexer.cli.app", set()),
        ("import search.indexes", {"numpy"}),
        ("import search.encoders", {"numpy"}),
        ("import search.engine", {"numpy"}),
        ("import search.pictures.decode", set()),
    ],
)
def test_importing_is_light(statement: str, may_have: set[str]) -> None:
    script = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert HEAVY & set(done.stdout.split()) <= may_have


@pytest.mark.parametrize("command", [[], ["build"], ["query"], ["train"], ["demo"], ["serve"], ["mcp"]])
def test_help_is_light(command: list[str]) -> None:
    script = (
        "import sys; from indexer.cli.app import app; app(sys.argv[1:], standalone_mode=False);"
        " sys.stderr.write(' '.join(sys.modules))"
    )
    words = [sys.executable, "-c", script, *command, "--help"]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT)
    assert "Usage" in done.stdout
    assert not HEAVY & set(done.stderr.split())


def test_no_function_exists_only_to_raise() -> None:
    """Classes are made of named parts; what a part needs it is given, and a real contract is an abstract method."""
    for name, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                body = [each for each in node.body if not (isinstance(each, ast.Expr) and ast.get_docstring(node))]
                raised = ast.unparse(body[0]) if len(body) == 1 and isinstance(body[0], ast.Raise) else ""
                assert not raised.startswith(("raise AssertionError", "raise NotImplementedError")), (name, node.name)


MAY_DECODE = "search/encoders/package_weights.py"
"""The one file that may read torch's format, and of that only tensors."""


def test_nothing_reads_pickles_or_evaluates_text() -> None:
    forbidden = {"pickle", "eval", "exec", "torch.load", "joblib"}
    for path in modules():
        calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
        called = {ast.unparse(node.func) for node in calls}
        allowed = {"torch.load"} if relative(path) == MAY_DECODE else set()
        assert not forbidden & (called | imports(path)) - allowed, path
        for call in calls:
            if ast.unparse(call.func) == "torch.load":
                assert {word.arg: ast.unparse(word.value) for word in call.keywords}["weights_only"] == "True", path


WRITERS = {"write_text", "write_bytes", "touch", "savez", "copyfile", "copy2", "copytree", "savefig"}
OWN_WRITER = "search/files/writing.py"
MAY_WRITE = {
    OWN_WRITER: {"open", "fdopen"},
    "indexer/plots/style.py": {"savefig"},  # into a stream of that file
}


def opens_to_write(call: ast.Call) -> bool:
    """Whether a call is an `open` that may make or change a file, or that does not say."""
    words = [arg.value for arg in (*call.args, *(k.value for k in call.keywords)) if isinstance(arg, ast.Constant)]
    modes = [word for word in words if isinstance(word, str) and set(word) <= set("rwxabt+") and word]
    return any(set(mode) & set("wxa+") for mode in modes)


@pytest.mark.parametrize("path", modules(), ids=relative)
def test_files_are_made_in_one_place(path: Path) -> None:
    place = path.relative_to(ROOT).as_posix()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).rpartition(".")[2]
            writes = name in WRITERS or (name in {"open", "fdopen"} and opens_to_write(node))
            assert not writes or name in MAY_WRITE.get(place, set()), f"line {node.lineno}: use {OWN_WRITER}"
