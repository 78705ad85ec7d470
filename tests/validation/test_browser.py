"""Reports in a real browser, without a network: what a reader sees, and what a printer gets."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from validation.samples import small_model

from morphgen.validation import Comparison
from morphgen.validation.judgements import comparison_verdict, quantity_table
from morphgen.validation.pages import Chapter, Document, table
from morphgen.validation.passages import misfit_table
from morphgen.validation.writing import write_report

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs chromium, from the Linux system")

OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)
# tells widths, images that could not be shown, and what lies elsewhere; reports have no script
PROBE = """<script>addEventListener("load", () => {
const page = document.documentElement;
const cells = [...document.querySelectorAll("td, th, p, li, figcaption, h1, h2")];
const images = [...document.images];
const result = {
  wide: page.scrollWidth - page.clientWidth,
  scrolled: [...document.querySelectorAll(".scroll")].filter(
    one => one.scrollWidth > one.clientWidth).length,
  cut: cells.filter(one => one.scrollWidth > one.clientWidth + 1).length,
  broken: images.filter(one => !one.complete || !one.naturalWidth).length,
  images: images.length,
  silent: images.filter(one => one.alt.length < 20).length,
  outside: [...document.querySelectorAll("[src], [href], [srcset], [data]")].filter(
    one => !(one.src || "").startsWith("data:")).length};
page.setAttribute("data-found", JSON.stringify(result));
});</script>"""
LONG = "a phase with quite a long name"


def browse(folder: Path, page: Path, *request: str) -> str:
    """Run the browser on a page; a profile of its own, so that nothing is kept."""
    assert BROWSER is not None
    options = (*OPTIONS, f"--user-data-dir={folder / 'profile'}")
    run = subprocess.run(
        [BROWSER, *options, *request, page.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def probe(folder: Path, page: Path, width: int) -> dict[str, int]:
    """What the probe tells of a page in a window so many pixels wide."""
    watched = folder / "watched.html"
    watched.write_text(page.read_text(encoding="utf-8").replace("</head>", PROBE + "</head>"))
    text = browse(folder, watched, "--dump-dom", f"--window-size={width},900")
    found = re.search(r'data-found="([^"]*)"', text)
    assert found is not None
    return {name: int(value) for name, value in re.findall(r"&quot;(\w+)&quot;:(\d+)", found[1])}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, report: Document) -> Path:
    file = tmp_path_factory.mktemp("report") / "report.html"
    write_report(file, report)
    return file


def test_a_page_is_shown_whole(page: Path, tmp_path: Path) -> None:
    found = probe(tmp_path, page, 1200)
    assert found["images"] >= 7
    assert {name: found[name] for name in found if name != "images"} == {
        "wide": 0,
        "scrolled": 0,
        "cut": 0,
        "broken": 0,
        "silent": 0,
        "outside": 0,
    }


def test_a_narrow_screen_scrolls_tables_alone(page: Path, tmp_path: Path) -> None:
    found = probe(tmp_path, page, 500)
    assert (found["wide"], found["cut"], found["broken"]) == (0, 0, 0)


def test_long_names_fit(comparison: Comparison, tmp_path: Path) -> None:
    model = small_model(names=(f"{LONG} 1", f"{LONG} 2", f"{LONG} 3"))
    tables = [table(quantity_table(comparison, model)), table(misfit_table(comparison, model))]
    verdict = comparison_verdict(comparison, model)
    page = tmp_path / "report.html"
    write_report(page, Document("Long", "Names.", verdict, [Chapter("Tables", tables)]))
    found = probe(tmp_path, page, 1200)
    assert (found["wide"], found["cut"]) == (0, 0)


def test_a_screenshot_shows_verdict_and_sections(page: Path, tmp_path: Path) -> None:
    shot = tmp_path / "shot.png"
    browse(tmp_path, page, f"--screenshot={shot}", "--window-size=1200,1000")
    pixels = np.asarray(Image.open(shot).convert("RGB")).reshape(-1, 3)
    colors, counts = np.unique(pixels, axis=0, return_counts=True)
    seen = {tuple(color): int(count) for color, count in zip(colors.tolist(), counts, strict=True)}
    # the colours of the phases, and white paper
    for color in ((0, 0, 0), (230, 159, 0), (86, 180, 233), (255, 255, 255)):
        assert seen[color] > 10_000


def test_it_prints_on_pages(page: Path, tmp_path: Path) -> None:
    paper = tmp_path / "report.pdf"
    browse(tmp_path, page, f"--print-to-pdf={paper}", "--no-pdf-header-footer")
    pdf = paper.read_bytes()
    assert pdf.startswith(b"%PDF")
    assert 5 <= len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 14
    assert len(re.findall(rb"/Subtype\s*/Image", pdf)) >= 3


def test_the_probe_sees_what_is_wrong(tmp_path: Path) -> None:
    png = base64.b64encode(b"no image").decode()
    page = tmp_path / "bad.html"
    page.write_text(
        "<!DOCTYPE html><html><head></head><body><p style='width: 3000px'>wide</p>"
        f"<img src='data:image/png;base64,{png}'><img src='absent.png' alt='x'></body></html>"
    )
    found = probe(tmp_path, page, 1200)
    assert found["wide"] > 1000
    assert (found["broken"], found["silent"], found["outside"]) == (2, 2, 1)
