"""The server extension alone: what it does to connections, and to nothing else."""

from __future__ import annotations

import asyncio
import logging
import socket
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from tornado import httpserver, netutil, web, websocket

from kf_widget import server
from kf_widget.server import without_delay


class Handler:
    def __init__(self, connected: bool) -> None:
        self.ws_connection = object() if connected else None
        self.nodelay: bool | None = None

    def set_nodelay(self, value: bool) -> None:
        assert self.ws_connection is not None
        self.nodelay = value


class Connection:
    def __init__(self, handler: Any) -> None:
        self.websocket_handler = handler

    def connect(self) -> Any:
        return "connected"


@pytest.mark.parametrize("connected", [True, False])
def test_any_connection_class_keeps_its_name_and_answer(connected: bool) -> None:
    faster = without_delay(Connection)
    handler = Handler(connected)
    assert faster(handler).connect() == "connected"
    assert handler.nodelay is (True if connected else None)
    assert faster.__name__ == "Connection"
    assert issubclass(faster, Connection)


def test_the_socket_option_is_set() -> None:
    options: list[int] = []

    class Kernel(websocket.WebSocketHandler):
        def open(self, *args: str, **kwargs: str) -> None:
            connection = (
                Connection(self) if self.request.path == "/plain" else without_delay(Connection)(self)
            )
            connection.connect()
            assert self.ws_connection is not None
            stream: Any = self.ws_connection.stream
            options.append(stream.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    async def visit() -> None:
        sockets = netutil.bind_sockets(0, "127.0.0.1")
        served = httpserver.HTTPServer(web.Application([("/plain", Kernel), ("/fast", Kernel)]))
        served.add_sockets(sockets)
        port = sockets[0].getsockname()[1]
        for path in ("plain", "fast"):
            client = await websocket.websocket_connect(f"ws://127.0.0.1:{port}/{path}")
            client.close()
            await client.read_message()
        served.stop()
        await served.close_all_connections()

    # On a thread of its own: the browser that other tests share keeps this one's event loop.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, visit()).result(30)
    assert options[0] == 0
    assert options[1] != 0


def application(**settings: Any) -> Any:
    return SimpleNamespace(web_app=SimpleNamespace(settings=settings), log=logging.getLogger("test"))


def test_the_extension_replaces_the_class_and_adds_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    app = application(kernel_websocket_connection_class=Connection, other=1)
    assert server._jupyter_server_extension_points() == [{"module": "kf_widget.server"}]
    server._load_jupyter_server_extension(app)
    assert set(app.web_app.settings) == {"kernel_websocket_connection_class", "other"}
    assert issubclass(app.web_app.settings["kernel_websocket_connection_class"], Connection)
    assert caplog.messages == ["kf_widget: kernel websockets send without delay"]


def test_a_server_of_another_make_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    app = application(other=1)
    server._load_jupyter_server_extension(app)
    assert app.web_app.settings == {"other": 1}
    assert len(caplog.messages) == 1
