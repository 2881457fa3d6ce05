"""The weekly reports in the web admin: their page, their list, and each as a download."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest

pytestmark = pytest.mark.system

LIST = "/api/telemetry/reports"
PAGE = "/admin/telemetry/reports"
NAME = "cortex-report-2026-W47-ko.pdf"


@pytest.fixture(scope="module")
def kept(home):
    """Two weeks, one of them in both languages, and what is none."""
    folder = home / "reports"
    folder.mkdir()
    made = ("cortex-report-2026-W46-en.pdf", "cortex-report-2026-W47-en.pdf", NAME)
    for name in made:
        (folder / name).write_bytes(f"%PDF-1.7 {name}".encode())
    (folder / "notes.txt").write_text("mine")
    (folder / "cortex-report-2026-W45-en.pdf").symlink_to(home / "admin.token")
    yield folder
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


def test_the_list_has_the_newest_first(client, kept):
    reports = client.get(LIST).json()["reports"]
    assert [each["name"] for each in reports] == [
        "cortex-report-2026-W47-en.pdf", NAME, "cortex-report-2026-W46-en.pdf",
    ]  # fmt: skip
    assert reports[1]["week"] == "2026-W47"
    assert (reports[1]["from"], reports[1]["to"]) == ("2026-11-16", "2026-11-22")
    assert reports[1]["language"] == "ko"
    assert reports[1]["bytes"] == (kept / NAME).stat().st_size
    assert reports[1]["url"] == f"{LIST}/{NAME}"


def test_each_can_be_downloaded(client, kept):
    answer = client.get(f"{LIST}/{NAME}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/pdf"
    assert f'filename="{NAME}"' in answer.headers["content-disposition"]
    assert answer.content == (kept / NAME).read_bytes()
    head = client.head(f"{LIST}/{NAME}")
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize(
    "name",
    ["../admin.token", "..%2fadmin.token", "%2e%2e%2fcortex.db", "notes.txt", "%00", ".", "..",
     "cortex-report-2026-W45-en.pdf", "cortex-report-2026-W48-en.pdf", "%2fetc%2fpasswd",
     f"{NAME}%00", f"{NAME}/", quote("cortex-report-2026-W47-ko.pdf\n"), "a" * 5000],
)  # fmt: skip
def test_nothing_else_can(client, kept, admin, name):
    token = admin.url.partition("token=")[2]
    answer = client.get(f"{LIST}/{name}")
    assert answer.status_code in {400, 404} or answer.json().keys() == {"reports"}
    assert token not in answer.text
    assert "SQLite format" not in answer.text


def test_strangers_get_nothing(client_of, admin, kept):
    stranger = client_of(admin, signed_in=False)
    for path in (LIST, f"{LIST}/{NAME}", PAGE):
        answer = stranger.get(path)
        assert answer.status_code == 401
        assert b"2026-W47" not in answer.content


@pytest.mark.parametrize(
    ("language", "title", "days"),
    [
        ("en", "Weekly reports", "Nov 16 – 22, 2026"),
        ("ko", "주간 보고서", "2026년 11월 16일 ~ 22일"),
    ],
)
def test_the_page_lists_them_with_a_link_each(client, kept, language, title, days):
    page = client.get(PAGE, params={"lang": language}).text
    assert f"<h1>{title}</h1>" in page
    assert days in page
    links = re.findall(r'href="(/api/telemetry/reports/[^"]+)" download', page)
    assert len(links) == 3
    assert all(client.get(link).content.startswith(b"%PDF") for link in links)
    # The navigation leads here, from every page.
    overview = client.get("/admin/telemetry/overview", params={"lang": language}).text
    assert f'href="{PAGE}"' in overview


def test_without_any_it_says_how_they_come(serve, client_of, tmp_path):
    (tmp_path / "home").mkdir()
    empty = client_of(serve(tmp_path / "home"))
    assert empty.get(LIST).json() == {"reports": []}
    page = empty.get(PAGE, params={"lang": "en"}).text
    assert "There is no report yet" in page
    assert "cortex-otel report" in page
