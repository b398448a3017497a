"""The public surface is a decision: a new name is added here on purpose."""

import search

PUBLIC = {
    "Answer",
    "Calibration",
    "DataError",
    "DiskError",
    "EncoderError",
    "ErrorRate",
    "ForkError",
    "Hit",
    "Identification",
    "Identity",
    "IndexBusyError",
    "IndexClosedError",
    "IndexFolderError",
    "IndexInfo",
    "IndexLockedError",
    "PictureError",
    "QueryError",
    "SearchEngine",
    "SearchOptions",
    "SegmentInfo",
    "Timing",
    "TwinlensError",
    "UnsupportedError",
    "Verification",
    "open_index",
}


def test_exported_names() -> None:
    assert set(search.__all__) == PUBLIC
    assert search.__all__ == sorted(search.__all__)
    for name in PUBLIC:
        assert getattr(search, name).__doc__, name


def test_every_error_is_a_twinlens_error() -> None:
    errors = [getattr(search, name) for name in PUBLIC if name.endswith("Error")]
    assert len(errors) == 12
    assert all(issubclass(error, search.TwinlensError) for error in errors)


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(search, "nonsense")
