"""A headless Chromium of the system, driven by playwright, with software WebGL."""

import os
import shutil
import time

import pytest

FLAGS = (
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--hide-scrollbars",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
)


def executable():
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)


def require():
    """Skip without a browser; in CI its absence is a failure."""
    if executable() is None:
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail("no Chromium: in CI the report is tried in a real browser")
        pytest.skip("no Chromium on this machine")


class Browser:
    """One page, which keeps what it complained of and asked for since it was opened last."""

    def __init__(self):
        from playwright.sync_api import sync_playwright

        self._driver = sync_playwright().start()
        self._browser = self._driver.chromium.launch(executable_path=executable(), args=list(FLAGS))
        self.page = self._browser.new_page()
        self._complaints, self._requests = [], []
        self.page.on("pageerror", lambda error: self._complaints.append(str(error)))
        self.page.on("console", lambda said: said.type in ("error", "assert") and self._complaints.append(said.text))
        self.page.on("request", lambda request: self._requests.append(request.url))

    def close(self):
        self._browser.close()
        self._driver.stop()

    def size(self, width, height):
        self.page.set_viewport_size({"width": width, "height": height})

    def open(self, path):
        self._complaints.clear()
        self._requests.clear()
        self.page.goto(path.as_uri(), wait_until="commit")

    def evaluate(self, expression):
        return self.page.evaluate(expression)

    def wait(self, expression, timeout_s=60.0):
        """Its value once it is true. Asked for again and again: the page's policy forbids what playwright would do."""
        deadline = time.monotonic() + timeout_s
        while not (value := self.evaluate(expression)):
            assert time.monotonic() < deadline, f"never true: {expression}"
            time.sleep(0.05)
        return value

    def point(self, x, y):
        self.page.mouse.move(x, y)

    def press(self, key):
        self.page.keyboard.press(key)

    def picture(self, path=None):
        """PNG of what is seen."""
        return self.page.screenshot(path=path)

    def complaints(self):
        """Errors on the console and uncaught exceptions."""
        return list(self._complaints)

    def requests(self):
        """Addresses asked for, beyond what the page carries in itself."""
        return [url for url in self._requests if not url.startswith(("data:", "blob:", "about:"))]
