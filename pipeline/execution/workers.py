"""Workers: from the workers of a Dask scheduler to those that are like this process and may do its work.

Workers may join late and leave early. A worker that differs is reported once and gets no work. If a result shows that
its worker differs from its earlier answer, that worker gets no more work, either.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from affex.pipeline.execution.proof import MEND, Fingerprint, Likeness, difference, fingerprint
from affex.pipeline.execution.work import Needs
from affex.pipeline.text.errors import AffexError

#: The resource of a worker with a GPU, as in ``dask worker --resources GPU=1``.
GPU = "GPU"

#: Threads of a worker with a GPU: this many video streams share its batches. Each waits for a local process.
GPU_THREADS = 64

#: The resource for work without a GPU: if some workers have it (``--resources CPU=1``), only they do such work.
CPU = "CPU"

#: The bytes that pieces on a worker may need together, if it declares them (``--resources MEMORY=64e9``).
MEMORY = "MEMORY"

#: What a piece of work needs, or a worker has, by the name of a resource.
Resources = Mapping[str, float]


@dataclass
class Workers:
    """The workers of a scheduler, as known to one run.

    Parameters
    ----------
    client
        The client of the scheduler.
    likeness
        What a worker must share with this process.
    report
        Is called with the message which worker is not used, and why.
    alike
        Resources and threads of the workers that may be used, by address.
    """

    client: Any
    likeness: Likeness
    report: Callable[[str], None]
    alike: dict[str, tuple[Resources, int]] = field(default_factory=dict)
    _unlike: set[str] = field(default_factory=set)

    @property
    def here(self) -> Fingerprint:
        """The current fingerprint of this process."""
        return fingerprint(self.likeness)

    def look(self) -> None:
        """Forget lost workers, and check new ones."""
        present = self.client.scheduler_info(n_workers=-1)["workers"]
        self._unlike &= set(present)  # a worker that returns may be another one
        known = {address for address in self.alike if address in present}
        known |= self._ask([address for address in present if address not in known | self._unlike])
        self.alike = {w: (present[w]["resources"], present[w]["nthreads"]) for w in present if w in known}

    def _ask(self, addresses: Collection[str]) -> set[str]:
        """Return which of some workers are alike, and report the others."""
        if not addresses:
            return set()
        answers = self.client.run(fingerprint, self.likeness, workers=list(addresses), on_error="return")
        for address, answer in answers.items():
            if isinstance(answer, OSError):  # it is gone again, or the next look asks it again
                continue
            differs = difference(self.here, answer) if isinstance(answer, Mapping) else _failed(answer)
            if differs:
                self.retire(address, differs)
        return {a for a in addresses if isinstance(answers.get(a), Mapping)} - self._unlike

    def retire(self, address: str, why: str) -> None:
        """Report a worker that is not alike; it gets no more work."""
        self.alike.pop(address, None)
        if address not in self._unlike:
            self._unlike.add(address)
            self.report(f"The worker {address} is not like this process and is not used: {why}. {MEND}")

    def able(self, needs: Iterable[Resources], among: Collection[str] | None = None) -> bool:
        """Return whether each need has a usable worker among some workers."""
        return all(any(among is None or worker in among for worker in self.having(need)) for need in needs)

    def having(self, need: Resources) -> list[str]:
        """Return the usable workers with the resources that a piece of work needs."""
        return [w for w, (offered, _) in self.alike.items() if all(offered.get(n, 0) >= need[n] for n in need)]

    def n_threads(self, needs: Iterable[Resources]) -> int:
        """Return the number of threads that can do a part of the work."""
        return sum(self.alike[worker][1] for worker in {worker for need in needs for worker in self.having(need)})

    def resources(self, needs: Needs) -> Resources:
        """Return the resources that a stage requests; a stage without a GPU avoids workers that have one.

        A piece that needs more memory than any worker has requests all memory of one worker.

        Raises
        ------
        AffexError
            If a GPU is needed and no worker has one: the wait would never end.
        """
        place = {GPU: needs.gpu} if needs.gpu else {CPU: 1.0} if self._most(CPU) else {}
        if needs.gpu and not self.having(place):
            raise AffexError(
                f"No worker of the cluster offers a {GPU}, and this work is to be computed there. Start one with "
                f"`dask worker --resources {GPU}=1`, or compute it elsewhere: DEVICE=cpu."
            )
        memory = min(float(needs.memory), self._most(MEMORY, place))
        return place | ({MEMORY: memory} if memory else {})

    def _most(self, name: str, place: Resources | None = None) -> float:
        """Return the largest amount of a resource on one worker, among those that have some others."""
        return max((self.alike[worker][0].get(name, 0.0) for worker in self.having(place or {})), default=0.0)

    def require(self) -> None:
        """Check that a usable worker exists.

        Raises
        ------
        AffexError
            If none of the workers is like this process.
        """
        self.look()
        if not self.alike:
            n = len(self._unlike)
            raise AffexError(
                f"{n} workers, and none is like this process, so what they gave could not be trusted (the reasons "
                "stand above)."
                if n
                else "The Dask scheduler has no workers. Start some with `dask worker`."
            )


def _failed(answer: Any) -> str:
    return f"it cannot run this affex ({type(answer).__name__}: {answer})"
