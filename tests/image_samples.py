"""Small images, and files of every format that hold them."""

from __future__ import annotations

import numpy as np
import tifffile
from PIL import Image

RNG = np.random.default_rng(20240501)
THREE = RNG.choice(np.arange(3, dtype=np.uint8), size=(40, 48), p=[0.5, 0.3, 0.2])
BINARY = np.where(THREE == 0, 0, 255).astype(np.uint8)
COLORS = np.array([[0, 0, 0], [230, 159, 0], [86, 180, 233]], dtype=np.uint8)
STACK = RNG.integers(0, 3, (5, 40, 48), dtype=np.uint8)
IMAGEJ_STACK = {"imagej": True, "metadata": {"axes": "ZYX"}}
SPEC = "0=pore,1=active material,2=solid electrolyte"
COLOR_SPEC = "#000000=pore,#e69f00=am,#56b4e9=se"


def write_tiff(path, array, **options):
    tifffile.imwrite(path, array, **options)
    return path


def write_image(path, image, **options):
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(path, **options)
    return path


def palette_image(indices=THREE, colors=COLORS):
    image = Image.new("P", indices.shape[::-1])
    image.putdata(indices.ravel().tolist())
    image.putpalette(colors.ravel().tolist())
    return image


def write_any(path, labels):
    if path.suffix == ".npy":
        np.save(path, labels)
    elif path.suffix.startswith(".tif"):
        write_tiff(path, labels)
    else:
        write_image(path, labels)
    return path
