"""Stores at URLs, through fsspec: object stores and whatever else it opens.

Credentials come from where the protocol's own library looks for them (environment, configuration
files, roles of the machine). They are never part of a URL here, so that no task, message or log
can hold them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard
from urllib.parse import urlsplit

import numpy as np
from zarr.abc.store import Store
from zarr.storage import FsspecStore

from morphgen.errors import InputError, MorphgenError, StoreError
from morphgen.fields.blocks import Index
from morphgen.tiles.grid import BlockGrid
from morphgen.tiles.place import LocalPlace, Place
from morphgen.tiles.shards import block_of, index_length, is_coordinate, is_whole, shard_key

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_LOCAL = frozenset({"file", "local"})
# abfs://container@account.dfs.core.windows.net
_AZURE = frozenset({"abfs", "abfss", "az"})
# a Path makes one slash of two
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
# what says that no file is there
_NO_FILE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
# requests for shard indices that are under way at a time
_TOGETHER = 1000


def place_of(location: str | Path) -> Place:
    """Place of a path or a URL.

    Raises
    ------
    InputError
        If a URL holds credentials or is a chain, or nothing is installed that opens it; or if a
        path begins as a URL does.
    StoreError
        If what opens the URL cannot be reached.
    """
    first, *rest = Path(location).parts or ("",)
    if not is_url(location) and rest and _SCHEME.fullmatch(first):
        raise InputError(
            f"path {str(location)!r}: it begins like a URL; give a URL as text, with ://, or a "
            "folder of that name by its absolute path"
        )
    return RemotePlace(location) if is_url(location) else LocalPlace(location)


def is_url(location: str | Path) -> TypeGuard[str]:
    """Whether a location is a URL rather than a path."""
    return isinstance(location, str) and "://" in location


class RemotePlace(Place):
    """A URL that fsspec opens.

    There is no lock: every block is written only while the description of the store is still the
    one that the run began with.

    Raises
    ------
    InputError
        If the URL holds credentials or is a chain, or nothing is installed that opens it.
    StoreError
        If what opens it cannot be reached.
    """

    def __init__(self, url: str) -> None:
        scheme, _, rest = url.partition("://")
        self._scheme = scheme.lower()
        self.location = f"{self._scheme}://{rest.rstrip('/')}"
        _refuse_chains(url)
        _refuse_credentials(self._scheme, self.location)
        # memory:// is this process's own
        self.shared = self._scheme != "memory"
        _ = self._files

    def store(self, *, writable: bool = False) -> Store:
        """Zarr's view of the URL."""
        options = self._options
        with self._telling("opened"):
            return FsspecStore.from_url(self.location, options, read_only=not writable)

    def vacant(self) -> bool:
        """Whether nothing lies below the URL."""
        with self._asking():
            files, root = self._files
            files.invalidate_cache()
            return not files.exists(root) or not files.find(root, maxdepth=2)

    def held_without_trace(self) -> bool:
        """Nothing is ever held."""
        return True

    def begin(self) -> None:
        """Do nothing: a URL needs no folder."""

    def read(self, key: str) -> bytes | None:
        """Content of an object; None if there is none."""
        files, root = self._files
        with self._asking():
            try:
                return bytes(files.cat_file(f"{root}/{key}"))
            except (FileNotFoundError, NotADirectoryError):
                return None

    def delete(self, key: str) -> None:
        """Delete an object, or all below a key."""
        files, root = self._files
        files.invalidate_cache()
        with suppress(FileNotFoundError):
            files.rm(f"{root}/{key}", recursive=True)

    def missing(self, array: str, grid: BlockGrid, chunk: int) -> np.ndarray:
        """Numbers of the blocks whose shard is absent or not whole, by listing the keys."""
        whole = np.zeros(len(grid), dtype=bool)
        length = index_length(grid, chunk)
        with self._asking():
            for shards in self._shards(array, grid):
                for index, size, end in self._ends(shards, length):
                    whole[grid.number(index)] = is_whole(end, size, grid, index, chunk)
        return np.flatnonzero(~whole)

    def clean(self, array: str, grid: BlockGrid, missing: np.ndarray) -> None:
        """Delete the remains of missing blocks."""
        absent = np.zeros(len(grid), dtype=bool)
        absent[missing] = True
        for shards in self._shards(array, grid):
            for index, _, _ in shards:
                if absent[grid.number(index)]:
                    self.delete(shard_key(array, index))

    def exclusive(self) -> AbstractContextManager[None]:
        """Hold nothing: object stores have no locks."""
        return nullcontext()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Tell of what cannot be written as a `StoreError`."""
        with self._telling("written"):
            yield

    @contextmanager
    def _asking(self) -> Iterator[None]:
        with self._telling("read"):
            yield

    @contextmanager
    def _telling(self, done: str) -> Iterator[None]:
        try:
            yield
        except MorphgenError:
            raise
        # every protocol's library has errors of its own
        except Exception as error:
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise StoreError(
                f"{self.location} cannot be {done}: {reason}; {self._remedy}"
            ) from error

    @property
    def _remedy(self) -> str:
        own = self._scheme in {*_LOCAL, "memory"}
        return "choose another path" if own else "check the URL and its credentials"

    @cached_property
    def _files(self) -> tuple[AbstractFileSystem, str]:
        try:
            from fsspec.core import url_to_fs  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise InputError(
                f'{self.location}: URLs need fsspec; pip install "morphgen[remote]"'
            ) from error
        # some connect at once
        with self._telling("opened"):
            try:
                files, root = url_to_fs(self.location, **self._options)
            # fsspec names the package: "Install s3fs to access S3"
            except ImportError as error:
                raise InputError(f"{self.location}: {error}, with pip or conda") from error
            except ValueError as error:
                raise InputError(
                    f"{self.location}: {error}; expected such as s3:// or gs://"
                ) from error
        return files, str(root).rstrip("/")

    @property
    def _options(self) -> dict[str, Any]:
        # folders must be made for the one protocol that has them
        return {"auto_mkdir": True} if self._scheme in _LOCAL else {}

    def _shards(self, array: str, grid: BlockGrid) -> Iterator[list[tuple[Index, int, str]]]:
        """Block, size and path of every shard, plane by plane: a listing may not fit the memory."""
        files, root = self._files
        files.invalidate_cache()
        top = f"{root}/{array}/c"
        if not files.exists(top):
            return
        planes = (str(name).rstrip("/").rpartition("/")[2] for name in files.ls(top, detail=False))
        for plane in sorted(name for name in planes if is_coordinate(name)):
            # a folder in place of a shard must be seen, so that it can go
            found = files.find(f"{top}/{plane}", withdirs=True, detail=True)
            named = ((name.removeprefix(f"{top}/").split("/"), name) for name in found)
            blocks = ((block_of(names, grid), name) for names, name in named)
            yield [(b, _size(found[name]), name) for b, name in blocks if b is not None]

    def _ends(
        self, shards: list[tuple[Index, int, str]], length: int
    ) -> Iterator[tuple[Index, int, bytes]]:
        """Last bytes of every shard; none of what cannot be read."""
        files, _ = self._files
        for begin in range(0, len(shards), _TOGETHER):
            some = [one for one in shards[begin : begin + _TOGETHER] if one[1] >= length]
            starts, stops = [size - length for _, size, _ in some], [size for _, size, _ in some]
            paths = [path for _, _, path in some]
            ends = files.cat_ranges(paths, starts, stops, on_error="return") if paths else []
            for (index, size, _), end in zip(some, ends, strict=True):
                # a request that failed says nothing about the shard
                if isinstance(end, Exception) and not isinstance(end, _NO_FILE):
                    raise end
                yield index, size, b"" if isinstance(end, Exception) else bytes(end)


def _refuse_chains(url: str) -> None:
    """`InputError` for a URL inside another, which may hold credentials anywhere."""
    if "::" in url:
        raise InputError(
            "a chain of URLs, joined by '::': expected a single one, such as s3://bucket/v.zarr; "
            "give the last of the chain alone"
        )


def _refuse_credentials(scheme: str, url: str) -> None:
    """`InputError` for a URL that holds a user's name, a password or a query."""
    parts = urlsplit(url)
    # a password may hold a slash, which ends what a parser takes for the host
    before, at, _ = url.partition("://")[2].rpartition("@")
    # a token may stand where a user does; at Azure, a container does
    user = "@" in parts.netloc and scheme not in _AZURE
    if user or (at and ":" in before) or parts.query:
        # not even the rest is shown: it may hold a part of them
        raise InputError(
            f"a {scheme} URL with a user, a password or a query: expected none; "
            "put credentials where the protocol's library finds them, such as the environment"
        )


def _size(entry: dict[str, Any]) -> int:
    """Bytes of an object; 0 for what is none."""
    return 0 if entry["type"] == "directory" else int(entry["size"])
