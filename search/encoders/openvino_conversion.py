"""Convert a torch network for OpenVINO, check the result against torch, and write and read it beside the weights.

OpenVINO's front end for PyTorch is used directly: `openvino.convert_model` does the same and reports to its vendor.
"""

from __future__ import annotations

import copy
import hashlib
import os
import re
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np

from search.encoders.openvino_runtime import CompiledNetwork, Conversion, ConversionError, openvino, read_network
from search.errors import DamagedFileError
from search.files.reading import open_regular
from search.files.writing import write_file
from search.text import reason_of

if TYPE_CHECKING:
    from torch import Tensor, nn

    from search.encoders.preprocessing import Preprocessing
    from search.types import Floats

GRAPH_FILE, CONVERTED_WEIGHTS_FILE = "openvino.xml", "openvino.bin"
CONVERSION_FILES = (GRAPH_FILE, CONVERTED_WEIGHTS_FILE)
_TOLERANCE = 1e-4
"""Largest difference of a component of a unit vector between torch and OpenVINO; rounding alone gives about 1e-6."""
_LARGEST_GRAPH = 64 * 2**20
_SPARE = 64 * 2**20
"""Bytes that the converted weights may have beyond twice those of the encoder: constants, and half-precision ones."""

_MARK = b'<attribute name="precise" version="0" />'
_NEW_MARK = re.compile(rb'<attribute name="DisablePrecisionConversion" version="0" value="dynamic:f16" ?/>')
"""What OpenVINO 2026 writes instead. It reads both, and earlier versions read only the other one."""


def is_conversion(name: str) -> bool:
    """Whether a file of an index folder, such as `encoders/x/openvino.bin`, belongs to a conversion."""
    return name.rpartition("/")[2] in CONVERSION_FILES


def convert(network: nn.Module, preprocessing: Preprocessing) -> tuple[Conversion, CompiledNetwork]:
    """Convert a network in evaluation mode, for one picture `(1, S, S, 3) uint8`.

    Returns:
        The conversion, and that compiled in float32, as it was compared with torch.

    Raises:
        ConversionError: OpenVINO lacks one of its operations, or its vectors differ from those of torch.
    """
    import torch

    from search.encoders.parallel_parts import threads_of_torch
    from search.encoders.steady import with_plain_rows

    size = preprocessing.input_size
    pictures = _of_pictures(with_plain_rows(copy.deepcopy(network).cpu().eval()), preprocessing)
    probe = np.random.default_rng(0).integers(0, 256, (3, size, size, 3), dtype=np.uint8)
    try:
        with threads_of_torch(1):  # starting and joining others takes longer than so few pictures
            conversion = _simplified(_in_float32(_serialized(_traced(pictures, size)), _sensitive(pictures)))
            with torch.inference_mode():
                expected = np.concatenate([pictures(torch.from_numpy(each[None])).numpy() for each in probe])
        compiled = CompiledNetwork(conversion, size, "float32")
        converted = compiled.run(probe)
    except ConversionError:
        raise
    except Exception as error:  # the tracer and the front end run the code of any network, and raise what that raises
        raise ConversionError(f"OpenVINO cannot convert this network: {reason_of(error)}") from error
    if converted.shape != expected.shape or not _difference(converted, expected) <= _TOLERANCE:
        raise ConversionError("OpenVINO computes other vectors than torch for this network")
    return conversion, compiled


def write_conversion(folder: Path, conversion: Conversion, architecture: list[str]) -> dict[str, Any]:
    """Write both files into an existing folder atomically; return the entry of `encoder.json` that describes them.

    Args:
        folder: the folder of the encoder.
        conversion: what to write.
        architecture: the keys of `encoder.json` that the fingerprint covers as the architecture.
    """
    contents = dict(zip(CONVERSION_FILES, (conversion.graph, conversion.weights), strict=True))
    for name, content in contents.items():
        write_file(folder / name, content)
    return {
        "version": str(openvino().get_version()),
        "architecture": architecture,
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()},
    }


def read_conversion(folder: Path, entry: dict[str, Any], weights_bytes: int) -> Conversion:
    """Read the files that an entry of `encoder.json` describes, and compare their checksums.

    Raises:
        ConversionError: a file is missing, unreadable, much larger than the weights of the encoder, or damaged.
    """
    files = entry.get("files")
    if not isinstance(files, dict):
        raise ConversionError("encoder.json does not list its files")
    limits = (_LARGEST_GRAPH, 2 * weights_bytes + _SPARE)
    return Conversion(
        *(_read(folder / name, files.get(name), limit) for name, limit in zip(CONVERSION_FILES, limits, strict=True))
    )


def _read(path: Path, sha256: Any, limit: int) -> bytes:
    try:
        with open_regular(path) as stream:
            if os.fstat(stream.fileno()).st_size > limit:
                raise ConversionError(f"{path.name} is larger than the encoder allows")
            content = stream.read(limit + 1)
    except FileNotFoundError:
        raise ConversionError(f"{path.name} is missing") from None
    except (OSError, DamagedFileError) as error:
        raise ConversionError(f"{path.name} cannot be read: {error}") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ConversionError(f"{path.name} is damaged (wrong checksum)")
    return content


def _of_pictures(network: nn.Module, preprocessing: Preprocessing) -> nn.Module:
    """The network with its normalisation in front, in the same operations as `TorchEncoder`."""
    import torch
    from torch import nn

    class OfPictures(nn.Module):
        mean: Tensor
        std: Tensor

        def __init__(self) -> None:
            super().__init__()
            self.network = network
            self.register_buffer("mean", torch.tensor(preprocessing.mean).view(1, 3, 1, 1))
            self.register_buffer("std", torch.tensor(preprocessing.std).view(1, 3, 1, 1))

        def forward(self, pixels: Tensor) -> Tensor:
            pictures = pixels.permute(0, 3, 1, 2).float().div(255.0).sub(self.mean).div(self.std)
            vectors: Tensor = self.network(pictures).float()
            return vectors

    return OfPictures().eval()


def _traced(pictures: nn.Module, size: int) -> Any:
    """The graph of a network, as a model of OpenVINO."""
    import torch

    runtime = openvino()
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    example = torch.zeros(1, size, size, 3, dtype=torch.uint8)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # torch deprecates its tracer, and warns of values that it takes as constants
        traced = torch.jit.trace(pictures, example, check_trace=False)  # type: ignore[no-untyped-call]
        decoder = TorchScriptPythonDecoder(traced)
    front_end = FrontEndManager().load_by_framework("pytorch")
    model = front_end.convert(front_end.load(decoder))
    model.reshape(runtime.PartialShape([1, size, size, 3]))
    return model


def _serialized(model: Any) -> Conversion:
    # OpenVINO writes to names only; the bytes then reach the folder of the encoder like all others.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / GRAPH_FILE
        openvino().save_model(model, path, compress_to_fp16=False)
        return Conversion(path.read_bytes(), path.with_suffix(".bin").read_bytes())


def _sensitive(pictures: nn.Module) -> list[str]:
    """The layers that lose much to bfloat16, as the graph names them: those that modules list in `in_float32`."""
    return [
        ".".join(("__module", *filter(None, (path, layer))))
        for path, module in pictures.named_modules()
        for layer in getattr(module, "in_float32", ())
    ]


def _in_float32(conversion: Conversion, layers: list[str]) -> Conversion:
    """Mark operations of these layers to be computed in float32 whatever the precision of the rest.

    The mark is what OpenVINO writes for its attribute `DisableFP16Compression`, which its Python package cannot set.
    """
    graph = ElementTree.fromstring(conversion.graph)
    for operation in graph.iterfind("layers/layer"):
        name, _, _ = operation.get("name", "").partition("/")
        if any(name == layer or name.startswith(f"{layer}.") for layer in layers) and operation.get("type") != "Const":
            info = operation.find("rt_info")
            if info is None:
                info = ElementTree.Element("rt_info")
                after = operation.find("data")
                operation.insert(0 if after is None else list(operation).index(after) + 1, info)
            info.append(ElementTree.fromstring(_MARK))
    return Conversion(ElementTree.tostring(graph, encoding="utf-8", xml_declaration=True), conversion.weights)


def _simplified(conversion: Conversion) -> Conversion:
    """Apply once what compiling would apply each time: constants folded, normalisations merged into convolutions.

    The vectors stay the same bit by bit. `photo` then has a third of the operations, and takes half the time to read,
    check and compile. Layers are marked before, because merged ones lose their names, but keep their marks.
    """
    try:
        from openvino._offline_transformations import apply_moc_transformations
    except ImportError:  # not public; OpenVINO's own converter uses it too
        return conversion
    model = read_network(conversion)
    apply_moc_transformations(model, cf=True)
    simplified = _serialized(model)
    return Conversion(_NEW_MARK.sub(_MARK, simplified.graph), simplified.weights)


def _difference(first: Floats, second: Floats) -> float:
    """Largest difference of a component after both were scaled to unit length; NaN if a vector is zero."""
    units = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True) for vectors in (first, second))
    return float(np.abs(np.subtract(*units)).max())
