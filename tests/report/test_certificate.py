"""The certificate: one page, a code that scans, the right words."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pypdfium2
import pytest
import zxingcpp

from cellbench.record.run import RunRecord, read_run
from cellbench.report.certificate import certificate_view
from cellbench.report.certificate_html import render as render_html
from cellbench.report.certificate_pdf import render as render_pdf


def page_of(path: Path) -> pypdfium2.PdfPage:
    document = pypdfium2.PdfDocument(path)
    assert len(document) == 1
    return document[0]


def test_the_code_holds_the_head_hash_and_scans_from_paper(production: RunRecord, tmp_path: Path) -> None:
    page = page_of(render_pdf(production, tmp_path) / "SN-2026-000481.pdf")
    picture = page.render(scale=200 / 72).to_pil()
    # modules of the code can look like a bar code of another kind: what a scanner is told to look for counts
    (code,) = zxingcpp.read_barcodes(picture, formats=zxingcpp.BarcodeFormat.QRCode)
    assert code.format == zxingcpp.BarcodeFormat.QRCode
    assert code.text == (f"cellbench:20261105T080000Z-9d8e7f?unit=SN-2026-000481&verdict=PASS"
                         f"&sha256={production.head}")


def test_the_pdf_says_what_the_record_says(production: RunRecord, tmp_path: Path) -> None:
    text = page_of(render_pdf(production, tmp_path) / "SN-2026-000481.pdf").get_textpage().get_text_range()
    for words in ("PASS", "SN-2026-000481", "351457830026040", "8939107800023416395", "02.01", "18.7 mA",
                  "5 to 30 mA", "marginal", "Signature", "2026-11-05T08:00:00Z", "Simulated rig",
                  production.head[:16], "9 of 9 procedures passed"):
        assert words in text, words


def test_a_failed_unit_names_the_owner_and_the_value(golden: ModuleType, tmp_path: Path) -> None:
    run = read_run(golden.write_production(tmp_path, fail=True))
    view = certificate_view(run, 0)
    assert (view.verdict, view.owner) == ("FAIL", "unit")
    assert view.reason == "current, idle is 41.2 mA, allowed is 5 to 30 mA (limits 8.1)"
    assert [row.value for row in view.measurements if row.judgement == "fail"] == ["41.2 mA"]
    text = page_of(render_pdf(run, tmp_path) / "SN-2026-000481.pdf").get_textpage().get_text_range()
    assert "Owner: unit." in text


@pytest.mark.parametrize("extra", [0, 8, 60])
def test_whatever_was_tested_fits_one_page(golden: ModuleType, tmp_path: Path, extra: int) -> None:
    run = read_run(golden.write_production(tmp_path, fail=True, extra=extra, serial="S" * 60))
    view = certificate_view(run, 0)
    assert (view.omitted == "") == (extra == 0)
    assert "fail" in {row.judgement for row in view.measurements}
    assert "failed" in {row.verdict for rows in view.procedures for row in rows}
    page_of(render_pdf(run, tmp_path) / ("S" * 60 + ".pdf"))


def test_a_cut_run_certifies_nothing(cut: RunRecord) -> None:
    assert all(certificate_view(cut, index).verdict == "FAIL" for index in range(len(cut.units)))


def test_the_html_is_one_file_that_asks_for_nothing(production: RunRecord, tmp_path: Path) -> None:
    text = (render_html(production, tmp_path) / "SN-2026-000481.html").read_text()
    assert "default-src 'none'" in text
    assert "<script" not in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")
    assert "18.7 mA" in text


def test_what_a_module_says_is_text_and_not_markup(golden: ModuleType, tmp_path: Path) -> None:
    run = read_run(golden.write_production(tmp_path, serial="<script>alert(1)</script>#[#panic()]"))
    html = next(render_html(run, tmp_path).glob("*.html")).read_text()
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)" in html
    pdf = next(render_pdf(run, tmp_path).glob("*.pdf"))
    assert "#[#panic()]" in page_of(pdf).get_textpage().get_text_range().replace("\r\n", "")
