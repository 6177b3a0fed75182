"""What Gofer costs: measured rows with their targets, as ratios to a bare loop in the same run where one is named.

Run by `make bench`, never by the suite: figures depend on the machine and on what else it does.
"""
