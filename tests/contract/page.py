"""The page at / in a real browser, served by each runtime. tests/contract/page.rs runs this with pytest and Playwright.

With SCREENSHOTS=FOLDER it leaves pictures of the page there.
"""

import json
import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

DIST = Path(__file__).parent.parent.parent / "dist"
PROGRAMS = {
    "native": [DIST / "hello-native"],
    "wasi-0.2": [DIST / "hello-host", "serve", DIST / "hello-wasi-0.2.wasm"],
    "wasi-0.3": [DIST / "hello-host", "serve", DIST / "hello-wasi-0.3.wasm"],
}
MAX_BYTES = 20 * 1024
# How often the page asks, in milliseconds; the clock that tests set has no other steps.
EVERY = 500


class Server:
    def __init__(self, runtime, listen="127.0.0.1:0", **settings):
        # It ends with the tests, whatever becomes of them.
        command = ["setpriv", "--pdeathsig", "KILL", *PROGRAMS[runtime], "--listen", listen, "--admin-listen", "127.0.0.1:0"]
        environment = {**os.environ, "HELLO_LOG": "info", "HELLO_LOG_FORMAT": "json", **settings}
        self.process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        ready = next(line for line in map(json.loads, self.process.stderr) if line["message"] == "ready")
        self.url = ready["url"] + "/"

    def stop(self):
        self.process.kill()
        self.process.wait()


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
    # Without a sandbox of its own, which root may not have: what it shows is ours.
    return {**browser_type_launch_args, "executable_path": shutil.which("chromium"), "args": [*flags, "--no-sandbox"]}


@pytest.fixture
def said(page: Page):
    """What the browser has to say of the page, such as what its policy has stopped."""
    lines = []
    page.on("console", lambda message: lines.append(message.text))
    page.on("pageerror", lambda error: lines.append(str(error)))
    return lines


def rows(page):
    return page.get_by_role("table").get_by_role("row").filter(has=page.get_by_role("rowheader"))


def answers(page):
    return sum(int(row.get_by_role("cell").nth(2).inner_text()) for row in rows(page).all())


SCREENSHOTS = os.environ.get("SCREENSHOTS")
# Dots of a kind: one shows that it works, more show how it looks.
DOTS = 24 if SCREENSHOTS else 1


def picture(page, name):
    if SCREENSHOTS:
        page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png")


def wait_for_dots(page, kind, count=1):
    expect(page.locator(f"#dots .{kind}").nth(count - 1)).to_be_attached(timeout=60_000)


def test_it_is_one_small_document(page: Page, serve, runtime, said):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    server = serve(runtime)
    document = page.goto(server.url)
    expect(rows(page)).to_have_count(1)
    assert asked[0] == server.url and set(asked[1:]) == {server.url + "info"}
    assert len(document.body()) < MAX_BYTES
    assert said == []


def test_it_shows_who_answers(page: Page, serve, runtime):
    server = serve(runtime, HELLO_COLOR="teal")
    page.clock.install()
    page.goto(server.url)
    expect(page.get_by_role("heading", level=1)).to_have_text("Hello from Rust in Kubernetes!")
    expect(page.get_by_role("status")).to_have_text(f"Answered by {runtime}")
    row = rows(page)
    expect(row.get_by_role("rowheader")).to_have_text(runtime)
    expect(row.get_by_role("cell").nth(0)).to_have_text(socket.gethostname())
    # The clock goes on: a busy machine may see more than one response before it looks.
    expect(row.get_by_role("cell").nth(2)).to_have_text(re.compile(r"^[1-9]\d*$"))
    expect(row.get_by_role("cell").nth(3)).to_have_text("100 %")
    expect(row.get_by_role("cell").nth(4)).to_have_text(re.compile(r"^\d+\.\d ms$"))
    before = int(row.get_by_role("cell").nth(2).inner_text())
    page.clock.run_for(EVERY)
    expect(row.get_by_role("cell").nth(2)).not_to_have_text(str(before))
    expect(page.locator("#dots .dot")).not_to_have_count(before)
    assert page.locator("#band rect").evaluate("band => getComputedStyle(band).fill") == "rgb(0, 128, 128)"


def test_it_is_complete_without_javascript(browser, serve, runtime):
    server = serve(runtime)
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(server.url)
        for name, text in {"Runtime": runtime, "Pod or host": socket.gethostname()}.items():
            expect(page.locator("dt", has_text=name).locator("+ dd")).to_have_text(text)
        expect(page.get_by_text("reload the page")).to_be_visible()
        expect(page.get_by_role("button")).to_have_count(0)
        picture(page, "without-javascript")


def test_a_switch_is_seen_as_it_happens(page: Page, serve):
    page.set_viewport_size({"width": 900, "height": 640})
    server = serve("native")
    page.goto(server.url)
    expect(page.get_by_role("status")).to_have_text("Answered by native")
    wait_for_dots(page, "native", DOTS)
    server.stop()
    expect(page.get_by_role("status")).to_have_text("Failed: no answer")
    listen = server.url.removeprefix("http://").removesuffix("/")
    serve("wasi-0.3", listen)
    expect(page.get_by_role("status")).to_have_text("Answered by wasi-0.3")
    wait_for_dots(page, "wasm", DOTS)
    expect(rows(page)).to_have_count(3)
    expect(page.locator("#runtime")).to_have_text("wasi-0.3")
    picture(page, "page")


def test_what_fails_is_counted_as_such(page: Page, serve):
    # For a request in flight there is room only where nobody else has one.
    server = serve("native", HELLO_MAX_IN_FLIGHT="1")
    page.goto(server.url)
    expect(page.get_by_role("status")).to_have_text("Answered by native")
    page.evaluate("() => { fetch('delay/10') }")
    expect(page.get_by_role("status")).to_have_text("Failed: status 503")


def test_it_is_paused_by_keyboard(page: Page, serve):
    server = serve("native")
    page.clock.install()
    page.goto(server.url)
    expect(rows(page)).to_have_count(1)
    page.keyboard.press("Tab")
    button = page.get_by_role("button")
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    expect(button).to_have_text("Resume")
    before = answers(page)
    page.clock.run_for(20 * EVERY)
    assert answers(page) == before
    page.keyboard.press("Space")
    expect(button).to_have_text("Pause")
    page.clock.run_for(EVERY)
    expect(rows(page).get_by_role("cell").nth(2)).to_have_text(str(before + 1))


def test_what_is_set_stays_text(page: Page, serve, runtime, said):
    message = "<script>document.title = 'mine'</script><img src=x onerror=alert(1)> & \"{{color}}\""
    server = serve(runtime, HELLO_MESSAGE=message)
    page.goto(server.url)
    expect(page.get_by_role("heading", level=1)).to_have_text(message)
    expect(page).to_have_title(message)
    assert said == []


def test_what_gets_into_it_does_not_run(page: Page, serve, said):
    server = serve("native")
    policy = page.goto(server.url).headers["content-security-policy"]
    assert "unsafe" not in policy and "default-src 'none'" in policy
    page.evaluate("""() => {
        const script = document.createElement("script");
        script.textContent = "document.title = 'mine'";
        document.body.append(script);
        const style = document.createElement("style");
        style.textContent = "h1 { display: none }";
        document.body.append(style);
    }""")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert page.title() != "mine"
    assert len(said) == 2 and all("Content Security Policy" in line for line in said)


@pytest.mark.parametrize("look", [{"color_scheme": "light"}, {"color_scheme": "dark"}, {"forced_colors": "active"}])
def test_it_is_accessible(browser, serve, look):
    server = serve("native")
    narrow = {"width": 320, "height": 640}
    for name, size in {"wide": {"width": 1280, "height": 720}, "narrow": narrow}.items():
        with browser.new_context(viewport=size, **look) as context:
            page = context.new_page()
            page.goto(server.url)
            expect(rows(page)).to_have_count(1)
            found = Axe().run(page)
            assert found.violations_count == 0, found.generate_report()
            # WCAG 2.2, 1.4.10: nothing is cut off, and only the table scrolls by itself.
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            picture(page, f"{'-'.join(look.values())}-{name}")


def test_every_dot_stands_out_from_its_ground(browser, serve):
    """WCAG 2.2, 1.4.11: by 3 to 1 at least, whatever the hue, which comes from the name of the pod."""
    server = serve("native")
    for scheme in ["light", "dark"]:
        with browser.new_context(color_scheme=scheme) as context:
            page = context.new_page()
            page.goto(server.url)
            expect(rows(page)).to_have_count(1)
            contrasts = page.evaluate("""() => {
                const context = document.createElement("canvas").getContext("2d");
                const luminance = (color) => {
                    context.fillStyle = color;
                    context.fillRect(0, 0, 1, 1);
                    const [red, green, blue] = [...context.getImageData(0, 0, 1, 1).data].map((value) =>
                        value <= 10 ? value / 3294 : ((value / 255 + 0.055) / 1.055) ** 2.4);
                    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
                };
                const ground = matchMedia("(prefers-color-scheme: dark)").matches ? "#121212" : "#fff";
                const dot = document.querySelector("#dots .dot");
                return Array.from({ length: 36 }, (_, step) => {
                    dot.style.setProperty("--hue", step * 10);
                    const [a, b] = [luminance(getComputedStyle(dot).backgroundColor), luminance(ground)];
                    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
                });
            }""")
            assert min(contrasts) >= 3, (scheme, contrasts)
