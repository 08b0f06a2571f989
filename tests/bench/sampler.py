"""Where a gateway's time goes: looks at all of its threads a few hundred times a second.

`python tests/bench/sampler.py REPORT python -m saifu serve` runs `saifu serve` and writes the report when it ends.
Sampling slows cheap and dear calls alike, which a tracing profiler does not. What C code does is booked on the line of
Python that called it: waiting for the disk on the store, for instance.
"""

import json
import runpy
import signal
import sys
import sysconfig
import threading
import time
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import FrameType

EVERY_S = 0.003
IDLE = {
    *(("selectors.py", "select"), ("threading.py", "wait"), ("queue.py", "get")),
    *(("thread.py", "_worker"), ("core.py", "_connection_worker_thread")),
}
LOOP = ("runners.py", "run")
ROOT = Path(__file__).resolve().parents[2]
PURE = Path(sysconfig.get_path("purelib"))
STANDARD = Path(sysconfig.get_path("stdlib"))


class Sampler(threading.Thread):
    """Counts, per module, how often its code was running."""

    def __init__(self) -> None:
        super().__init__(name="sampler", daemon=True)
        self.loop: Counter[str] = Counter()
        self.threads: Counter[str] = Counter()
        self.samples = 0
        self._running = threading.Event()
        self._ended = threading.Event()

    def switch(self, *_: object) -> None:
        """Begin to count, or stop: the benchmark counts under load only."""
        if self._running.is_set():
            self._running.clear()
        else:
            self._running.set()

    def run(self) -> None:
        while not self._ended.is_set():
            self._running.wait()
            time.sleep(EVERY_S)
            self.samples += 1
            for thread, frame in sys._current_frames().items():
                if thread != self.ident and not _idle(frame):
                    counts = self.loop if thread == threading.main_thread().ident else self.threads
                    counts[module_of(frame)] += 1

    def report(self) -> Mapping[str, Mapping[str, float]]:
        """By module, the largest first: shares of all samples, of the event loop's thread and of all others."""
        shown = {"event loop": self.loop, "other threads": self.threads}
        return {
            where: {module: count / max(self.samples, 1) for module, count in counts.most_common()}
            for where, counts in shown.items()
        }


def _idle(frame: FrameType) -> bool:
    return (Path(frame.f_code.co_filename).name, frame.f_code.co_name) in IDLE


def module_of(frame: FrameType) -> str:
    """The module whose line is running, ours in full and others by package."""
    return _module(frame.f_code.co_filename, frame.f_code.co_name)


@cache
def _module(file: str, function: str) -> str:
    path = Path(file)
    if (path.name, function) == LOOP:
        return "(the event loop: waiting, or in uvloop and the sockets)"
    for base, depth in ((PURE, 1), (STANDARD, 1), (ROOT / "src", 2), (ROOT, 2)):
        if path.is_relative_to(base):
            return ".".join(path.relative_to(base).with_suffix("").parts[:depth])
    return path.stem


def main() -> None:
    report, _python, _m, module, *arguments = sys.argv[1:]
    # Otherwise a thread is mostly seen where it gives up the interpreter's lock by itself, and so where it does I/O.
    sys.setswitchinterval(EVERY_S / 20)
    sampler = Sampler()
    signal.signal(signal.SIGUSR2, sampler.switch)
    sampler.start()
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        Path(report).write_text(json.dumps({"samples": sampler.samples, "shares": sampler.report()}))


if __name__ == "__main__":
    main()
