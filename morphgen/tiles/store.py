"""The Zarr 3 store of a volume: created first, then filled block by block.

The group is marked as begun before its arrays exist, and as ready by the last write of its
metadata; each write is atomic: a rename in a folder (zarr >= 3.1.3), a put at an object store. A
store that was killed while it was created is therefore recognised, and holds nothing yet.
"""

from __future__ import annotations

import enum
import json
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import zarr

from morphgen.errors import StoreError
from morphgen.tiles.arrays import create_array
from morphgen.tiles.metadata import FORMAT, VolumeRecord, parse_attributes
from morphgen.tiles.place import Place
from morphgen.tiles.remote import place_of
from morphgen.tiles.volume import VolumeInfo

GROUP = "zarr.json"


class State(enum.Enum):
    """What lies at the place of a store."""

    ABSENT = "absent"
    BEGUN = "begun"
    READY = "ready"


def open_volume(location: str | Path) -> VolumeInfo:
    """Open a volume store for reading.

    Parameters
    ----------
    location : str or Path
        Folder of the store, or a URL such as ``s3://bucket/volume.zarr``.

    Raises
    ------
    StoreError
        If there is no volume, or its description is damaged.
    InputError
        If nothing is installed that opens the URL.
    """
    place = place_of(location)
    state = state_of(location)
    if state is State.ABSENT:
        raise StoreError(f"{place.location} is no volume; generate it first, or check the path")
    if state is State.BEGUN:
        raise StoreError(
            f"{place.location} was begun but holds nothing yet; generate it with resume"
        )
    try:
        return VolumeInfo(place.location, parse_attributes(_attributes(place)))
    except StoreError as error:
        raise StoreError(f"{place.location}: {error}") from error


def state_of(location: str | Path) -> State:
    """Tell whether a store can be created at a place, was begun there, or is ready.

    Raises
    ------
    StoreError
        If something lies there that is no volume store.
    """
    place = place_of(location)
    attributes = _attributes(place)
    if not attributes and place.vacant():
        return State.ABSENT
    own = attributes.get("morphgen")
    if not isinstance(own, dict) or own.get("format") != FORMAT:
        raise StoreError(f"{place.location} exists and is no morphgen volume; choose another path")
    return State.READY if own.get("state") == "ready" else State.BEGUN


def create(location: str | Path, record: VolumeRecord) -> None:
    """Create an empty store, in place of the begun or ready one that lies there.

    Its arrays and whatever else lies in their folders are deleted; what lies beside them stays.

    Raises
    ------
    StoreError
        If something else lies there, or the place cannot be written.
    """
    place = place_of(location)
    existing = state_of(location) is not State.ABSENT
    with place.writing():
        place.begin()
        levels = max(record.levels, _levels(place) if existing else 0)
        # whoever comes after a kill has to know which arrays may be there
        own = {"format": FORMAT, "state": "begun", "pyramid": {"levels": levels}}
        begun: dict[str, Any] = {"morphgen": own}
        store = place.store(writable=True)
        if existing:
            # the group stays recognisable at every moment
            group = zarr.open_group(store, mode="r+", zarr_format=3)
            group.attrs.put(begun)
            for level in range(levels + 1):
                place.delete(str(level))
        else:
            group = zarr.create_group(store, zarr_format=3, attributes=begun)
        for level in range(record.levels + 1):
            create_array(group, level, record.grid_of(level), record.chunk)
        group.attrs.put(record.attributes())


def restore(volume: VolumeInfo, levels: int, downsample: str) -> VolumeInfo:
    """Write metadata of arrays anew where they are lost or damaged, and those of new levels.

    Shards stay.

    Parameters
    ----------
    volume : VolumeInfo
        The store.
    levels, downsample : int, str
        How many coarser levels it shall have, and how they are made.

    Returns
    -------
    VolumeInfo
        The store with these levels.

    Raises
    ------
    StoreError
        If the place cannot be written.
    """
    record = replace(volume.record, levels=levels, downsample=downsample)
    wanted = VolumeInfo(volume.location, record)
    if wanted.described and record == volume.record:
        return volume
    place = place_of(volume.location)
    with place.writing():
        group = zarr.open_group(place.store(writable=True), mode="r+", zarr_format=3)
        for level in range(levels + 1):
            if level > volume.levels:
                # the remains of a run that was killed before it told of the level
                place.delete(str(level))
            if not wanted.has_array(level):
                place.delete(f"{level}/zarr.json")
                create_array(group, level, record.grid_of(level), record.chunk)
        if record != volume.record:
            group.attrs.put(record.attributes())
    return open_volume(volume.location)


def read_description(location: str | Path) -> bytes:
    """Metadata of a store's group, byte by byte.

    Raises
    ------
    StoreError
        If they are gone.
    """
    place = place_of(location)
    try:
        found = place.read(GROUP)
    except OSError as error:
        raise StoreError(f"{place.location} is gone: {error.strerror or error}") from error
    if found is None:
        raise StoreError(f"{place.location} is gone: it has no {GROUP}; generate it anew")
    return found


def exclusive(location: str | Path) -> AbstractContextManager[None]:
    """Hold a store, or the place that becomes one, against any other run.

    URLs have no locks; every block still checks whose store it is in.

    Raises
    ------
    StoreError
        If another run holds it, or the folder cannot be created.
    """
    return place_of(location).exclusive()


def _levels(place: Place) -> int:
    """Number of coarser levels that lie at a place, in a store that may be damaged."""
    own = _attributes(place).get("morphgen")
    pyramid = own.get("pyramid") if isinstance(own, dict) else None
    told = pyramid.get("levels") if isinstance(pyramid, dict) else 0
    levels = min(told, 64) if isinstance(told, int) else 0
    # a run that added levels tells of them when their arrays are there
    while place.read(f"{levels + 1}/{GROUP}") is not None:
        levels += 1
    return levels


def _attributes(place: Place) -> dict[str, Any]:
    """Attributes of the Zarr group at a place; empty if there is none."""
    try:
        content = place.read(GROUP)
        found = {} if content is None else json.loads(content.decode("utf-8"))
    except OSError as error:
        raise StoreError(
            f"{place.where(GROUP)} cannot be read: {error.strerror or error}; mend that, or choose "
            "another path"
        ) from error
    # what it was is not known, so that not even overwriting may delete it
    except ValueError as error:
        raise StoreError(
            f"{place.where(GROUP)} is damaged ({error}); if a volume is all that lies there, "
            f"delete {place.location} and generate it anew"
        ) from error
    attributes = found.get("attributes") if isinstance(found, dict) else None
    return attributes if isinstance(attributes, dict) else {}
