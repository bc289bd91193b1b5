"""Errors of the environment; wrong arguments raise TypeError or ValueError."""

from __future__ import annotations

__all__ = ["KfError", "KfWarning"]


class KfError(Exception):
    """Something outside the call is wrong: a file, a device, a format, a closed chart."""


class KfWarning(UserWarning):
    """The result is right, but not obtained the way that was asked for."""
