"""The page of an instance, and what hostile texts may not do to it."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Watched
from tests.helpers.browsed_store import EXCLUDED, FIX, HOSTILE, LOG_END, REJECTED, VERIFIED


def test_a_verified_instance_shows_statement_patches_runs_and_environment(watched: Watched) -> None:
    page = watched.open_instance(VERIFIED)
    expect(page.locator(".verdict .state")).to_have_text("verified")
    assert page.locator(".patch").count() == 2
    left, right = (page.locator(".patches > div").nth(it).bounding_box() for it in (0, 1))
    assert left and right and left["y"] == right["y"] and left["x"] < right["x"]
    assert FIX in page.locator(".patch .added").first.inner_text()
    assert page.locator(".patch .added i.k").first.inner_text() == "return"
    rows = page.locator("table.grid tbody tr")
    assert rows.nth(0).inner_text().split() == [
        "FAIL_TO_PASS",
        "test_parser.py::test_fix",
        *"FFFPPP",
    ]
    assert rows.nth(1).inner_text().split() == ["flaky", "test_parser.py::test_flaky", *"PEEPEE"]
    assert page.get_by_text("Left out: 960 PASS_TO_PASS.").is_visible()
    assert page.get_by_text(f"curate validate {VERIFIED}", exact=True).is_visible()
    assert page.get_by_text("1 of 2 hunks").is_visible()
    watched.keep("verified")


def test_the_fix_is_marked_where_the_statement_tells_it(watched: Watched) -> None:
    page = watched.open_instance(EXCLUDED)
    assert page.locator(".prose em").inner_text() == "loses"
    assert page.locator(".prose mark").all_inner_texts() == [FIX]
    assert page.get_by_text("leak: gold-lines in problem_statement").is_visible()


def test_locks_are_compared_with_the_neighbours(watched: Watched) -> None:
    page = watched.open_instance(REJECTED)
    expect(page.locator("h3 a")).to_have_text([VERIFIED, EXCLUDED])
    page.locator("h3 a").nth(1).click()
    expect(page.locator(".verdict .id")).to_have_text(EXCLUDED)
    page.go_back()
    expect(page.locator(".verdict .id")).to_have_text(REJECTED)


def test_a_rejected_candidate_says_why_and_ends_with_its_log(watched: Watched) -> None:
    page = watched.open_instance(REJECTED)
    assert page.locator("#rejection ~ pre").first.inner_text() == "1 flaky test <b>bold</b>"
    assert LOG_END in page.inner_text("pre.log")
    assert page.get_by_text(f"curate validate --retry-rejected {REJECTED}").is_visible()
    watched.keep("rejected")


def test_an_excluded_instance_says_why(watched: Watched) -> None:
    page = watched.open_instance(EXCLUDED)
    assert "manual its issue is a question" in page.inner_text(".warning-notice")


def test_a_page_is_also_found_by_the_fragment_and_an_unknown_one_is_told(watched: Watched) -> None:
    page = watched.open(f"instance.html#{VERIFIED}")
    expect(page.locator(".verdict .id")).to_have_text(VERIFIED)
    for name in ("nobody__nothing-1", "second__project-9999", "%3Cimg%20src=x%3E", "-", "zzz"):
        page = watched.open(f"instance.html?id={name}")
        expect(page.locator("#instance [role=status]")).to_contain_text(
            "is no candidate of this report"
        )


def test_hostile_texts_are_shown_and_do_nothing(watched: Watched) -> None:
    page = watched.open_instance(HOSTILE)
    page.locator("summary").first.click()
    page.get_by_text("click me", exact=True).first.click()
    assert page.evaluate("window.wasRun") is None
    tags = page.locator(".prose").locator("img, script, style, iframe, object, form, svg, base")
    assert tags.count() == 0
    assert page.locator(".prose").locator("[style], [id], [onclick], [onerror]").count() == 0
    assert page.locator("body").is_visible()
    schemes = page.eval_on_selector_all(
        ".prose a[href]", "all => all.map(it => [it.protocol, it.rel])"
    )
    assert {tuple(it) for it in schemes} <= {
        ("http:", "noopener noreferrer nofollow"),
        ("https:", "noopener noreferrer nofollow"),
    }
    assert page.locator("a[href='http://tracker.example/huge.png']").count() >= 1
    assert page.get_by_text("more characters are left out").count() >= 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    boxes = page.evaluate(
        "[...document.querySelectorAll('.prose')].map(it => it.scrollWidth <= it.clientWidth + 1)"
    )
    assert all(boxes)
    watched.keep("hostile")


def test_a_hostile_title_is_text_in_list_and_page(watched: Watched) -> None:
    page = watched.open_list("#q=hostile")
    assert page.inner_text(".row-title").startswith("<img src=x onerror=alert(1)></script>")
    page = watched.open_list("#q=gnp.exe")
    assert "[U+202E]gnp.exe" in page.inner_text(".row-title")


@pytest.mark.parametrize("name", [VERIFIED, REJECTED, HOSTILE])
def test_nothing_is_wider_than_a_telephone(watched: Watched, name: str) -> None:
    watched.page.set_viewport_size({"width": 360, "height": 740})
    page = watched.open_instance(name)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    top, bottom = (page.locator(".patches > div").nth(it).bounding_box() for it in (0, 1))
    assert top and bottom and top["x"] == bottom["x"]
    watched.keep(f"{name}-360")


def test_the_whole_page_is_printed(watched: Watched) -> None:
    page = watched.open_instance(VERIFIED)
    page.emulate_media(media="print")
    assert page.locator("nav").is_hidden()
    assert page.evaluate("getComputedStyle(document.querySelector('.tall')).overflow") == "visible"
    assert page.pdf().startswith(b"%PDF")
