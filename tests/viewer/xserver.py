"""A made-up X display with real key presses and drags: Xvfb and xdotool."""

import os
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import ImageGrab

PROGRAMS = ("Xvfb", "xdotool")


def require():
    """Skip without them; in CI their absence is a failure."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(f"no {missing[0]}: in CI the window is tried on a real display")
        pytest.skip(f"no {missing[0]} on this machine")


class Display:
    """An X server of its own, and the one program that is shown on it."""

    def __init__(self, size=(1280, 860)):
        out, into = os.pipe()
        self._server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(into), "-screen", "0", f"{size[0]}x{size[1]}x24", "-nolisten", "tcp"],
            pass_fds=(into,),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(into)
        with os.fdopen(out) as pipe:
            self.name = f":{int(pipe.readline())}"
        self.program = None

    def start(self, *arguments):
        environment = {**os.environ, "DISPLAY": self.name, "PYTHONPATH": os.pathsep.join(sys.path)}
        self.program = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-m", "skindose", *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        window = self.until(lambda: self.do("search", "--name", "^skindose: ").split())
        self.do("windowfocus", window[0])

    def close(self):
        if self.program is not None:
            self.program.kill()
            self.program.communicate()
        self._server.kill()
        self._server.wait()

    def do(self, *arguments):
        environment = {**os.environ, "DISPLAY": self.name}
        return subprocess.run(["xdotool", *arguments], env=environment, capture_output=True, text=True).stdout

    def key(self, *names):
        self.do("key", "--delay", "30", *names)

    def type(self, text):
        self.do("type", "--delay", "30", text)

    def drag(self, start, end, steps=4):
        """From a pixel to another, as a hand does, until `drop`; pixels count from the upper left corner."""
        self.do("mousemove", *map(str, start), "mousedown", "1")
        for step in range(1, steps + 1):
            x, y = (round(a + (b - a) * step / steps) for a, b in zip(start, end, strict=True))
            self.do("mousemove", str(x), str(y))
            time.sleep(0.05)

    def drop(self):
        self.do("mouseup", "1")

    def picture(self):
        """(height, width, 3) the screen."""
        return np.asarray(ImageGrab.grab(xdisplay=self.name).convert("RGB"), dtype=np.int16)

    def until(self, found, timeout_s=60.0):
        """What `found` gives as soon as it gives something."""
        deadline = time.monotonic() + timeout_s
        while not (value := found()):
            assert self.program.poll() is None, (self.program.returncode, self.program.communicate())
            assert time.monotonic() < deadline, "it never came"
            time.sleep(0.1)
        return value
