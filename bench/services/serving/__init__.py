"""What `bench/services/classifier.py` compares with, and its clients.

Door: `servers`, which starts the servers; `clients`, a process of callers. `network` and the servers of other projects
run in environments of their own, without Saggar: they import nothing of it.
"""
