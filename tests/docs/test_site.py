"""The pages as a site: built with every warning as a failure, and without anything from elsewhere."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def build(builder: str, source: Path, target: Path) -> subprocess.CompletedProcess[str]:
    options = ["--builder", builder, "--fail-on-warning", "--keep-going", "--nitpicky", "--quiet", "--doctree-dir"]
    return subprocess.run(
        [sys.executable, "-m", "sphinx", *options, target / "doctrees", source, target / "site"],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_site_is_built_without_a_warning_and_needs_nothing_from_elsewhere(tmp_path: Path) -> None:
    built = build("html", ROOT / "docs", tmp_path)
    pages = {page.stem: page.read_text() for page in (tmp_path / "site").glob("*.html")}
    loaded = [
        address
        for page in pages.values()
        for tag in re.findall(r"<(?:link|script|img)\b[^>]*>", page)
        for address in re.findall(r'(?:src|href)="([^"]*)"', tag)
    ]

    assert (built.returncode, built.stderr) == (0, "")
    assert pages.keys() >= {page.stem for page in (ROOT / "docs").glob("*.md")}
    assert [address for address in loaded if "//" in address] == []


def test_a_dead_link_and_a_dead_anchor_fail_the_build(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "src" / "magicpak").mkdir(parents=True)
    shutil.copy(ROOT / "src" / "magicpak" / "__init__.py", tmp_path / "src" / "magicpak")
    shutil.copy(ROOT / "docs" / "conf.py", tmp_path / "docs")
    (tmp_path / "docs" / "index.md").write_text("# Page\n\n[one](no-page.md) [two](#no-heading) [three](#page)\n")

    built = build("dummy", tmp_path / "docs", tmp_path)

    assert built.returncode == 1
    assert [line for line in built.stderr.splitlines() if "no-page.md" in line]
    assert [line for line in built.stderr.splitlines() if "no-heading" in line]
    assert "'page'" not in built.stderr
