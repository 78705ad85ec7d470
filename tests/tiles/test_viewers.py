"""What other programs make of a store: its metadata, and layers with scale, names and colours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from tiles.conftest import SEED, build_model

from morphgen.tiles import generate, open_volume

# what these programs warn of is theirs
pytestmark = pytest.mark.filterwarnings("ignore")
SHAPE = (40, 30, 50)


@pytest.fixture(scope="module", params=[0, 2], ids=["no levels", "levels"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("viewers") / "images" / "volume.zarr"
    options: dict[str, Any] = {"shape": SHAPE, "seed": SEED, "backend": "numpy", "workers": 1}
    generate(build_model(), path, levels=request.param, **options)
    return path


def test_the_metadata_are_valid(store: Path) -> None:
    models = pytest.importorskip("ome_zarr_models")
    found = models.open_ome_zarr(zarr.open_group(str(store), mode="r"), version="0.5")
    assert type(found).__name__ in {"ImageLabel", "Image"}
    from ome_zarr_models.v05.image_label import ImageLabel

    label = ImageLabel.from_zarr(zarr.open_group(str(store), mode="r"))
    levels = open_volume(store).levels
    assert len(label.attributes.ome.multiscales[0].datasets) == levels + 1
    colors = label.attributes.ome.image_label.colors
    assert [(one.label_value, tuple(one.rgba)) for one in colors][1] == (1, (170, 51, 0, 255))


def check_layer(store: Path, data: list[Any]) -> None:
    volume = open_volume(store)
    assert len(data) == volume.levels + 1
    for level, array in enumerate(data):
        assert array.dtype == np.uint8
        assert np.array_equal(np.asarray(array), np.asarray(volume.labels(level)[:]))


def test_the_reader_of_ome_zarr(store: Path) -> None:
    reader = pytest.importorskip("ome_zarr.reader")
    from ome_zarr.io import parse_url

    location = parse_url(str(store))
    assert location is not None
    node = next(iter(reader.Reader(location)()))
    check_layer(store, node.data)
    assert [axis["name"] for axis in node.metadata["axes"]] == ["z", "y", "x"]
    assert node.metadata["coordinateTransformations"][0][0]["scale"] == [1.0, 1.0, 1.0]
    assert node.metadata["color"][1] == pytest.approx([170 / 255, 0.2, 0.0, 1.0])
    assert node.metadata["properties"][1]["name"] == "grain"


def test_the_reader_of_napari(store: Path) -> None:
    plugin = pytest.importorskip("napari_ome_zarr")
    read = plugin.napari_get_reader(str(store))
    [(data, options, kind)] = read(str(store))
    check_layer(store, data)
    assert kind == "labels"
    assert options["scale"] == [1.0, 1.0, 1.0]
    assert options["units"] == ("micrometer",) * 3
    assert options["axis_labels"] == ("z", "y", "x")
    assert options["properties"] == {"name": ["pore", "grain"], "index": [0, 1]}
    assert options["colormap"][1] == pytest.approx([170 / 255, 0.2, 0.0, 1.0])
