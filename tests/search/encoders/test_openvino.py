"""Networks that OpenVINO computes, against torch: vectors, files, damage, precision, and what is imported."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from indexer.metrics.retrieval import retrieval
from search.encoders import load_encoder
from search.encoders.base import unit_rows
from search.encoders.checkpoint import CheckpointEncoder
from search.encoders.converted import ConvertedEncoder, conversion_problem
from search.encoders.openvino_conversion import CONVERSION_FILES, GRAPH_FILE, convert
from search.encoders.openvino_runtime import CompiledNetwork, Conversion, ConversionError, openvino, supports_bfloat16
from search.encoders.preprocessing import squash
from search.encoders.runtime_keys import PRECISIONS
from search.encoders.weights_digest import digest_of_file
from search.errors import EncoderError
from search.pictures.decode import load_picture
from tests.conftest import draw
from tests.search.encoders.made import CHECKPOINT, CLIP, IMAGES, NAMES, checkpoint, edit, made

pytestmark = pytest.mark.skipif(find_spec("openvino") is None, reason="needs the extra openvino")

NETWORKS = [name for name in NAMES[1:] if name != CLIP]  # which torch computes: see test_open_clip.py
ROOT = Path(__file__).parents[3]


def saved(folder: Path, name: str = CHECKPOINT) -> Path:
    made(name).save(folder)
    return folder


def entry(folder: Path) -> dict:
    return json.loads((folder / "encoder.json").read_text(encoding="utf-8"))["openvino"]


@pytest.mark.thinned(6)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_saved_network_is_computed_by_openvino_as_by_torch(name, tmp_path):
    converted = load_encoder(saved(tmp_path, name), device="cpu")
    oracle = load_encoder(tmp_path, device="cpu", runtime="torch")
    assert isinstance(converted, ConvertedEncoder)
    assert not isinstance(oracle, ConvertedEncoder)
    assert converted.fingerprint == oracle.fingerprint
    vectors, expected = converted.encode(IMAGES), oracle.encode(IMAGES)
    # Square roots in the descriptors of colours and edges magnify rounding where a picture has next to none.
    np.testing.assert_allclose(vectors, expected, rtol=0, atol=5e-5)
    assert (vectors * expected).sum(axis=1).min() > 1 - 1e-6


@pytest.mark.parametrize("name", ["builtin", CHECKPOINT])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_vector_does_not_depend_on_the_rest_of_its_batch(name, precision, tmp_path):
    encoder = load_encoder(saved(tmp_path, name), device="cpu", precision=precision)
    images = [draw(number) for number in range(64)]
    together = encoder.encode(images)
    for size in (1, 2, 7):
        np.testing.assert_array_equal(encoder.encode(images[:size]), together[:size])


@pytest.mark.thinned(4)
@pytest.mark.parametrize("name", NETWORKS)
def test_the_fingerprint_needs_no_torch(name, tmp_path):
    encoder = made(name)
    identity = {"family": encoder.family, "dim": encoder.dim, "input_size": encoder.input_size}
    identity |= {"preprocessing": encoder.preprocessing.to_json(), "architecture": encoder.architecture}
    encoder.save(tmp_path)
    assert digest_of_file(tmp_path / "weights.safetensors", identity) == encoder.fingerprint


COLD = """
import socket, sys
from PIL import Image
from search.encoders import load_encoder


def refuse(*_):
    raise AssertionError("something went to the network")


socket.socket.connect = refuse
encoder = load_encoder(sys.argv[1], device=sys.argv[2])
assert encoder.encode([Image.new("RGB", (30, 20), "red")]).shape == (1, 24)
encoder.save(__import__("pathlib").Path(sys.argv[3]))
print(*sys.modules)
"""


@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_a_saved_network_is_loaded_and_saved_without_torch_and_telemetry(device, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    words = [sys.executable, "-c", COLD, saved(tmp_path / "a"), device, tmp_path / "b"]
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=True, cwd=ROOT)
    modules = done.stdout.split()
    assert "openvino" in modules
    assert not {"openvino_telemetry", "openvino.tools.ovc"} & set(modules)
    if device == "cpu":
        assert "torch" not in modules
    for name in ("encoder.json", "weights.safetensors", *CONVERSION_FILES):
        assert (tmp_path / "b" / name).read_bytes() == (tmp_path / "a" / name).read_bytes()


@pytest.mark.slow
def test_a_conversion_reports_nothing_to_the_vendor():
    code = "from tests.search.encoders.made import made, IMAGES; import sys; made('checkpoint').encode(IMAGES)\n"
    code += "assert 'openvino.frontend' in sys.modules and 'torch' in sys.modules\n"
    code += "assert not {'openvino_telemetry', 'openvino.tools.ovc'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


# Simplified graphs ----------------------------------------------------------------------------------------------------


def unsimplified(name: str, monkeypatch) -> Conversion:
    """A conversion as earlier versions made it."""
    with monkeypatch.context() as patched:
        patched.setattr("search.encoders.openvino_conversion._simplified", lambda conversion: conversion)
        return convert(made(name).network, made(name).preprocessing)[0]


@pytest.mark.thinned(12)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_simplified_graph_gives_the_same_bits_with_fewer_operations(name, monkeypatch):
    encoder, size = made(name), made(name).input_size
    whole, simple = unsimplified(name, monkeypatch), convert(encoder.network, encoder.preprocessing)[0]
    pictures = np.stack([squash(draw(seed), size) for seed in range(4)])
    for precision in PRECISIONS:
        expected, actual = (CompiledNetwork(each, size, precision).run(pictures) for each in (whole, simple))
        np.testing.assert_array_equal(actual, expected)
    assert simple.graph.count(b"<layer ") < whole.graph.count(b"<layer ")
    assert (b'"precise"' in simple.graph) == (b'"precise"' in whole.graph)
    assert b"DisablePrecisionConversion" not in simple.graph


def test_an_encoder_of_an_earlier_version_is_computed_by_its_own_conversion(tmp_path, monkeypatch):
    whole = unsimplified(CHECKPOINT, monkeypatch)
    encoder = checkpoint()
    monkeypatch.setattr("search.encoders.torch_base.convert", lambda *_: (whole, None))
    encoder.save(tmp_path)
    assert (tmp_path / GRAPH_FILE).read_bytes() == whole.graph
    loaded = load_encoder(tmp_path, device="cpu")
    assert type(loaded) is ConvertedEncoder
    np.testing.assert_array_equal(loaded.encode(IMAGES), made(CHECKPOINT).encode(IMAGES))


def test_a_graph_stays_as_it_is_if_openvino_cannot_simplify_it(monkeypatch):
    encoder = made(CHECKPOINT)
    whole = unsimplified(CHECKPOINT, monkeypatch)
    monkeypatch.setitem(sys.modules, "openvino._offline_transformations", None)
    graph = convert(encoder.network, encoder.preprocessing)[0].graph
    assert graph.count(b"<layer ") == whole.graph.count(b"<layer ")


# Damage ---------------------------------------------------------------------------------------------------------------


def cut(folder: Path) -> None:
    path = folder / "openvino.bin"
    path.write_bytes(path.read_bytes()[:-8])


def flip(folder: Path) -> None:
    path = folder / "openvino.xml"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def replaced(folder: Path, graph: bytes) -> None:
    """Another graph, with its checksum."""
    (folder / "openvino.xml").write_bytes(graph)
    files = entry(folder)["files"] | {"openvino.xml": hashlib.sha256(graph).hexdigest()}
    edit(folder, openvino=entry(folder) | {"files": files})


def linked(folder: Path) -> None:
    (folder / "openvino.bin").unlink()
    (folder / "openvino.bin").mkdir()


def grown(folder: Path) -> None:
    with (folder / "openvino.bin").open("r+b") as file:
        file.truncate(2**40)


DAMAGES = {
    "no entry": (lambda folder: edit(folder, openvino=None), "has no conversion"),
    "entry of another type": (lambda folder: edit(folder, openvino=[1]), "has no conversion"),
    "no files": (lambda folder: edit(folder, openvino=entry(folder) | {"files": 3}), "does not list its files"),
    "no checksums": (lambda folder: edit(folder, openvino=entry(folder) | {"files": {}}), "damaged"),
    "no architecture": (lambda folder: edit(folder, openvino=entry(folder) | {"architecture": "x"}), "architecture"),
    "graph missing": (lambda folder: (folder / "openvino.xml").unlink(), "openvino.xml is missing"),
    "weights missing": (lambda folder: (folder / "openvino.bin").unlink(), "openvino.bin is missing"),
    "cut": (cut, "openvino.bin is damaged"),
    "flipped": (flip, "openvino.xml is damaged"),
    "a folder": (linked, "openvino.bin cannot be read"),
    "huge": (grown, "larger than the encoder allows"),
    "not a graph": (lambda folder: replaced(folder, b"<net"), "cannot use the converted network"),
    "empty": (lambda folder: replaced(folder, b""), "cannot use the converted network"),
    "other version": (
        lambda folder: replaced(
            folder, (folder / "openvino.xml").read_bytes().replace(b'version="opset1"', b'version="opset99"')
        ),
        "cannot use the converted network",
    ),
    "other size": (
        lambda folder: replaced(
            folder, (folder / "openvino.xml").read_bytes().replace(b'shape="1,48,48,3"', b'shape="1,48,48,4"')
        ),
        "cannot use the converted network",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_torch_computes_if_the_conversion_cannot_be_used(damage, tmp_path):
    apply, message = DAMAGES[damage]
    apply(saved(tmp_path))
    encoder = load_encoder(tmp_path, device="cpu")
    assert type(encoder) is CheckpointEncoder
    assert encoder.fingerprint == made(CHECKPOINT).fingerprint
    np.testing.assert_allclose(encoder.encode(IMAGES), made(CHECKPOINT).encode(IMAGES), atol=1e-6)
    assert message in str(conversion_problem(tmp_path))


def graph_of(last) -> Conversion:
    """A graph of pictures of 8 pixels that ends in what `last` makes of them."""
    operations = openvino().opset13
    pixels = operations.parameter([1, 8, 8, 3], np.uint8, name="pixels")
    model = openvino().Model([last(operations, operations.convert(pixels, "f32"))], [pixels])
    from search.encoders.openvino_conversion import _serialized

    return _serialized(model)


def test_a_graph_of_ordinary_operations_is_accepted():
    conversion = graph_of(lambda ops, pixels: ops.reduce_mean(pixels, np.array([1, 2])))
    vectors = CompiledNetwork(conversion, 8, "float32").run(np.full((5, 8, 8, 3), 7, dtype=np.uint8))
    np.testing.assert_array_equal(vectors, np.full((5, 3), 7))


@pytest.mark.parametrize(
    ("last", "message"),
    [
        (lambda ops, pixels: ops.broadcast(ops.constant(1.0), np.array([2**20, 2**20])), "has a result of the shape"),
        (lambda ops, pixels: ops.tile(pixels, np.array([1, 2**14, 2**14, 1])), "has a result of the shape"),
        (lambda ops, pixels: ops.non_zero(pixels), "has a result of the shape"),
        (lambda ops, pixels: ops.read_value(pixels, "state"), "ReadValue"),
        (lambda ops, pixels: pixels, "its output is not one vector"),
    ],
)
def test_a_strange_graph_is_refused_before_it_is_compiled(last, message):
    with pytest.raises(ConversionError, match=message):
        CompiledNetwork(graph_of(last), 8, "float32")


def test_a_network_that_cannot_be_converted_is_computed_by_torch(tmp_path, monkeypatch):
    """Its graph depends on the values of the pictures, which a trace cannot record."""
    encoder = checkpoint()
    forward = encoder.network.forward
    monkeypatch.setattr(encoder.network, "forward", lambda x: -forward(x) if x.max() > 0 else forward(x).abs())
    with pytest.raises(ConversionError, match=r"other vectors|cannot convert"):
        convert(encoder.network, encoder.preprocessing)
    np.testing.assert_allclose(encoder.encode(IMAGES), -made(CHECKPOINT).encode(IMAGES), atol=1e-6)
    encoder.save(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"encoder.json", "weights.safetensors"}


def test_without_openvino_torch_computes_and_no_conversion_is_written(tmp_path, monkeypatch):
    (tmp_path / "with").mkdir()
    (tmp_path / "without").mkdir()
    saved(tmp_path / "with")
    monkeypatch.setitem(sys.modules, "openvino", None)
    encoder = checkpoint()
    np.testing.assert_allclose(encoder.encode(IMAGES), made(CHECKPOINT).encode(IMAGES), atol=1e-6)
    encoder.save(tmp_path / "without")
    assert {path.name for path in (tmp_path / "without").iterdir()} == {"encoder.json", "weights.safetensors"}
    for folder in (tmp_path / "with", tmp_path / "without"):
        assert type(load_encoder(folder, device="cpu")) is CheckpointEncoder
        assert conversion_problem(folder) is None


def test_damaged_weights_are_reported_though_openvino_does_not_use_them(tmp_path):
    path = saved(tmp_path) / "weights.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(EncoderError, match=r"damaged.*fingerprint"):
        load_encoder(tmp_path, device="cpu")


def test_weights_that_changed_since_they_were_loaded_are_not_saved(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    encoder = load_encoder(saved(tmp_path / "a"), device="cpu")
    checkpoint(seed=9).save(tmp_path / "a")
    with pytest.raises(EncoderError, match="fingerprint"):
        encoder.save(tmp_path / "b")
    (tmp_path / "a" / "weights.safetensors").unlink()
    with pytest.raises(EncoderError, match="changed since"):
        encoder.save(tmp_path / "b")


# Precision and threads ------------------------------------------------------------------------------------------------


@pytest.mark.thinned(4)
@pytest.mark.parametrize("name", NETWORKS)
def test_bfloat16_is_close_to_float32_and_stays_with_the_encoder(name, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    encoder = load_encoder(saved(tmp_path / "a", name), device="cpu", precision="bfloat16")
    encoder.save(tmp_path / "b")
    again = load_encoder(tmp_path / "b", device="cpu")
    assert (again.precision, again.fingerprint) == ("bfloat16", made(name).fingerprint)
    images = [*IMAGES, *map(draw, range(10, 20))]
    vectors, expected = again.encode(images), made(name).encode(images)
    np.testing.assert_array_equal(vectors, encoder.encode(images))
    distances = 1 - (vectors * expected).sum(axis=1)
    blank = np.array([np.ptp(np.asarray(image), axis=(0, 1)).max() == 0 for image in images])
    assert distances[~blank].max() < 2e-3
    assert distances.max() < 1e-2
    if supports_bfloat16():
        assert (vectors != expected).any()
    assert load_encoder(tmp_path / "b", device="cpu", precision="float32").precision == "float32"


def test_layers_that_bfloat16_would_spoil_are_marked_to_stay_in_float32(monkeypatch):
    graph = ElementTree.fromstring(unsimplified("checkpoint, combined", monkeypatch).graph)
    marked = {
        layer.attrib["name"].partition("/")[0].removeprefix("__module.network.")
        for layer in graph.iterfind("layers/layer")
        if layer.find("rt_info/attribute[@name='precise']") is not None
    }
    assert {"parts.0.trunk.conv_stem", "parts.0.trunk.blocks.0.0.conv_dw", "parts.0.trunk.blocks.0.0.bn2"} <= marked
    expected = ("parts.0.trunk.conv_stem", "parts.0.trunk.bn1", "parts.0.trunk.blocks.0.")
    assert [name for name in marked if not name.startswith(expected)] == []


@pytest.mark.slow
@pytest.mark.skipif(not supports_bfloat16(), reason="this CPU has no bfloat16")
def test_the_marked_layers_bring_bfloat16_nearer_to_float32(tmp_path):
    encoder = load_encoder(saved(tmp_path, "photo"), device="cpu", runtime="torch")
    pictures = np.stack([squash(draw(seed), encoder.input_size) for seed in range(8)])
    conversion, _ = convert(encoder.network, encoder.preprocessing)
    unmarked = Conversion(re.sub(rb"<attribute name=.precise. [^>]*/>", b"", conversion.graph), conversion.weights)
    assert unmarked.graph != conversion.graph

    def vectors(of, precision):
        return unit_rows(CompiledNetwork(of, encoder.input_size, precision).run(pictures))

    expected = vectors(conversion, "float32")
    distances = [1 - (vectors(of, "bfloat16") * expected).sum(axis=1).mean() for of in (conversion, unmarked)]
    assert distances[0] < 0.7 * distances[1]


@pytest.mark.slow
@pytest.mark.thinned(2)
@pytest.mark.parametrize("name", ["small", "photo"])
def test_bfloat16_costs_less_than_half_a_percent_of_recall(name, tmp_path):
    paths = sorted((ROOT / "data" / "sample").rglob("*.jpg"))
    labels, recall = [path.parent.name for path in paths], {}
    assert len(paths) > 400
    saved(tmp_path, name)
    for precision in PRECISIONS:
        encoder = load_encoder(tmp_path, device="cpu", precision=precision)
        vectors = encoder.encode([load_picture(path, target=encoder.input_size) for path in paths])
        recall[precision] = retrieval(vectors, labels).recall_at[1]
    assert recall["bfloat16"] >= recall["float32"] - 0.005


def test_a_cpu_without_bfloat16_computes_in_float32(tmp_path, monkeypatch):
    monkeypatch.setattr("search.encoders.openvino_runtime.supports_bfloat16", lambda: False)
    encoder = load_encoder(saved(tmp_path), device="cpu", precision="bfloat16")
    assert encoder.precision == "bfloat16"
    np.testing.assert_array_equal(encoder.encode(IMAGES), made(CHECKPOINT).encode(IMAGES))


def test_an_unknown_precision_is_an_error(tmp_path):
    edit(saved(tmp_path), precision="int8")
    with pytest.raises(EncoderError, match="unknown precision 'int8': the precisions are float32, bfloat16"):
        load_encoder(tmp_path, device="cpu")
    with pytest.raises(EncoderError, match="unknown precision 'half'"):
        load_encoder("builtin", device="cpu", precision="half")


def test_an_encoder_without_a_network_has_no_precision():
    with pytest.raises(EncoderError, match="color-layout has no network"):
        load_encoder("color-layout", precision="bfloat16")


@pytest.mark.parametrize(("variable", "threads"), [("1", 1), ("", None), ("x", None)])
def test_threads_are_limited_as_those_of_torch(variable, threads, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", variable)
    options = load_encoder(saved(tmp_path), device="cpu")._network._options()
    assert options.get("INFERENCE_NUM_THREADS") == threads
    assert options["NUM_STREAMS"] <= (threads or 4)


def test_a_batch_of_more_pictures_than_requests_is_computed_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr("search.encoders.openvino_runtime._QUEUED", 3)
    encoder = load_encoder(saved(tmp_path), device="cpu")
    images = [draw(number) for number in range(11)]
    alone = np.concatenate([encoder.encode([image]) for image in images])
    np.testing.assert_array_equal(encoder.encode(images), alone)
    assert len(encoder._network._requests) == 3


def test_a_batch_after_an_interrupted_one_is_computed_anew(tmp_path, monkeypatch):
    encoder = load_encoder(saved(tmp_path), device="cpu")
    batch = np.stack([encoder.prepare(draw(number)) for number in range(6)])
    expected, network = encoder.forward(batch), encoder._network
    finish = network._finish

    def interrupted() -> None:
        if network._in_use:
            raise KeyboardInterrupt

    monkeypatch.setattr(network, "_finish", interrupted)
    with pytest.raises(KeyboardInterrupt):
        encoder.forward(batch[::-1])
    monkeypatch.setattr(network, "_finish", finish)
    np.testing.assert_array_equal(encoder.forward(batch), expected)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_precision_that_was_set_before_the_first_picture_counts(precision, tmp_path):
    encoder = checkpoint(seed=5)
    encoder.precision = precision
    vectors = encoder.encode(IMAGES)
    encoder.save(tmp_path)
    np.testing.assert_array_equal(load_encoder(tmp_path, device="cpu", precision=precision).encode(IMAGES), vectors)
    encoder.encode(IMAGES)
    assert encoder._compiled.precision == ("float32" if not supports_bfloat16() else precision)
