"""The change feed: outbox, sequencer, pages of events."""
