"""Jupyter Server extension: kernel websockets send at once.

Jupyter Server leaves Nagle's algorithm on. A kernel answers a message with a status, a frame and
another status; the second small packet then waits for the browser's delayed acknowledgement of the
first, 40 ms each time. With TCP_NODELAY a round trip in JupyterLab falls from 49 ms to 9 ms.

The extension adds no endpoint and changes nothing but that one socket option, and only on the
websockets between browser and kernel. Without it everything works, slower.
"""

from __future__ import annotations

from typing import Any

__all__ = ["without_delay"]

_SETTING = "kernel_websocket_connection_class"


def without_delay(connection: type[Any]) -> type[Any]:
    """The same kernel connection class, except that it turns Nagle's algorithm off as it connects.

    Parameters
    ----------
    connection : class whose instances have a ``websocket_handler`` (a Tornado handler) and a
        ``connect()``; Jupyter Server's own, a gateway's or another extension's.

    Returns
    -------
    A subclass of the same name, so that configuration by class name still reaches it.
    """

    def connect(self: Any) -> Any:
        handler = self.websocket_handler
        if getattr(handler, "ws_connection", None) is not None:  # None: the browser left meanwhile
            handler.set_nodelay(True)
        return connection.connect(self)

    body = {"connect": connect, "__module__": connection.__module__, "__doc__": connection.__doc__}
    return type(connection.__name__, (connection,), body)


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "kf_widget.server"}]


def _load_jupyter_server_extension(app: Any) -> None:
    """Replace the server's connection class before the first kernel connects."""
    settings = app.web_app.settings
    connection = settings.get(_SETTING)
    if connection is None or not hasattr(connection, "connect"):
        app.log.warning("kf_widget: this Jupyter Server has no kernel connection class; frames come slower")
        return
    settings[_SETTING] = without_delay(connection)
    app.log.info("kf_widget: kernel websockets send without delay")
