"""Interleaved rounds: whatever else the machine does falls on every driver alike."""

import asyncio

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from .drivers import NO_LOOP, Driver, Unavailable, install
from .figures import Figures
from .processes import Server, Worker, cores
from .worker.cases import Case


class Bench:
    """The server and the workers; enter it to start them."""

    def __init__(self, drivers: list[Driver], loops: list[str], console: Console) -> None:
        self._drivers = drivers
        self._loops = loops
        self._console = console
        self.workers: list[Worker] = []
        self.unavailable: dict[tuple[str, str], str] = {}

    async def __aenter__(self) -> "Bench":
        worker_core, server_core = cores()
        if server_core is None:
            self._console.print("bench: no core for the server alone: expect more spread")
        self._server = await Server.start(server_core)
        for driver in self._drivers:
            for loop in driver.loops:
                if loop in (*self._loops, NO_LOOP):
                    await self._start(driver, loop, worker_core)
        return self

    async def __aexit__(self, *exception: object) -> None:
        await asyncio.gather(*(worker.stop() for worker in self.workers))
        await self._server.stop()

    async def run(self, cases: list[Case], rounds: int, *, quick: bool) -> Figures:
        figures = Figures()
        total = sum(len(self._able(case)) for case in cases) * (rounds + 1)
        columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self._console, transient=True) as progress:
            bar = progress.add_task("", total=total)
            for case in cases:
                operations = case.quick_operations() if quick else case.operations
                for number in range(rounds + 1):
                    workers = self._able(case)
                    start = number % max(1, len(workers))
                    for worker in workers[start:] + workers[:start]:
                        progress.update(bar, description=f"{case.title}, {worker.driver.title} on {worker.loop}")
                        # Round 0 fills the pools and warms the interpreter up.
                        await self._measure(worker, case, operations, figures, keep=number > 0)
                        progress.advance(bar)
                self._console.print(self._summary(case, figures), markup=False, highlight=False, soft_wrap=True)
        return figures

    async def _start(self, driver: Driver, loop: str, core: int | None) -> None:
        try:
            await install(driver)
            self.workers.append(await Worker.start(driver, loop, self._server.uri, core))
        except Unavailable as reason:
            self.unavailable[driver.name, loop] = str(reason)
            self._console.print(f"{driver.title} on {loop}: unavailable: {reason}", markup=False, soft_wrap=True)

    def _able(self, case: Case) -> list[Worker]:
        return [worker for worker in self.workers if case.sync or worker.loop != NO_LOOP]

    async def _measure(self, worker: Worker, case: Case, operations: int, figures: Figures, *, keep: bool) -> None:
        key = (worker.driver.name, worker.loop, case.name)
        if key in figures.failures:
            return
        try:
            measurement = await worker.measure(case.name, operations)
        except (Unavailable, OSError) as reason:
            figures.failures[key] = str(reason)
            self._console.print(f"{worker.driver.title} on {worker.loop}: {case.title}: {reason}", markup=False)
            return
        if keep:
            figures.add(*key, measurement)

    def _summary(self, case: Case, figures: Figures) -> str:
        medians = []
        for worker in self._able(case):
            figure = figures.get(worker.driver.name, worker.loop, case.name)
            if figure:
                loop = "" if worker.loop == NO_LOOP else f"/{worker.loop}"
                medians.append(f"{worker.driver.name}{loop} {figure.median:,.0f}")
        return f"{case.title}, CPU us: {', '.join(medians) or 'nobody could do it'}"
