"""A processor that moves no money: it plays the bank, and keeps a record of its own that judges us (payments.md §9).

It is a fake that keeps its word: it passes the same contract suite as a real processor, keeps its state in tables of
its own, written in transactions of its own, and runs on the store's clock, so that the same inputs at the same time
have the same outcome (PM95). It exists in test mode only, and takes no card number but the published ones (SR95).
"""

from .pages import routes
from .simulator import Simulator
from .tokens import CardDetails

__all__ = ["CardDetails", "Simulator", "routes"]
