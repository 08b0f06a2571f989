"""What serving costs, as ratios: everything compared is measured in one run, in interleaved rounds, and medians count.

`make bench` runs all; `make bench ARGS="--only dashboard --engine sqlite --quick"` a part. Ratios are printed and never
asserted, since machines are noisy, and absolute figures of one machine are worth nothing on another.
"""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from rich.console import Console

from saifu import logs

from . import dashboard, listeners, posts

Benchmark = Callable[[Console, str, int, float], Awaitable[None]]
BENCHMARKS: Mapping[str, Benchmark] = {
    "posts": posts.compare,
    "dashboard": dashboard.compare,
    "listeners": listeners.compare,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--engine", choices=("sqlite", "postgres", "both"), default="both")
    parser.add_argument("--only", choices=tuple(BENCHMARKS), help="one benchmark instead of all")
    parser.add_argument("--listeners", type=int, default=listeners.COUNT, help="how many of them listen")
    parser.add_argument("--quick", action="store_true", help="three rounds of 2 s instead of seven of 3 s")
    parser.add_argument(
        "--profile", action="store_true", help="show where a gateway's time goes under posts instead"
    )
    chosen = parser.parse_args()
    logs.configure("console", "warning")
    console = Console(width=None if sys.stdout.isatty() else 110)
    rounds, for_s = (3, 2.0) if chosen.quick else (7, 3.0)
    for engine in ("sqlite", "postgres") if chosen.engine == "both" else (chosen.engine,):
        if chosen.profile:
            asyncio.run(posts.where_time_goes(console, engine, 3 * for_s))
            continue
        for name in (chosen.only,) if chosen.only else BENCHMARKS:
            benchmark = BENCHMARKS[name]
            if benchmark is listeners.compare:
                benchmark = partial(listeners.compare, count=chosen.listeners)
            asyncio.run(_run(benchmark, console, engine, rounds, for_s))


async def _run(benchmark: Benchmark, console: Console, engine: str, rounds: int, for_s: float) -> None:
    await benchmark(console, engine, rounds, for_s)


if __name__ == "__main__":
    main()
