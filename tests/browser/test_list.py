"""The list of instances, used as a person uses it."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import Watched
from tests.helpers.browsed_store import EXCLUDED, FILLERS, REJECTED, VERIFIED

ALL = FILLERS + 4


def _ids(watched: Watched) -> list[str]:
    return watched.page.locator("#body a").all_inner_texts()


def _count(watched: Watched) -> str:
    return watched.page.inner_text("#count")


def test_all_candidates_are_counted_and_only_those_in_view_are_in_the_page(
    watched: Watched,
) -> None:
    page = watched.open_list()
    assert _count(watched) == f"{ALL:,} candidates"
    assert _ids(watched)[:4] == [f"owner__name-{it}" for it in (7, 8, 9, 10)]
    assert len(_ids(watched)) < 60
    assert page.get_attribute("#rows", "aria-rowcount") == str(ALL + 1)
    watched.keep("list")


def test_words_are_searched_in_ids_titles_repositories_and_reasons(watched: Watched) -> None:
    page = watched.open_list()
    for text, expected in (
        ("CHANGE 399 many", ["second__project-399"]),
        ("owner/name#7", [VERIFIED]),
        ("flaky-tests", [REJECTED]),
        ("newer packages", [EXCLUDED]),
        ("no such thing", []),
    ):
        page.fill("#q", text)
        assert _ids(watched) == expected
        number = f"{len(expected)} of {ALL:,} candidates"
        assert _count(watched) == number


def test_filters_are_joined_and_stand_in_the_address(watched: Watched) -> None:
    page = watched.open_list()
    page.select_option("#repo", "owner/name")
    page.select_option("#state", "verified")
    assert _ids(watched) == [VERIFIED]
    assert page.url.endswith("#repo=owner%2Fname&state=verified")
    page.go_back()
    expect(page.locator("#body a")).to_have_count(4)
    assert page.input_value("#state") == ""
    page.go_forward()
    expect(page.locator("#body a")).to_have_count(1)
    assert page.input_value("#state") == "verified"


def test_each_filter_finds_what_it_names(watched: Watched) -> None:
    page = watched.open_list()
    for name, value, expected in (
        ("reason", "excluded/manual", [EXCLUDED]),
        ("state", "excluded", [EXCLUDED]),
        ("state", "rejected", [REJECTED]),
        ("python", "3.11", [EXCLUDED]),
        ("strength", "0.5", [VERIFIED, EXCLUDED]),
        ("f2p", "1-1", [VERIFIED, EXCLUDED]),
    ):
        page.select_option(f"#{name}", value)
        assert _ids(watched) == expected, name
        page.click("button[type=reset]")
    page.select_option("#year", "2020")
    assert _count(watched).startswith("36 of")


def test_a_link_with_filters_shows_what_it_showed(watched: Watched) -> None:
    page = watched.open_list("#q=change&sort=created&dir=desc")
    assert page.input_value("#q") == "change"
    assert _ids(watched)[0] == f"second__project-{FILLERS}"
    header = page.locator("th[aria-sort]")
    assert header.get_attribute("aria-sort") == "descending"
    assert header.inner_text().startswith("Opened")


def test_headers_sort_both_ways_and_what_is_unknown_comes_last(watched: Watched) -> None:
    page = watched.open_list()
    page.click("th[data-key=python] button")
    assert _ids(watched)[:3] == [VERIFIED, REJECTED, EXCLUDED]
    page.click("th[data-key=python] button")
    assert _ids(watched)[:3] == [EXCLUDED, VERIFIED, REJECTED]
    page.click("th[data-key=created] button")
    assert _ids(watched)[0] == "second__project-1"


def test_the_last_row_is_reached_by_scrolling(watched: Watched) -> None:
    page = watched.open_list()
    page.evaluate("document.getElementById('viewport').scrollTop = 1e9")
    expect(page.locator("#body a").last).to_have_text(f"second__project-{FILLERS}")


def test_keys_lead_from_search_to_a_row_and_back(watched: Watched) -> None:
    page = watched.open_list()
    page.keyboard.press("/")
    page.keyboard.type("change 39")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    focused = page.evaluate("document.activeElement.textContent")
    assert focused == _ids(watched)[1]
    page.keyboard.press("Enter")
    page.wait_for_selector("#statement")
    page.go_back()
    expect(page.locator("#q")).to_have_value("change 39")


def test_back_returns_to_the_place_in_the_list(watched: Watched) -> None:
    page = watched.open_list()
    page.evaluate("document.getElementById('viewport').scrollTop = 5200")
    link = page.get_by_role("link", name="second__project-100", exact=True)
    link.click()
    page.wait_for_selector("#statement")
    page.go_back()
    expect(link).to_be_in_viewport()


def test_nothing_is_wider_than_a_telephone(watched: Watched) -> None:
    watched.page.set_viewport_size({"width": 360, "height": 740})
    page = watched.open_list()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    watched.keep("list-360")


def test_rows_are_printed_without_a_frame_and_the_rest_is_counted(watched: Watched) -> None:
    page = watched.open_list()
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert len(_ids(watched)) == ALL
    page.emulate_media(media="print")
    assert page.locator("#filters").is_hidden()
    assert page.evaluate("document.getElementById('viewport').clientHeight") > ALL * 40
    page.emulate_media(media="null")
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert len(_ids(watched)) < 60
    pdf = page.pdf()
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) > 5
