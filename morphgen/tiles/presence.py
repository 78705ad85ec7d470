"""Whether the scheduler and the workers of a cluster are still there."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from morphgen.errors import GenerationError
from morphgen.tiles.cluster import population

if TYPE_CHECKING:
    from distributed import Client

_LOOK_SECONDS = 5.0


class Presence:
    """Looks after a cluster while it works.

    Parameters
    ----------
    client : distributed.Client
        Client of the cluster.
    patience : float
        Seconds to wait while there is no worker at all.
    again : str
        What to do once it is mended, such as "resume".
    """

    def __init__(self, client: Client, patience: float, again: str) -> None:
        self._client = client
        self._patience = patience
        self._again = again
        self._looked = 0.0
        self._inhabited = time.monotonic()
        self.threads = 1

    def look(self) -> None:
        """See that the scheduler is there, and every few seconds how many workers.

        Raises
        ------
        GenerationError
            If the scheduler is gone, or there was no worker for too long.
        """
        # a client that lost it tries to connect anew; what is handed out meanwhile waits for ever
        if self._client.status != "running":
            raise self.gone()
        now = time.monotonic()
        if now - self._looked < _LOOK_SECONDS:
            return
        try:
            found = population(self._client, self._patience)
        except (OSError, TimeoutError, RuntimeError) as error:
            raise self.gone() from error
        self._looked = time.monotonic()
        if found.workers:
            self._inhabited, self.threads = self._looked, found.threads
        elif self._looked - self._inhabited > self._patience:
            raise self.deserted()

    def deserted(self) -> GenerationError:
        """Error of a cluster without workers."""
        return GenerationError(
            f"{self._address} had no worker for {self._patience:.0f} s; start workers "
            f"and {self._again}, with more patience if they wait in a queue"
        )

    def gone(self) -> GenerationError:
        """Error of a lost scheduler, or of work that it was told to drop."""
        return GenerationError(
            f"the scheduler {self._address} is gone, or was told to drop the work; "
            f"start it again and {self._again}"
        )

    @property
    def _address(self) -> str:
        scheduler = self._client.scheduler
        return str(scheduler.address) if scheduler is not None else "of the client"
