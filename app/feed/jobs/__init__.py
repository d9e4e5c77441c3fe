"""Background work of the feed: the sequencer, and the months of the events table."""

from app.feed.jobs.partitions import keep_partitions
from app.feed.jobs.sequencer import Sequencer

__all__ = ["Sequencer", "keep_partitions"]
