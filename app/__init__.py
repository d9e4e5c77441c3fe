"""Clientele."""

import gc

# Loading the application makes a million objects that stay: looking through them every 700 new ones, as Python does by
# default, is a fifth of a start.
gc.set_threshold(50_000, 20, 20)
