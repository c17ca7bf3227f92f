"""Every run of a project in one SQLite file: kept whole or not at all, found by board, chip, model, date, tag."""

from deployer.history.entry import Entry, Filter, Kept
from deployer.history.headline import Headline
from deployer.history.store import History

__all__ = ["Entry", "Filter", "Headline", "History", "Kept"]
