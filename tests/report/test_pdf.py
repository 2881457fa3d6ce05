"""The file itself: the same bytes, PDF/UA-1, our fonts alone, and readable in grey."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from patience import PATIENCE

from cortex_otel.show.report.content import content

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent / "verapdf"
BUILT = ROOT / ".stacks" / "verapdf"

pytestmark = pytest.mark.system


@pytest.fixture
def asked(program):
    def ask(name, *arguments):
        done = subprocess.run([program(name), *arguments], capture_output=True, check=True)
        return done.stdout.decode(errors="replace")  # pdfinfo writes titles in UTF-16

    return ask


@pytest.fixture(scope="module")
def validator(program):
    """veraPDF, from Maven's registry; the program that calls it is compiled once."""
    java, compiler, maven = map(program, ("java", "javac", "mvn"))
    BUILT.mkdir(parents=True, exist_ok=True)
    sources = [HERE / "pom.xml", HERE / "Validate.java"]
    wanted = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    with (BUILT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = BUILT / "stamp"
        if not stamp.exists() or stamp.read_text() != wanted:
            try:
                subprocess.run(
                    [maven, "-q", "-B", "-f", HERE / "pom.xml", "dependency:copy-dependencies",
                     f"-DoutputDirectory={BUILT}"],
                    check=True, capture_output=True, timeout=600,
                )  # fmt: skip
            except (subprocess.SubprocessError, OSError) as error:
                what = f"veraPDF can't be had: {error}"
                if os.environ.get("CORTEX_REQUIRE_ALL") == "1":
                    pytest.fail(what)
                pytest.skip(f"{what} (CORTEX_REQUIRE_ALL=1 makes this a failure)")
            subprocess.run(
                [compiler, "-cp", f"{BUILT}/*", "-d", BUILT, HERE / "Validate.java"], check=True
            )
            stamp.write_text(wanted)
    # One short run: optimizing compilers and parallel collectors cost more than they save.
    return [java, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", f"{BUILT}/*:{BUILT}",
            "Validate"]  # fmt: skip


def test_it_is_pdf_ua(files, validator):
    done = subprocess.run(
        [*validator, *files.values()],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE * (1 + len(files)),  # it starts once, and says a line for each
    )
    told = [line for line in done.stdout.splitlines() if not line.startswith("  ")]
    assert told == [f"{path} compliant" for path in files.values()], done.stdout + done.stderr
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("language", ["en", "ko"])
def test_it_can_be_read_aloud(files, full_week, asked, language):
    path = files[f"full-{language}"]
    info = asked("pdfinfo", path)
    assert re.search(r"Title: .*2026-W11", info)
    assert re.search(r"Tagged:\s+yes", info)
    raw = path.read_bytes()
    assert re.search(rf"/Lang ?\({language}\)".encode(), raw)
    kinds = Counter(re.findall(r"^ *(\w+)", asked("pdfinfo", "-struct", path), re.MULTILINE))
    assert kinds["H1"] == 1
    assert kinds["H2"] == 6
    assert kinds["Figure"] == 5, "a chart each"
    assert kinds["Table"] == 5
    assert kinds["LI"] == 5, "five sentences"
    assert kinds["TH"] >= 25
    # What a chart shows is said in words, with each number of it.
    facts = full_week[language][0]
    said = content(facts, language)
    charts = [
        *said["use"]["charts"],
        *(item["chart"] for item in said["targets"]["items"]),
        said["growth"]["chart"],
    ]
    assert len(re.findall(rb"/Alt ?[(<]", raw)) == len(charts)
    for chart in charts:
        begins = chart["alt"][:16]
        in_utf_16 = begins.encode("utf-16-be").hex().upper()
        is_there = begins.encode() in raw or in_utf_16.encode() in raw
        assert is_there, begins
    days = [row["users"] for row in facts.answers["days"].rows[7:]]
    for label, users in zip(charts[0]["labels"], days, strict=True):
        assert f"{label} {users}" in charts[0]["alt"]


def test_pages_and_fonts(files, asked):
    for path in files.values():
        info = asked("pdfinfo", path)
        assert int(re.search(r"Pages:\s+(\d+)", info)[1]) <= 2
        assert "A4" in info
        fonts = asked("pdffonts", path).splitlines()[2:]
        assert len(fonts) == 2
        for line in fonts:
            assert re.match(r"[A-Z]{6}\+CortexReport(Regular|SemiBold)", line), line
            assert " yes yes yes " in line, "embedded, cut down, and with its letters for search"
        assert path.stat().st_size < 200_000


def test_the_same_data_give_the_same_bytes(full_week, population, tmp_path):
    """Also on another day, in another process, zone, language and place."""
    _, mine, _ = full_week["en"]
    home = tmp_path / "elsewhere"
    home.mkdir()
    shutil.copy(population, home / "cortex.db")
    for name in ("-wal", "-shm"):
        if (side := population.with_name(f"{population.name}{name}")).exists():
            shutil.copy(side, home / f"cortex.db{name}")
    environment = {
        **os.environ, "TZ": "Pacific/Auckland", "LC_ALL": "C", "SOURCE_DATE_EPOCH": "1",
        "CORTEX_OTEL_HOME": str(home), "CORTEX_OTEL_TIME_ZONE": "Asia/Seoul",
        "CORTEX_OTEL_LANG": "ko",
    }  # fmt: skip
    command = [sys.executable, "-P", "-m", "cortex_otel.cli", "report", "--week", "2026-W11",
               "--lang", "en"]  # fmt: skip
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).read_bytes() == mine


def test_series_differ_without_colour(full_week):
    """Each series of a chart has a form of its own: solid, pale, hatched; drawn through, dashed."""
    said = content(full_week["en"][0], "en")
    for chart in said["use"]["charts"]:
        forms = [series["form"] for series in chart["series"]]
        assert len(set(forms)) == len(forms) >= 2
