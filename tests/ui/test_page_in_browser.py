"""The page in headless Chromium, where that and playwright are installed."""

import shutil

import pytest

PLAIN = "$x$ <b>plain</b>"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
SECONDS = 60_000  # milliseconds, for a busy machine

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason=f"this machine has no {' or '.join(NAMES)}"),
]
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")


def test_upload_threshold_and_gates(address, photo):
    requests, dialogs = [], []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(SECONDS)
        page.on("request", lambda request: requests.append(request.url))
        page.on("dialog", lambda dialog: dialogs.append(dialog.message) or dialog.dismiss())
        page.goto(address)
        page.set_input_files("input[type=file]", photo)
        page.get_by_text('"cat"').first.wait_for()
        page.get_by_label("Show the gates of its attention").check()
        page.get_by_alt_text("Gates at each site").wait_for()
        lowest = page.locator("input[type=number]")
        lowest.fill("1")
        lowest.press("Enter")
        page.get_by_text('"cat"').first.wait_for(state="detached")
        # Names that would be markup are text, in the list of networks and in what is found.
        page.get_by_label("Network").click()
        page.get_by_role("option").filter(has_text=PLAIN).click()
        lowest.fill("0")
        lowest.press("Enter")
        page.get_by_text("onerror=alert").first.wait_for()
        browser.close()
    assert not dialogs
    foreign = [url for url in requests if not url.startswith((address, "data:", "blob:"))]
    assert not foreign, "it asks no other host"
