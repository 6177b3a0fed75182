"""Kills a worker at every point of a task and looks for lost and doubled effects.

The suite's half kills at each commit (`tests/journeys/test_crash_points.py`); `make crash N=200` kills at random
moments. What is counted lies outside the journal: a file the bell of `script` writes to. Nothing here patches our
code: processes are real, die by SIGKILL, and the next one finds only what is on disk.
"""
