"""The house rules of ARCHITECTURE.md: imports run downward only, each big dependency has one home."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEAVY = {"torch", "torchvision", "timm", "faiss", "hnswlib", "streamlit", "pytorch_metric_learning", "PIL", "numpy"}
HEAVY |= {"pyarrow", "pandas"}
HOMES = {
    "faiss": ("search/indexes/",),
    "hnswlib": ("search/indexes/",),
    "torch": ("search/encoders/", "search/indexes/", "indexer/training/"),
    "torchvision": ("search/encoders/", "indexer/training/"),
    "timm": ("search/encoders/",),
    "pytorch_metric_learning": ("indexer/training/",),
    "rawpy": ("search/pictures/containers/raw_development.py",),
    "pillow_jxl": ("search/pictures/containers/jpeg_xl.py",),
    "pyarrow": ("indexer/exchange/parquet_file.py",),
    "streamlit": ("app.py", "app_parts/"),
    "sqlite3": (
        "search/catalog",
        "search/store/migrations.py",
        "search/files/disk_errors.py",
        "indexer/pipeline/staging.py",
    ),
}


def modules() -> list[Path]:
    packages = (ROOT.glob(f"{package}/**/*.py") for package in ("search", "indexer", "app_parts"))
    return sorted([ROOT / "app.py", *(path for package in packages for path in package)])


def imports(path: Path, *, at_import_time: bool = False) -> set[str]:
    """Dotted names that a file imports; at import time only: what stands outside functions and TYPE_CHECKING."""
    found: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if at_import_time and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
        waiting += ast.iter_child_nodes(node)
    return found


def below(names: set[str], package: str) -> set[str]:
    return {name for name in names if name == package or name.startswith(package + ".")}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_downward(path: Path) -> None:
    place, names = path.relative_to(ROOT).as_posix(), imports(path)
    if place.startswith("search/"):
        assert not below(names, "indexer"), "search never imports indexer"
    if not place.startswith(("app.py", "app_parts/")):
        assert not below(names, "app") | below(names, "app_parts"), "the app uses the packages, never the reverse"
    assert not below(names, "benchmarks") | below(names, "experiments"), "they use the packages, never the reverse"
    if place in {"search/types.py", "search/errors.py", "search/config.py"}:
        assert not below(names, "search"), "types, errors and config import nothing of ours"
    if place.startswith("search/encoders/"):
        assert not below(names, "search.indexes") | below(names, "search.store.catalog") | below(names, "search.engine")
    if place.startswith("search/indexes/"):
        assert (
            not below(names, "search.encoders") | below(names, "search.store.catalog") | below(names, "search.engine")
        )
    if place in {"search/store/catalog.py", "search/store/migrations.py"}:
        assert not below(names, "search.encoders") | below(names, "search.indexes") | below(names, "search.engine")
    if place == "search/store/segments.py":
        assert not below(names, "search.encoders") | below(names, "search.store.catalog")


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_big_dependencies_have_one_home(path: Path) -> None:
    place, names = path.relative_to(ROOT).as_posix(), imports(path)
    for library, homes in HOMES.items():
        if below(names, library):
            assert place.startswith(homes), f"{library} belongs into {homes}"


@pytest.mark.parametrize(
    ("statement", "may_have"),
    [
        ("import search", set()),
        ("import indexer.cli.query", set()),
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


@pytest.mark.parametrize("command", [[], ["build"], ["query"], ["train"], ["demo"]])
def test_help_is_light(command: list[str]) -> None:
    script = (
        "import sys; from indexer.cli.app import app; app(sys.argv[1:], standalone_mode=False);"
        " sys.stderr.write(' '.join(sys.modules))"
    )
    words = [sys.executable, "-c", script, *command, "--help"]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT)
    assert "Usage" in done.stdout
    assert not HEAVY & set(done.stderr.split())


def test_nothing_reads_pickles_or_evaluates_text() -> None:
    forbidden = {"pickle", "eval", "exec", "torch.load", "joblib"}
    for path in modules():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        assert not forbidden & (called | imports(path)), path


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


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_files_are_made_in_one_place(path: Path) -> None:
    place = path.relative_to(ROOT).as_posix()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).rpartition(".")[2]
            writes = name in WRITERS or (name in {"open", "fdopen"} and opens_to_write(node))
            assert not writes or name in MAY_WRITE.get(place, set()), f"line {node.lineno}: use {OWN_WRITER}"
