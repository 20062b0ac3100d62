"""The supervisor (`shim.py`) that keeps a program running, and what says who runs (`proc.py`): no provider, their library.

All but this file is of the standard library alone and is loaded by its path: providers copy these files to servers, too.
"""
