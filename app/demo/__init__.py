"""A made-up company to try things on: the same every time, loaded through the same commands as real traffic.

`commands` loads it; everything else is pure and only says what the company is like.
"""
