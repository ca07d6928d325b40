"""The page at / in a browser, served by each runtime. tests/contract/page.rs runs these tests with pytest and Playwright.

SCREENSHOTS=FOLDER saves screenshots of the page in that folder.
"""

import os
import re
import socket
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

MAX_BYTES = 20 * 1024
# Interval of the page's requests in milliseconds.
INTERVAL = 500


def rows(page):
    return page.get_by_role("table").get_by_role("row").filter(has=page.get_by_role("rowheader"))


def count_responses(page):
    return sum(int(row.get_by_role("cell").nth(2).inner_text()) for row in rows(page).all())


SCREENSHOTS = os.environ.get("SCREENSHOTS")
# Number of dots per runtime to wait for. A screenshot needs more than a test.
DOTS = 24 if SCREENSHOTS else 1


def screenshot(page, name):
    if SCREENSHOTS:
        page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png")


def wait_for_dots(page, kind, count=1):
    expect(page.locator(f"#dots .{kind}").nth(count - 1)).to_be_attached(timeout=60_000)


def test_page_is_one_small_document(page: Page, serve, runtime, console):
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    server = serve(runtime)
    document = page.goto(server.url)
    expect(rows(page)).to_have_count(1)
    assert requests[0] == server.url and set(requests[1:]) == {server.url + "info"}
    assert len(document.body()) < MAX_BYTES
    assert console == []


def test_page_shows_runtime_and_host_of_each_response(page: Page, serve, runtime):
    server = serve(runtime, HELLO_COLOR="teal")
    page.clock.install()
    page.goto(server.url)
    expect(page.get_by_role("heading", level=1)).to_have_text("Hello from Rust in Kubernetes!")
    expect(page.get_by_role("status")).to_have_text(f"Response from {runtime}")
    row = rows(page)
    expect(row.get_by_role("rowheader")).to_have_text(runtime)
    expect(row.get_by_role("cell").nth(0)).to_have_text(socket.gethostname())
    # The clock runs: on a busy machine there can be more than one response.
    expect(row.get_by_role("cell").nth(2)).to_have_text(re.compile(r"^[1-9]\d*$"))
    expect(row.get_by_role("cell").nth(3)).to_have_text("100 %")
    expect(row.get_by_role("cell").nth(4)).to_have_text(re.compile(r"^\d+\.\d ms$"))
    before = int(row.get_by_role("cell").nth(2).inner_text())
    page.clock.run_for(INTERVAL)
    expect(row.get_by_role("cell").nth(2)).not_to_have_text(str(before))
    expect(page.locator("#dots .dot")).not_to_have_count(before)
    assert page.locator("#band rect").evaluate("band => getComputedStyle(band).fill") == "rgb(0, 128, 128)"


def test_page_is_complete_without_javascript(browser, serve, runtime):
    server = serve(runtime)
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(server.url)
        for name, text in {"Runtime": runtime, "Pod or host": socket.gethostname()}.items():
            expect(page.locator("dt", has_text=name).locator("+ dd")).to_have_text(text)
        expect(page.get_by_text("reload the page")).to_be_visible()
        expect(page.get_by_role("button")).to_have_count(0)
        screenshot(page, "without-javascript")


def test_page_shows_a_switch_of_the_runtime(page: Page, serve):
    page.set_viewport_size({"width": 900, "height": 640})
    server = serve("native")
    page.goto(server.url)
    expect(page.get_by_role("status")).to_have_text("Response from native")
    wait_for_dots(page, "native", DOTS)
    server.stop()
    expect(page.get_by_role("status")).to_have_text("Failed: no response")
    listen = server.url.removeprefix("http://").removesuffix("/")
    serve("wasi-0.3", listen)
    expect(page.get_by_role("status")).to_have_text("Response from wasi-0.3")
    wait_for_dots(page, "wasm", DOTS)
    expect(rows(page)).to_have_count(3)
    expect(page.locator("#runtime")).to_have_text("wasi-0.3")
    screenshot(page, "page")


def test_failed_request_is_counted_as_failed(page: Page, serve):
    # The slow request has the only permit.
    server = serve("native", HELLO_MAX_IN_FLIGHT="1")
    page.goto(server.url)
    expect(page.get_by_role("status")).to_have_text("Response from native")
    page.evaluate("() => { fetch('delay/10') }")
    expect(page.get_by_role("status")).to_have_text("Failed: status 503")


def test_keyboard_pauses_and_resumes_the_requests(page: Page, serve):
    server = serve("native")
    page.clock.install()
    page.goto(server.url)
    expect(rows(page)).to_have_count(1)
    page.keyboard.press("Tab")
    button = page.get_by_role("button")
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    expect(button).to_have_text("Resume")
    before = count_responses(page)
    page.clock.run_for(20 * INTERVAL)
    assert count_responses(page) == before
    page.keyboard.press("Space")
    expect(button).to_have_text("Pause")
    page.clock.run_for(INTERVAL)
    expect(rows(page).get_by_role("cell").nth(2)).to_have_text(str(before + 1))


def test_message_stays_text(page: Page, serve, runtime, console):
    message = "<script>document.title = 'mine'</script><img src=x onerror=alert(1)> & \"{{color}}\""
    server = serve(runtime, HELLO_MESSAGE=message)
    page.goto(server.url)
    expect(page.get_by_role("heading", level=1)).to_have_text(message)
    expect(page).to_have_title(message)
    assert console == []


def test_injected_script_and_style_do_not_run(page: Page, serve, console):
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
    assert len(console) == 2 and all("Content Security Policy" in line for line in console)


@pytest.mark.parametrize("look", [{"color_scheme": "light"}, {"color_scheme": "dark"}, {"forced_colors": "active"}])
def test_page_is_accessible(browser, serve, look):
    server = serve("native")
    narrow = {"width": 320, "height": 640}
    for name, size in {"wide": {"width": 1280, "height": 720}, "narrow": narrow}.items():
        with browser.new_context(viewport=size, **look) as context:
            page = context.new_page()
            page.goto(server.url)
            expect(rows(page)).to_have_count(1)
            found = Axe().run(page)
            assert found.violations_count == 0, found.generate_report()
            # WCAG 2.2, 1.4.10: only the table scrolls horizontally.
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            screenshot(page, f"{'-'.join(look.values())}-{name}")


def test_each_dot_has_enough_contrast(browser, serve):
    """WCAG 2.2, 1.4.11: at least 3 to 1 for each hue, which depends on the name of the pod."""
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
                const background = matchMedia("(prefers-color-scheme: dark)").matches ? "#121212" : "#fff";
                const dot = document.querySelector("#dots .dot");
                return Array.from({ length: 36 }, (_, step) => {
                    dot.style.setProperty("--hue", step * 10);
                    const [a, b] = [luminance(getComputedStyle(dot).backgroundColor), luminance(background)];
                    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
                });
            }""")
            assert min(contrasts) >= 3, (scheme, contrasts)
