# SPDX-License-Identifier: MIT
"""The site: what its cells say, where they lead, and that strangers' words do nothing."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.outputs.matrix.folders import Said, cells, files_of, links, results, store
from xdpconform.errors import InputError
from xdpconform.outputs.certificate.folder import certificate
from xdpconform.outputs.inputs import Given, apart, judged, moment
from xdpconform.outputs.matrix import matrix
from xdpconform.profiles import Shelf
from xdpconform.stored import take_recording

if TYPE_CHECKING:
    from tests.outputs.matrix.conftest import Make

RECORDINGS = Path(__file__).parents[3] / "recordings"
HOSTILE = (
    "<script>document.title=1</script>",
    "\"'><img src=x onerror=alert(1)>",
    "../../../../etc/passwd",
    "\u202egnp.exe\u2066",
    "x" * 4096,
    "{{ 7 * 7 }}",
    "",
)


class Tags(HTMLParser, list[str]):
    """The elements of a page, as a browser would see them, and the names of their attributes."""

    def __init__(self, text: str) -> None:
        HTMLParser.__init__(self)
        self.attributes: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One element."""
        self.append(tag)
        self.attributes += [name for name, _value in attrs]


def test_real_recordings(certificates: Path, make: Make) -> None:
    """Certificates of the recordings: every link leads to a file, every NIC is in the table."""
    for path in sorted(RECORDINGS.glob("*.rec.json")):
        for subject in take_recording(path, Shelf()):
            run = judged(subject, moment(subject.recording, path))
            for one in apart(run):
                folder = certificates / path.name
                folder.mkdir(parents=True)
                for name, data in certificate(Given(one, subject.recording)).items():
                    (folder / name).write_bytes(data)
    site = make()
    pages = sorted(site.rglob("*.html"))

    assert len(pages) > 60
    assert [] == [(page, link) for page in pages for link in links(page) if not link.exists()]
    shown = {link.resolve() for page in pages for link in links(page)}
    assert {path.resolve() for path in certificates.rglob("certificate.html")} <= shown
    assert "INCOMPLETE claims" in cells(site / "index.html")["virtio_net"][0] or (
        "CONFORMS claims" in cells(site / "index.html")["virtio_net"][0]
    )


def test_cells(certificates: Path, make: Make) -> None:
    """Each page says of each driver, kernel, requirement and flag what its newest line says."""
    basic = "basic required (profile veth)"
    store(
        certificates / "a",
        results(
            Said("XDP-FEAT-02", param="idle", expected=basic),
            Said("XDP-ACT-01", level="packets"),
            Said("XDP-ACT-02", "waived", level="packets", reason="until 2027: a link"),
            level="packets",
            flags=["basic"],
        ),
    )
    store(
        certificates / "b",
        results(
            Said("XDP-FEAT-02", "fail", "idle", kind="under-claim", expected=basic, reason="lost"),
            Said("XDP-ACT-01", "blocked", level="packets", reason="no peer"),
            kernel="6.6.0",
            verdict="FAILS",
        ),
    )
    tap = results(profile="tun:TAP", driver="tun", verdict="INCOMPLETE", source="mock")
    store(certificates / "c", tap)
    site = make()

    assert {
        "tun:TAP": ["", "INCOMPLETE claims, simulated"],
        "veth": ["FAILS claims", "CONFORMS packets"],
    } == cells(site / "index.html")
    assert {
        "XDP-ACT-01 Title of XDP-ACT-01.": ["u #1", "y"],
        "XDP-ACT-02 Title of XDP-ACT-02.": ["", "a #2"],
        "XDP-FEAT-02 Title of XDP-FEAT-02.": ["n #3", "y"],
    } == cells(site / "driver" / "veth.html")
    notes = ["blocked: no peer", "waived: until 2027: a link", "under-claim: lost"]
    driver = (site / "driver" / "veth.html").read_text()
    assert notes == re.findall(r'<li id="note\d">(.*?)</li>', driver)
    assert {
        "XDP-ACT-01 Title of XDP-ACT-01.": ["", "y"],
        "XDP-ACT-02 Title of XDP-ACT-02.": ["", "a #1"],
        "XDP-FEAT-02 Title of XDP-FEAT-02.": ["y", "y"],
    } == cells(site / "kernel" / "6.12.0.html")
    assert {"tun:TAP": ["", "y"], "veth": ["n #1", "y"]} == cells(
        site / "requirement" / "XDP-FEAT-02.html"
    )
    assert {
        "tun:TAP": ["", "y no profile, not claimed claims"],
        "veth": ["n required, not claimed claims #1", "a required, claimed packets #2"],
    } == cells(site / "flag" / "basic.html")


def test_several_certificates(certificates: Path, make: Make) -> None:
    """A cell leads to the newest, says how many there are, and marks that others differ."""
    for day, outcome in (("01", "fail"), ("02", "pass"), ("03", "pass")):
        started = f"2026-11-{day}T00:00:00Z"
        run = results(Said("XDP-FEAT-02", outcome), started=started, ifname=f"eth{day}")
        store(certificates / day, run)
    site = make()
    page = site / "driver" / "veth.html"
    newest = (certificates / "03" / "certificate.html").resolve()

    assert {"veth": ["CONFORMS claims 3"]} == cells(site / "index.html")
    assert {"veth": ["y ±"]} == cells(site / "requirement" / "XDP-FEAT-02.html")
    assert 'href="driver/veth.html#6.12.0">3<' in (site / "index.html").read_text()
    listed = [link.resolve() for link in links(page) if link.name == "certificate.html"]
    assert [newest, newest] == listed[:2]
    assert 4 == len(listed)
    assert '<h3 id="6.12.0">' in page.read_text()


def test_same_bytes_again(certificates: Path, make: Make) -> None:
    """The same folders give the same bytes, the index too, over a site that is there as well."""
    for place in range(4):
        store(certificates / str(place), results(driver=f"d{place}", kernel=f"6.{place}.0"))
    first = files_of(make())

    assert first == files_of(make())


def test_former_pages_go(certificates: Path, make: Make) -> None:
    """Pages of drivers that are gone are deleted; what the site did not make stays."""
    store(certificates / "a", results(driver="gone"))
    site = make()
    assert (site / "driver" / "gone.html").exists()
    (site / "driver" / "notes.html").write_text("mine")
    (site / "driver" / "link.html").symlink_to("gone.html")
    (site / "mine.html").write_bytes((site / "index.html").read_bytes())
    (certificates / "a").rename(certificates.parent / "a")
    store(certificates / "b", results(driver="here"))
    make()
    names = {path.name for path in (site / "driver").iterdir()}

    assert {"here.html", "notes.html", "link.html"} == names
    assert (site / "mine.html").exists()


@pytest.mark.parametrize("word", HOSTILE, ids=[str(n) for n in range(len(HOSTILE))])
def test_hostile_words(certificates: Path, make: Make, word: str) -> None:
    """Words of strangers are text on every page, whatever they hold, and leave no folder."""
    said = [
        Said("XDP-FEAT-02", "fail", word, kind="mismatch", expected=f"basic {word}", reason=word),
        Said("XDP-ACT-01", "error", word, reason=f"Traceback\n{word}"),
    ]
    names = {"driver": word, "kernel": word, "firmware": word, "ifname": word}
    run = results(*said, **names, profile=f"p:{word}", flags=[word])
    store(certificates / "<i>&'\"#?%" / "b", run)
    site = make()
    around = {path.name for path in site.parent.iterdir()}
    pages = sorted(site.rglob("*.html"))

    assert {"certificates", "site"} == around
    assert [] == [(page, link) for page in pages for link in links(page) if not link.exists()]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        tags = Tags(text)
        assert 1 == tags.count("script"), page
        assert {"img", "i"}.isdisjoint(tags), page
        assert [] == [name for name in tags.attributes if name.startswith(("on", "src"))], page
        assert [] == re.findall("\u202e|\u2066|>49<", text), page
        assert "x" * 500 not in text, page


def test_without_script(certificates: Path, make: Make) -> None:
    """All is in the page itself; its one script is allowed by its digest, and nothing else."""
    store(certificates / "a", results())
    for page in make().rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
        (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
        (policy,) = re.findall(r'Security-Policy" content="([^"]*)"', text)

        assert (
            f"default-src 'none'; style-src 'sha256-{_digest(style)}';"
            f" script-src 'sha256-{_digest(script)}'; base-uri 'none'; form-action 'none'"
        ) == policy
        assert [] == re.findall(r' src=| style=|="https?:|<link|@import|url\(', text)


def _digest(text: str) -> str:
    return b64encode(sha256(text.encode()).digest()).decode()


def test_left_out(tmp_path: Path, certificates: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder left out is named with its reason on the first page, on stderr and in JSON."""
    store(certificates / "a", results())
    (store(certificates / "b<i>", results()) / "results.json").write_bytes(b"{<b>}")
    status = matrix([str(certificates)], str(tmp_path / "site"), as_json=True)
    out, err = capsys.readouterr()
    page = (tmp_path / "site" / "index.html").read_text()
    said = json.loads(out)

    assert 1 == status
    assert {"certificates": 1, "nics": 1, "drivers": 1, "kernels": 1}.items() <= said.items()
    (left,) = said["left-out"]
    assert f"{certificates}/b<i>: left out: {left['reason']}\n" == err
    assert "<code>../certificates/b&lt;i&gt;</code>: results.json is none of" in page
    assert ">1 folder left out<" in page


def test_nothing_left(
    tmp_path: Path, certificates: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where every folder is left out the site says so, and has no table."""
    (store(certificates / "a", results()) / "results.json").write_bytes(b"")

    assert 1 == matrix([str(certificates)], str(tmp_path / "site"), as_json=False)
    assert {} == cells(tmp_path / "site" / "index.html")
    assert "0 certificates" in capsys.readouterr().out


def test_no_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without a certificate is told what one is, and no site is made."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError) as caught:
        matrix(["empty"], "site", as_json=False)

    assert (
        "no certificate in empty: that is a folder with results.json; xdpconform certify writes one"
        == str(caught.value)
    )
    assert ["empty"] == [path.name for path in tmp_path.iterdir()]


def test_site_that_cannot_be(tmp_path: Path, certificates: Path) -> None:
    """Where a file is in the way it says so."""
    store(certificates / "a", results())
    (tmp_path / "site").touch()
    with pytest.raises(InputError) as caught:
        matrix([str(certificates)], str(tmp_path / "site"), as_json=False)

    assert f"{tmp_path}/site: the site cannot be written: File exists" == str(caught.value)


def test_stopped_run(certificates: Path, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is stopped leaves the former index, and every page whole."""
    store(certificates / "a", results())
    site = make()
    before = files_of(site)
    store(certificates / "b", results(driver="other"))
    rendered = []

    def stop(data: bytes) -> bool:
        rendered.append(data)
        return len(rendered) == 4

    from xdpconform.outputs.matrix import site as module

    write = module.write

    def stopping(path: Path, data: bytes) -> None:
        if stop(data):
            raise KeyboardInterrupt
        write(path, data)

    monkeypatch.setattr(module, "write", stopping)
    with pytest.raises(KeyboardInterrupt):
        make()
    after = files_of(site)

    assert before["index.sqlite"] == after["index.sqlite"]
    assert before["index.html"] == after["index.html"]
    assert before.keys() <= after.keys()
    assert [] == [name for name in after if name.startswith(".")]
    assert [] == [n for n, data in after.items() if n.endswith("l") and b"</html>" not in data]
