"""The process that is measured: one driver, one event loop, started by the python of that driver's own environment.

It runs in the folder `bench/`, so that the checkout's `motor` is on the path of nobody but its own worker.
"""
