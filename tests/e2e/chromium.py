"""A real Chromium, headless, that opens one page and tells what became of it.

`Page` has the document after its scripts ran, what the page said on its console, and every request
that was made for it. Chromium knows no host's address here (--host-resolver-rules), so nothing
reaches a network even if a page tried; its own housekeeping (OWN_HOSTS) is not counted.
As root Chromium needs --no-sandbox: only pages of our own are opened.
"""

import html.parser
import json
import os
import re
import shutil
import signal
import subprocess

PROGRAM = "chromium"
DEADLINE_S = 120
SCRIPTS_MS = 5000  # virtual time for the page's scripts
CONSOLE = re.compile(r":CONSOLE(?::\d+|\(\d+\))\]")
OWN_HOSTS = ("google.com", "googleapis.com", "gvt1.com")
# Elements without an end tag.
VOID = {"meta", "link", "br", "img", "input", "hr"}


class Element:
    def __init__(self, name, attributes, parent):
        self.name = name
        self.attributes = dict(attributes)
        self.parent = parent
        self.children = []

    @property
    def text(self):
        return "".join(c if isinstance(c, str) else c.text for c in self.children)

    def all(self, name=None, **attributes):
        """Elements below with this name and these attributes (class: one of its words), in order."""
        for child in self.children:
            if isinstance(child, str):
                continue
            if name in (None, child.name) and child.has(attributes):
                yield child
            yield from child.all(name, **attributes)

    def has(self, attributes):
        for key, value in attributes.items():
            own = self.attributes.get(key.rstrip("_"))
            if own is None or value not in (own, *(own.split() if key == "class_" else ())):
                return False
        return True


class _Builder(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.root = self.at = Element("", (), None)

    def handle_starttag(self, tag, attrs):
        element = Element(tag, attrs, self.at)
        self.at.children.append(element)
        if tag not in VOID:
            self.at = element

    def handle_startendtag(self, tag, attrs):
        self.at.children.append(Element(tag, attrs, self.at))

    def handle_endtag(self, tag):
        if tag not in VOID and self.at.parent is not None:
            self.at = self.at.parent

    def handle_data(self, data):
        self.at.children.append(data)


class Page:
    def __init__(self, document, console, requests):
        builder = _Builder()
        builder.feed(document)
        self.root = builder.root
        self.console = console
        self.requests = requests


def _requests(net_log):
    """Addresses that were asked for, without Chromium's own."""
    text = net_log.read_text(errors="replace")
    try:
        log = json.loads(text)
    except ValueError:  # ended before its last line
        log = json.loads(text.rstrip().rstrip(",") + "]}")
    addresses = {event.get("params", {}).get("url") for event in log["events"]} - {None}
    own = re.compile(rf"https?://([^/]+\.)?({'|'.join(map(re.escape, OWN_HOSTS))})[:/]")
    return sorted(address for address in addresses if not own.match(address))


def open_page(folder, file, width=1200, height=900, dark=False, fragment=""):
    """Opens `file`; `folder` is for the profile and the log of this visit."""
    profile = folder / "profile"
    net_log = folder / "net-log.json"
    argv = [
        PROGRAM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={profile}",
        "--enable-logging=stderr",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--log-net-log={net_log}",
        f"--blink-settings=preferredColorScheme={0 if dark else 1}",
        f"--window-size={width},{height}",
        f"--virtual-time-budget={SCRIPTS_MS}",
        "--dump-dom",
        f"{file.as_uri()}{fragment}",
    ]
    child = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(os.environ, HOME=str(folder)),
        start_new_session=True,
    )
    try:
        document, said = child.communicate(timeout=DEADLINE_S)
    finally:
        try:
            os.killpg(child.pid, signal.SIGKILL)  # helpers that outlive it
        except ProcessLookupError:
            pass
        shutil.rmtree(profile, ignore_errors=True)
    if child.returncode != 0:
        raise AssertionError(f"chromium ended with {child.returncode}: {said[-2000:]!r}")
    lines = said.decode(errors="replace").splitlines()
    console = [line for line in lines if CONSOLE.search(line)]
    return Page(document.decode(), console, _requests(net_log))
