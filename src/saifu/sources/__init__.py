"""Payment sources: instruments, how they are attached, and what may be charged (sources.md)."""
