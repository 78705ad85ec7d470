"""Where a store lies: a folder, or a URL.

A place knows keys, which are names of files below it, and which shards of an array are whole. What
a store is made of is known above.
"""

from __future__ import annotations

import abc
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
from zarr.abc.store import Store
from zarr.storage import LocalStore

from morphgen.errors import StoreError
from morphgen.fields.blocks import Index
from morphgen.tiles.grid import BlockGrid
from morphgen.tiles.shards import index_length, is_coordinate, is_whole, shard_key


class Place(abc.ABC):
    """A folder or a URL that a store lies at, or will.

    Attributes
    ----------
    location : str
        Path or URL, by which other processes find the same place.
    shared : bool
        Whether other processes of this machine can see it.
    """

    location: str
    shared: bool = True

    @abc.abstractmethod
    def store(self, *, writable: bool = False) -> Store:
        """Zarr's view of the place."""

    @abc.abstractmethod
    def vacant(self) -> bool:
        """Whether nothing lies there but what was left before a first file was finished."""

    @abc.abstractmethod
    def held_without_trace(self) -> bool:
        """Whether `exclusive` makes nothing that was not there."""

    @abc.abstractmethod
    def begin(self) -> None:
        """Make the place ready for a store."""

    @abc.abstractmethod
    def read(self, key: str) -> bytes | None:
        """Content of a file; None if there is none."""

    @abc.abstractmethod
    def delete(self, key: str) -> None:
        """Delete a file, or everything below a key, if it is there."""

    @abc.abstractmethod
    def missing(self, array: str, grid: BlockGrid, chunk: int) -> np.ndarray:
        """Numbers of the blocks whose shard is absent or not whole, in C order, as int64."""

    @abc.abstractmethod
    def clean(self, array: str, grid: BlockGrid, missing: np.ndarray) -> None:
        """Delete the remains of missing blocks, and files that were never finished.

        A shard must go before it is written again: its remains would be read first.
        """

    @abc.abstractmethod
    def exclusive(self) -> AbstractContextManager[None]:
        """Hold the place against any other run, where that is possible."""

    @abc.abstractmethod
    def writing(self) -> AbstractContextManager[None]:
        """Tell of what cannot be written as a `StoreError`."""

    def where(self, key: str) -> str:
        """File or object of a key, for people."""
        return f"{self.location}/{key}"


class LocalPlace(Place):
    """A folder. Files are finished under another name first, and renamed (zarr >= 3.1.3)."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.location = str(path)

    def store(self, *, writable: bool = False) -> Store:
        """Zarr's view of the folder."""
        return LocalStore(self.path, read_only=not writable)

    def vacant(self) -> bool:
        """Whether there is no folder, or one with unfinished files only."""
        if not self.path.exists():
            return True
        if not self.path.is_dir():
            return False
        return all(entry.name.endswith(".partial") for entry in self.path.iterdir())

    def held_without_trace(self) -> bool:
        """Whether the folder is there."""
        return self.path.is_dir()

    def begin(self) -> None:
        """Make the folder, and delete unfinished files in it."""
        self.path.mkdir(parents=True, exist_ok=True)
        for entry in self.path.glob("*.partial"):
            entry.unlink(missing_ok=True)

    def read(self, key: str) -> bytes | None:
        """Content of a file; None if there is none."""
        try:
            return (self.path / key).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def delete(self, key: str) -> None:
        """Delete a file or a folder."""
        place = self.path / key
        # a link goes, not what it leads to
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)

    def missing(self, array: str, grid: BlockGrid, chunk: int) -> np.ndarray:
        """Numbers of the blocks whose shard is absent or not whole, by a walk through the folders.

        Zarr's own count of chunks takes a minute for 1e5 of them.
        """
        length = index_length(grid, chunk)
        whole = np.zeros(grid.counts, dtype=bool)
        with self._reading():
            for index, file in self._shards(array, grid):
                end, size = _end(file, length)
                whole[index] = is_whole(end, size, grid, index, chunk)
        return np.flatnonzero(~whole)

    def clean(self, array: str, grid: BlockGrid, missing: np.ndarray) -> None:
        """Delete the remains of missing blocks, and files that were never finished."""
        for folder, _, names in os.walk(self.path / array):
            depth = len(Path(folder).relative_to(self.path / array).parts)
            for name in names:
                if name.endswith(".partial") or _in_the_way(name, depth):
                    Path(folder, name).unlink(missing_ok=True)
        absent = np.zeros(grid.counts, dtype=bool)
        absent.reshape(-1)[missing] = True
        for index, _ in self._shards(array, grid):
            if absent[index]:
                self.delete(shard_key(array, index))

    def exclusive(self) -> AbstractContextManager[None]:
        """Hold the folder against any other run.

        The lock is one on the folder itself: nothing is written, and it ends with the process.
        Network file systems may not honour it.

        Raises
        ------
        StoreError
            If another run holds it, or the folder cannot be created.
        """
        return self._locked()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Tell of what cannot be written as a `StoreError`."""
        try:
            yield
        except OSError as error:
            raise StoreError(
                f"{self.path} cannot be written: {error.strerror or error}; choose another path"
            ) from error

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            file = error.filename or self.path
            raise StoreError(
                f"{file} cannot be read: {error.strerror or error}; mend that, and try again"
            ) from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self.writing():
            self.path.mkdir(parents=True, exist_ok=True)
            folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise StoreError(
                    f"{self.path}: another run is writing it; wait until it ends"
                ) from error
            except OSError:
                # a file system without locks; every block still checks whose store it is in
                pass
            yield
        finally:
            os.close(folder)

    def _shards(self, array: str, grid: BlockGrid) -> Iterator[tuple[Index, str]]:
        root = str(self.path / array / "c")
        depth, rows, columns = grid.counts
        for z in _coordinates(root, depth):
            for y in _coordinates(f"{root}/{z}", rows):
                for x in _coordinates(f"{root}/{z}/{y}", columns):
                    yield (z, y, x), f"{root}/{z}/{y}/{x}"


def _coordinates(folder: str, count: int) -> list[int]:
    """Names in a folder that are coordinates below a number, in order."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 - names, not paths
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(i for i in map(int, filter(is_coordinate, names)) if i < count)


def _in_the_way(name: str, depth: int) -> bool:
    """Whether a file, so deep below an array, lies where a folder of shards has to be."""
    return (depth == 0 and name == "c") or (depth in {1, 2} and is_coordinate(name))


def _end(file: str, length: int) -> tuple[bytes, int]:
    """Last bytes of a file, and its length; nothing of what is none, or is gone by now."""
    # a million times: without the buffers of a file object
    try:
        opened = os.open(file, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return b"", 0
    try:
        size = os.fstat(opened).st_size
        return os.pread(opened, length, max(0, size - length)), size
    except IsADirectoryError:
        return b"", 0
    finally:
        os.close(opened)
