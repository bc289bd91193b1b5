"""A real JupyterLab in headless Chromium, for the browser tests and the benchmarks.

    with Lab() as lab, lab.open(["import kf_widget", "kf_widget.Chart(ticks)"]) as notebook:
        notebook.run_all()
        view = notebook.view()
        view.drag(200, 0)
        view.wait_exact()

Everything lives in a folder of its own (home, Jupyter's folders, notebooks) and is gone afterwards;
only processes started here are ended. Nothing sleeps: every wait is for a condition in the page.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import nbformat
import numpy as np
import numpy.typing as npt
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Locator, Page, sync_playwright
from playwright.sync_api import Error as PlaywrightError

__all__ = ["Lab", "Notebook", "View", "chromium", "chromium_path"]

CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
START_S = 90.0
CELLS_MS = 180_000.0
PAGE_MS = 60_000.0

_RUNNING = """index => jupyterapp.shell.currentWidget.content.widgets[index].model
    .executionState === 'running'"""
_QUIET = {
    "@jupyterlab/apputils-extension:notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
}


def chromium_path() -> str:
    """The system's Chromium (or Chrome); ``KF_CHROMIUM`` names another."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = os.environ.get("KF_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if found is None:
        raise RuntimeError("chromium_path: no Chromium on this machine. Run: sh .ci/chromium.sh")
    return found


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium, ended when the block is left; one at a time in a process."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium_path(), headless=True, args=list(CHROMIUM_FLAGS)
        )
        try:
            yield browser
        finally:
            browser.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Lab:
    """JupyterLab's server and one Chromium, both ended when the block is left.

    Parameters
    ----------
    python : interpreter whose environment has JupyterLab.
    kernels : name -> interpreter, kernels beside JupyterLab's own ``python3``.
    nodelay : False switches the extension ``kf_widget.server`` off.
    env : more environment variables for the server and its kernels.
    browser : a Chromium that runs already; by default one is started, and ended with the rest.
    """

    def __init__(
        self,
        *,
        python: str = sys.executable,
        kernels: Mapping[str, str] | None = None,
        nodelay: bool = True,
        env: Mapping[str, str] | None = None,
        browser: Browser | None = None,
    ) -> None:
        self._python = python
        self._browser = browser
        self._kernels = dict(kernels or {})
        self._nodelay = nodelay
        self._env = dict(env or {})
        self._stack = contextlib.ExitStack()
        self._opened = 0

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self.home = Path(tempfile.mkdtemp(prefix="kf_widget-lab-"))
            stack.callback(shutil.rmtree, self.home, ignore_errors=True)
            self.work = self.home / "work"
            self.work.mkdir()
            self._write_settings()
            self._start_server()
            stack.callback(self._stop_server)
            self._await_server()
            self.browser = self._browser or stack.enter_context(chromium())
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def log(self) -> str:
        """What the server has printed so far."""
        return (self.home / "server.log").read_text(errors="replace")

    @contextlib.contextmanager
    def open(
        self,
        cells: Sequence[str] | Path,
        *,
        size: tuple[int, int] = (1440, 1000),
        ratio: float = 1.0,
        kernel: str = "python3",
    ) -> Iterator[Notebook]:
        """A notebook in a fresh browser profile: made of these code cells, or a copy of this file."""
        self._opened += 1
        name = f"notebook_{self._opened}.ipynb"
        if isinstance(cells, Path):
            book = nbformat.read(cells, as_version=4)
        else:
            book = nbformat.v4.new_notebook()
            book.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
        book.metadata["kernelspec"] = {"name": kernel, "display_name": kernel, "language": "python"}
        nbformat.write(book, self.work / name)
        context = self.browser.new_context(
            viewport={"width": size[0], "height": size[1]}, device_scale_factor=ratio, accept_downloads=True
        )
        try:
            yield Notebook(self, context, name)
        except BaseException:
            self._keep_picture(context, name)
            raise
        finally:
            context.close()
            self._stop_kernels()

    def _keep_picture(self, context: BrowserContext, name: str) -> None:
        """What the page looked like when a story failed; the folder is named by ``KF_PICTURES``."""
        folder = Path(os.environ.get("KF_PICTURES", tempfile.gettempdir()))
        path = folder / f"kf_widget-failed-{os.getpid()}-{Path(name).stem}.png"
        with contextlib.suppress(PlaywrightError):
            context.pages[0].screenshot(path=path)
            print(f"the page as it was: {path}")

    def request(self, method: str, path: str) -> Any:
        """Answer of Jupyter Server's REST interface, decoded; None where it is empty."""
        ask = urllib.request.Request(
            f"{self.url}{path}", method=method, headers={"Authorization": f"token {self.token}"}
        )
        with urllib.request.urlopen(ask, timeout=10) as answer:
            body = answer.read()
        return json.loads(body) if body else None

    def page_url(self, name: str) -> str:
        """Address of one notebook, in single-document mode (no side panels, one notebook)."""
        return f"{self.url}/doc/tree/{name}?token={self.token}&reset"

    def add_kernel(self, name: str, python: str) -> None:
        """Offer one more kernel, run by this interpreter, to the notebooks opened from now on."""
        folder = self.home / "data" / "kernels" / name
        folder.mkdir(parents=True)
        argv = [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        spec = {"argv": argv, "display_name": name, "language": "python"}
        (folder / "kernel.json").write_text(json.dumps(spec))

    def _write_settings(self) -> None:
        settings = self.home / "settings"
        for plugin, values in _QUIET.items():
            package, name = plugin.split(":")
            folder = settings / package
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{name}.jupyterlab-settings").write_text(json.dumps(values))
        for name, python in self._kernels.items():
            self.add_kernel(name, python)

    def _start_server(self) -> None:
        self.token = secrets.token_hex(16)
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        cache = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
        env = {
            **os.environ,
            "KF_WIDGET_CACHE": os.environ.get("KF_WIDGET_CACHE", f"{cache}/kf_widget"),
            "HOME": str(self.home),
            "IPYTHONDIR": str(self.home / "ipython"),
            "JUPYTER_CONFIG_DIR": str(self.home / "config"),
            "JUPYTER_DATA_DIR": str(self.home / "data"),
            "JUPYTER_RUNTIME_DIR": str(self.home / "runtime"),
            "JUPYTERLAB_SETTINGS_DIR": str(self.home / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(self.home / "workspaces"),
            **self._env,
        }
        for name in ("JUPYTER_TOKEN", "JUPYTER_PREFER_ENV_PATH", "JUPYTER_PATH"):
            env.pop(name, None)
        arguments = [
            "--no-browser",
            "--allow-root",
            "--ip=127.0.0.1",
            f"--port={port}",
            "--ServerApp.port_retries=0",
            f"--IdentityProvider.token={self.token}",
            f"--ServerApp.root_dir={self.work}",
            "--ServerApp.terminals_enabled=False",
            "--LabApp.expose_app_in_browser=True",
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
            f"--ServerApp.jpserver_extensions=kf_widget.server={self._nodelay}",
        ]
        with (self.home / "server.log").open("wb") as log:
            self._server = subprocess.Popen(
                [self._python, "-m", "jupyterlab", *arguments],
                env=env,
                cwd=self.work,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _await_server(self) -> None:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if self._server.poll() is not None:
                raise RuntimeError(f"Lab: JupyterLab ended with code {self._server.returncode}:\n{self.log}")
            with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
                self.request("GET", "/api/status")
                return
            time.sleep(0.05)  # between two looks at a process that has no event to wait for
        raise RuntimeError(f"Lab: JupyterLab did not answer within {START_S:.0f} s:\n{self.log}")

    def _stop_kernels(self) -> None:
        for kernel in self.request("GET", "/api/kernels"):
            with contextlib.suppress(urllib.error.URLError):
                self.request("DELETE", f"/api/kernels/{kernel['id']}")

    def _stop_server(self) -> None:
        """End the server as Ctrl-C does, so that it ends its kernels; then whatever is left of its group."""
        self._server.terminate()
        try:
            self._server.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._server.pid, signal.SIGKILL)


class Notebook:
    """One notebook open in one page.

    Attributes
    ----------
    page : playwright's page, for all that is not here.
    errors : what the page wrote to its console as an error, and errors nobody caught.
    """

    def __init__(self, lab: Lab, context: BrowserContext, name: str) -> None:
        self.lab = lab
        self.name = name
        self.page: Page = context.new_page()
        self.errors: list[str] = []
        self.page.set_default_timeout(PAGE_MS)
        self.page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(lab.page_url(name))
        self._await_kernel()

    def _await_kernel(self) -> None:
        self.page.wait_for_function(
            """() => {
                const panel = window.jupyterapp?.shell.currentWidget;
                return panel?.context?.isReady && panel.sessionContext?.isReady
                    && panel.sessionContext.session?.kernel?.status === 'idle';
            }"""
        )

    def command(self, name: str, **arguments: Any) -> Any:
        """Run one of JupyterLab's commands; returns when it is done."""
        return self.page.evaluate(
            "([name, args]) => jupyterapp.commands.execute(name, args)", [name, arguments]
        )

    def run_all(self) -> None:
        """Run every cell; returns when the last is done, raises with the traceback of one that failed."""
        self.page.set_default_timeout(CELLS_MS)
        self.page.evaluate("async () => { await jupyterapp.commands.execute('notebook:run-all-cells') }")
        self.page.set_default_timeout(PAGE_MS)
        self._check()

    def run_cell(self, index: int, *, wait: bool = True) -> None:
        """Run one cell again; without `wait` it only starts."""
        self.page.evaluate(
            """([index, wait]) => {
                const notebook = jupyterapp.shell.currentWidget.content;
                notebook.deselectAll();
                notebook.activeCellIndex = index;
                const done = jupyterapp.commands.execute('notebook:run-cell');
                return wait ? done.then(() => null) : null;
            }""",
            [index, wait],
        )
        if wait:
            self._check()

    def text(self, index: int) -> str:
        """Everything that a cell printed or returned, as plain text."""
        return str(
            self.page.evaluate(
                """index => jupyterapp.shell.currentWidget.content.widgets[index].model.outputs.toJSON()
                    .map(o => o.text ?? o.data?.['text/plain'] ?? '')
                    .map(t => Array.isArray(t) ? t.join('') : t).join('')""",
                index,
            )
        )

    def evaluate(self, expression: str, *, after: str = "") -> Any:
        """Value of a Python expression in the kernel, through JSON, with no cell; `after` runs before it."""
        reply = self.page.evaluate(
            """async ([code, expression]) => {
                const { kernel } = jupyterapp.shell.currentWidget.sessionContext.session;
                const future = kernel.requestExecute({
                    code, store_history: false, user_expressions: { value: expression },
                });
                return (await future.done).content;
            }""",
            [after, f"__import__('json').dumps({expression})"],
        )
        if reply["status"] != "ok":
            raise AssertionError("\n".join(reply["traceback"]))
        value = reply["user_expressions"]["value"]
        if value["status"] != "ok":
            raise AssertionError("\n".join(value["traceback"]))
        return json.loads(ast.literal_eval(value["data"]["text/plain"]))

    def execute(self, code: str) -> None:
        """Run Python in the kernel, with no cell; raises with its traceback."""
        self.evaluate("None", after=code)

    def running(self, index: int) -> bool:
        """Whether a cell is running; the kernel's own status also tells of comms beside it."""
        return bool(self.page.evaluate(_RUNNING, index))

    def interrupt_cell(self, index: int) -> None:
        """Stop a running cell; returns when it has ended."""
        self.page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.interrupt()")
        self.page.wait_for_function(f"index => !({_RUNNING})(index)", arg=index)

    def set_source(self, index: int, source: str) -> None:
        """Put other code into a cell."""
        self.page.evaluate(
            """([index, source]) => jupyterapp.shell.currentWidget.content.widgets[index].model
                .sharedModel.setSource(source)""",
            [index, source],
        )

    def restart_kernel(self) -> None:
        """Restart the kernel without the question; returns when it is idle again."""
        self.page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
        self._await_kernel()

    def view(self, index: int = 0) -> View:
        """The chart's view of that number on the page, counted from 0, once it has a first exact frame."""
        root = self.page.locator(".kf-widget").nth(index)
        root.wait_for()
        root.scroll_into_view_if_needed()
        view = View(self, root)
        view.wait("e => e.dataset.frame !== undefined && e.dataset.frame !== ''")
        return view

    def screenshot(self, path: str | Path) -> None:
        """A picture of the page as it is now."""
        self.page.screenshot(path=path)

    def _check(self) -> None:
        failed = self.page.evaluate(
            """() => jupyterapp.shell.currentWidget.content.widgets
                .filter(c => c.model.type === 'code')
                .flatMap(c => c.model.outputs.toJSON())
                .filter(o => o.output_type === 'error')
                .map(o => o.traceback.join('\\n'))"""
        )
        if failed:
            raise AssertionError("a cell failed:\n" + "\n".join(failed))


class View:
    """One view of a chart on the page: where it is, what it shows, and a person's hands on it."""

    def __init__(self, notebook: Notebook, root: Locator) -> None:
        self.notebook = notebook
        self.page = notebook.page
        self.root = root

    @property
    def data(self) -> dict[str, str]:
        """The root's data attributes, ``gestureSeq``, ``frameSeq``, ``warpSeq``, ``frame``, ``status``."""
        return dict(self.root.evaluate("e => ({...e.dataset})"))

    @property
    def gesture_seq(self) -> int:
        """Inputs that changed the view so far."""
        return int(self.data.get("gestureSeq") or 0)

    @property
    def frame_seq(self) -> int:
        """The newest such input that the exact frame on screen covers."""
        return int(self.data.get("frameSeq") or 0)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """x, y, width, height of the root on the page, CSS pixels."""
        box = self.root.bounding_box()
        if box is None:
            raise AssertionError("the view is not on the page")
        return box["x"], box["y"], box["width"], box["height"]

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Page coordinate of a place in the root given in fractions of its width and height."""
        left, top, width, height = self.box
        return left + x * width, top + y * height

    def wait(self, condition: str, *, timeout_ms: float = PAGE_MS) -> None:
        """Until a JavaScript function of the root element returns true; looked at every frame."""
        self.page.wait_for_function(
            f"root => ({condition})(root)", arg=self.root.element_handle(), timeout=timeout_ms
        )

    def wait_exact(self, *, timeout_ms: float = PAGE_MS) -> None:
        """Until an exact frame covers every input so far."""
        self.wait(
            "e => Number(e.dataset.frameSeq ?? 0) >= Number(e.dataset.gestureSeq ?? 0)", timeout_ms=timeout_ms
        )

    def wait_gesture(self, before: int, *, timeout_ms: float = PAGE_MS) -> None:
        """Until an input after number `before` was counted, and an exact frame covers it."""
        self.wait(f"e => Number(e.dataset.gestureSeq ?? 0) > {before}", timeout_ms=timeout_ms)
        self.wait_exact(timeout_ms=timeout_ms)

    def drag(self, dx: float, dy: float, *, start: tuple[float, float] = (0.4, 0.4), steps: int = 10) -> None:
        """Press at a place (fractions of the root), move by CSS pixels in so many steps, release."""
        x, y = self.point(*start)
        mouse = self.page.mouse
        mouse.move(x, y)
        mouse.down()
        mouse.move(x + dx, y + dy, steps=steps)
        mouse.up()

    def wheel(self, delta: float, *, at: tuple[float, float] = (0.4, 0.4), steps: int = 1) -> None:
        """Turn the wheel over a place: each step by `delta` CSS pixels, positive is away from detail."""
        self.page.mouse.move(*self.point(*at))
        for _ in range(steps):
            self.page.mouse.wheel(0, delta)

    @property
    def plot_width(self) -> float:
        """Width of what is visible of the plot, CSS pixels; the pointer must be on it."""
        self.wait("e => e.querySelector('.kf-cross').style.display === ''")
        return float(self.root.locator(".kf-cross-h").evaluate("e => parseFloat(e.style.width)"))

    def pixels(self) -> npt.NDArray[np.uint8]:
        """RGB of the canvas, uint8 (height, width, 3) in device pixels, without what lies over it."""
        address = self.root.locator(".kf-canvas").evaluate("e => e.toDataURL('image/png')")
        data = base64.b64decode(address.partition(",")[2])
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))

    def choose(self, menu: str, value: str) -> None:
        """Pick an item of a menu of the toolbar, as a person does."""
        self.root.get_by_role("button", name=menu, exact=True).click()
        self.root.locator(f".kf-popup[aria-label='{menu}'] [data-value='{value}']").click()

    def press(self, key: str) -> None:
        """Give the view the focus and press a key."""
        self.root.focus()
        self.page.keyboard.press(key)

    def screenshot(self, path: str | Path) -> None:
        """A picture of this view alone."""
        self.root.screenshot(path=path)
