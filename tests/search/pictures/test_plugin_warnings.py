from __future__ import annotations

import threading
import warnings

import pytest

from search.pictures.plugin_warnings import quiet_plugins


def warn_as(module: str) -> None:
    """Issue a warning as if from code in that module."""
    warnings.warn_explicit("odd tag", UserWarning, f"{module}.py", 1, module=module)


@pytest.mark.parametrize("module", ["PIL.TiffImagePlugin", "PIL.Image", "pillow_heif", "pillow_heif.heif"])
@pytest.mark.parametrize("action", ["error", "always"])
def test_plugins_are_silent_only_inside_the_block(module, action):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter(action)
        with quiet_plugins():
            warn_as(module)
            with quiet_plugins():
                warn_as(module)
            warn_as(module)
        assert seen == []
        if action == "error":
            with pytest.raises(UserWarning, match="odd tag"):
                warn_as(module)
        else:
            warn_as(module)
            assert len(seen) == 1


def test_other_modules_can_warn_inside_the_block():
    with quiet_plugins(), pytest.warns(UserWarning, match="odd tag"):
        warn_as("search.pictures.decode")
    with pytest.warns(UserWarning, match="odd tag"), quiet_plugins():
        warn_as("PILLOW_LOOKALIKE")


def test_scikit_learn_can_copy_the_filters_to_its_threads():
    from sklearn.utils.parallel import Parallel, delayed

    with quiet_plugins():
        answers = Parallel(n_jobs=2, backend="threading")(delayed(abs)(number) for number in (-1, 2))
    assert answers == [1, 2]


def test_another_thread_can_warn_while_this_one_decodes():
    heard = []

    def elsewhere():
        try:
            warn_as("PIL.Image")
        except UserWarning as warning:
            heard.append(str(warning))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with quiet_plugins():
            thread = threading.Thread(target=elsewhere)
            thread.start()
            thread.join()
            warn_as("PIL.Image")
    assert heard == ["odd tag"]


def test_an_error_inside_the_block_ends_the_silence():
    with pytest.raises(OSError, match="truncated"), quiet_plugins():
        raise OSError("truncated")
    with pytest.warns(UserWarning, match="odd tag"):
        warn_as("PIL.Image")


def test_the_filter_is_in_the_list_once():
    with warnings.catch_warnings():
        for _ in range(5):
            with quiet_plugins():
                pass
        before = len(warnings.filters)
        with quiet_plugins():
            assert len(warnings.filters) == before
