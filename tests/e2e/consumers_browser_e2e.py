#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Our profile in speedscope, and our own picture, in a browser: Debian's Chromium, without a screen."""
import contextlib
import functools
import html
import http.server
import pathlib
import re
import shutil
import subprocess
import tempfile
import threading

from busy import Busy, profile
from consumers import LINES_SOURCE, cached
from harness import need_programs, run_scenarios
from processes import DEADLINE_S

# Zooms into the last function drawn, goes back, searches, and writes down what it saw.
PAGE = """<!DOCTYPE html><title>flame</title><pre id="said"></pre><object id="flame" type="image/svg+xml" data="flame.svg"></object>
<script>
document.getElementById('flame').addEventListener('load', function () {
  var svg = this.contentDocument, window = this.contentWindow, said = [];
  window.onerror = function (message) { said.push('error: ' + message); };
  window.prompt = function () { return '^leaf_much$'; };
  var all = Array.from(svg.querySelectorAll('g.f'));
  function shown() { return all.filter(function (g) { return g.style.display !== 'none'; }).length; }
  function click(place) { place.dispatchEvent(new MouseEvent('click', {bubbles: true})); }
  said.push('drawn: ' + shown() + ' of ' + all.length);
  click(all.find(function (g) { return g.dataset.n === 'leaf_some'; }));
  said.push('zoomed: ' + all.filter(function (g) { return g.style.display !== 'none'; }).map(function (g) { return g.dataset.n; }));
  click(svg.getElementById('reset'));
  said.push('whole: ' + shown() + ' of ' + all.length);
  click(svg.getElementById('search'));
  said.push('found: ' + svg.getElementById('found').textContent);
  document.getElementById('said').textContent = said.join('\\n');
});
</script>
"""


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@contextlib.contextmanager
def served(folder):
    """The address of a folder's files."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Silent, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def opened(url, folder):
    """What a page holds when its scripts have done their work, and what they said."""
    done = subprocess.run(
        ["chromium", "--headless=new", "--no-sandbox", "--enable-unsafe-swiftshader", f"--user-data-dir={folder}/browser",
         "--enable-logging=stderr", "--virtual-time-budget=20000", "--dump-dom", url],
        capture_output=True, text=True, timeout=DEADLINE_S,
    )  # fmt: skip
    said = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    assert done.returncode == 0, done.stderr
    assert not [line for line in said if re.search(r"Uncaught|Error|error", line)], "\n".join(said)
    return html.unescape(done.stdout), "\n".join(said)


def both_are_shown():
    need_programs("chromium")
    speedscope = cached("npm/speedscope-*", "scripts/fetch npm speedscope")
    with tempfile.TemporaryDirectory() as directory, Busy("busy_shown", LINES_SOURCE, ("-O2", "-g")) as busy:
        web = pathlib.Path(directory) / "web"
        shutil.copytree(f"{speedscope}/dist/release", web)
        (web / "flame.html").write_text(PAGE)
        profile("-d", 2, "-F", 199, "-p", busy.process.pid, "-o", web / "p.pb.gz", "--flame", web / "flame.svg")
        profile("-d", 2, "-F", 199, "-p", busy.process.pid, "-o", web / "p.txt", "--folded")
        written = {frame for line in (web / "p.txt").read_text().splitlines() for frame in line.rsplit(" ", 1)[0].split(";")}
        with served(web) as address:
            page, said = opened(f"{address}/index.html#profileURL=/p.pb.gz&view=sandwich", directory)
            assert "Importing as protobuf encoded pprof file" in said, said
            # Of several functions at one place it shows the one that the code belongs to; of folded stacks all.
            assert names_in(page) >= {"outer", "main"} and "leaf_much" not in page, page
            page, _ = opened(f"{address}/index.html#profileURL=/p.txt&view=sandwich", directory)
            assert "leaf_much_[i]" in written and names_in(page) >= written, (written, page)
            picture_works(*opened(f"{address}/flame.html", directory))


def names_in(page):
    """What stands between tags."""
    return set(re.findall(r">([^<>]+)<", page))


def picture_works(page, said):
    found = dict(re.findall(r"^(?:.*<pre id=\"said\">)?(\w+): ([^<\n]*)", page, re.MULTILINE))
    drawn, whole = found["drawn"].split(" of "), found["whole"].split(" of ")
    assert drawn[0] == drawn[1] == whole[0] == whole[1] and int(drawn[0]) > 6, (page, said)
    zoomed = found["zoomed"].split(",")
    assert {"all", "busy_shown", "outer", "leaf_some"} <= set(zoomed) and "leaf_much" not in zoomed, (page, said)
    assert 30 < float(found["found"].split("%")[0]) < 90 and "error" not in found, (page, said)


run_scenarios(both_are_shown)
