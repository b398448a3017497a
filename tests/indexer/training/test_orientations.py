import numpy as np
import pytest
import torch

from indexer.training.batches import oriented, oriented_classes


def test_eight_orientations_are_the_symmetries_of_the_square() -> None:
    picture = torch.arange(9, dtype=torch.uint8).view(1, 3, 3, 1).expand(8, 3, 3, 3)
    rotated = oriented(picture, torch.arange(8))
    plain = picture[0].numpy()
    for orientation in range(8):
        before = plain[:, ::-1] if orientation >= 4 else plain
        np.testing.assert_array_equal(rotated[orientation].numpy(), np.rot90(before, orientation % 4))
    assert len({each.numpy().tobytes() for each in rotated}) == 8


def test_no_orientation_leaves_pictures_alone() -> None:
    pictures = torch.randint(0, 255, (5, 4, 4, 3), dtype=torch.uint8)
    assert oriented(pictures, torch.zeros(5, dtype=torch.int64)) is pictures


@pytest.mark.parametrize("orientations", [1, 4, 8])
def test_classes_and_folders_differ_by_orientation(orientations: int) -> None:
    classes, names = oriented_classes(np.array([0, 1, 1, 2]), ["a/x", "a/y", "b/z"], orientations)
    assert len(classes) == 4 * orientations
    assert len(names) == len(set(names)) == 3 * orientations
    for row, number in enumerate(classes):
        orientation, before = divmod(row, 4)
        assert number == 3 * orientation + [0, 1, 1, 2][before]
        assert names[number].endswith(["a/x", "a/y", "a/y", "b/z"][before])
    folders = {name.rpartition("/")[0] for name in names}
    assert len(folders) == 2 * orientations


def test_without_names_the_numbers_are_the_same() -> None:
    classes = np.array([2, 0, 1])
    np.testing.assert_array_equal(oriented_classes(classes, (), 4)[0], oriented_classes(classes, ["a", "b", "c"], 4)[0])
