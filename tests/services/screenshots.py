"""`python -m tests.services.screenshots` makes the pictures of docs/web.md."""

from typing import Any

from playwright.sync_api import Browser

from tests.services.browser import REPOSITORY, Site, Tab, chromium, local_site

IMAGES = REPOSITORY / "docs" / "images"
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
MOBILE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True}
BANNER = {"text": "Internal use only: no personal data", "backgroundColor": "#232f3e", "textColor": "#ffffff"}


def _picture(
    browser: Browser, site: Site, name: str, *, user: str | None = None, path: str = "/", **options: Any
) -> None:
    with Tab.of(browser, locale="en-GB", timezone_id="UTC", reduced_motion="reduce", **options) as tab:
        # The hour of the pictures is always the same; otherwise each run would change them.
        tab.page.clock.install(time="2026-01-05T09:30:00Z")
        if user:
            tab.log_in(site, user)
        else:
            tab.page.goto(f"{site.url}{path}")
            tab.page.get_by_role("button").first.wait_for()
        # A name as it would be, in place of this run's port.
        tab.page.evaluate(
            "([from, to]) => document.querySelectorAll('pre code').forEach((code) => "
            "{ code.textContent = code.textContent.replace(from, to); })",
            [site.url, "https://service.ml.example.com"],
        )
        tab.page.screenshot(path=IMAGES / f"web-{name}.png", full_page=True)


def main() -> None:
    """Takes all pictures."""
    IMAGES.mkdir(exist_ok=True)
    with local_site() as site, chromium() as browser:
        site.config = {**site.default_config(), "banner": BANNER}
        _picture(browser, site, "login", **DESKTOP)
        _picture(browser, site, "platform", user="ada", **DESKTOP)
        _picture(browser, site, "dark", user="ada", color_scheme="dark", **DESKTOP)
        _picture(browser, site, "mobile", user="bob", **MOBILE)
        _picture(browser, site, "refused", path="/?code=x&state=y", **DESKTOP)


if __name__ == "__main__":
    main()
