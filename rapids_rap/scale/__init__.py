"""The same job over shards: an executor, and the stages that it can run beside each other.

A run without `[scale]` imports nothing of this room. Only paths, hashes and configuration travel to
a worker; what it makes is a file on storage that all of them see.
"""
