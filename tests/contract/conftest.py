"""Fixtures of the tests of the page: servers and the browser."""

import json
import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
from playwright.sync_api import Page

DIST = Path(__file__).parent.parent.parent / "dist"
PROGRAMS = {
    "native": [DIST / "hello-native"],
    "wasi-0.2": [DIST / "hello-host", "serve", DIST / "hello-wasi-0.2.wasm"],
    "wasi-0.3": [DIST / "hello-host", "serve", DIST / "hello-wasi-0.3.wasm"],
}
# Time limit of a server's start in seconds.
START_TIMEOUT = 60


class Server:
    def __init__(self, runtime, listen="127.0.0.1:0", **settings):
        # The server ends with the tests, even if these are killed.
        command = ["setpriv", "--pdeathsig", "KILL", *PROGRAMS[runtime], "--listen", listen, "--admin-listen", "127.0.0.1:0"]
        environment = {**os.environ, "HELLO_LOG": "info", "HELLO_LOG_FORMAT": "json", **settings}
        self.process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        watchdog = threading.Timer(START_TIMEOUT, self.process.kill)
        watchdog.start()
        ready = next((line for line in map(json.loads, self.process.stderr) if line["message"] == "ready"), None)
        watchdog.cancel()
        assert ready, f"{runtime} has ended, or was not ready within {START_TIMEOUT} s"
        self.url = ready["url"] + "/"

    def stop(self):
        self.process.kill()
        self.process.wait(timeout=START_TIMEOUT)


@pytest.fixture
def serve():
    servers = []

    def start(*arguments, **settings):
        servers.append(Server(*arguments, **settings))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(params=PROGRAMS)
def runtime(request):
    return request.param


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    flags = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
    # root cannot have the sandbox, and the page is our own.
    return {**browser_type_launch_args, "executable_path": shutil.which("chromium"), "args": [*flags, "--no-sandbox"]}


@pytest.fixture
def console(page: Page):
    """Messages of the browser's console, such as violations of the content security policy."""
    lines = []
    page.on("console", lambda message: lines.append(message.text))
    page.on("pageerror", lambda error: lines.append(str(error)))
    return lines
