"""Counts the syncs of a process from outside.

Killing a process does not test durability: what it wrote stays in the kernel, synced or not (RELIABILITY §0.2). Only
counting syncs does, and only something outside the process can be believed about them. That is `strace` here: one
Debian package, nothing to compile or preload, and with `--seccomp-bpf` the traced process stops for nothing else. What
/proc/<pid>/io counts are writes, which happen with and without a sync, so it cannot replace it.
"""

import os
import re
import shutil
from pathlib import Path

import pytest

_DONE = re.compile(rb"(?:fsync|fdatasync)(?:\(| resumed>).*= 0$", re.MULTILINE)


class Syncs:
    """The syncs of a process started under it, and of its threads.

    Args:
        path: where the tracer writes a line for each.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # --daemonize keeps the traced process our own child, so that what kills it need not know of the tracer.
        self.command = (
            *("strace", "--daemonize", "--follow-forks", "--seccomp-bpf", "--quiet=all", "--signal=none"),
            *("--trace=fsync,fdatasync", f"--output={path}", "--"),
        )

    def count(self) -> int:
        """How many have succeeded so far."""
        return len(_DONE.findall(self.path.read_bytes())) if self.path.exists() else 0


def need_strace() -> None:
    """Skip where there is no strace; in CI that is a failure, since nothing else here proves durability."""
    if shutil.which("strace") is None:
        reason = "needs strace to count syncs: apt-get install strace"
        if os.environ.get("CI", "").lower() in {"1", "true"}:
            pytest.fail(reason)
        pytest.skip(reason)
