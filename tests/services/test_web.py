"""The platform's page in a real browser, with the headers that CloudFront sends, against a real login service."""

import base64
import json
import re
import time
from collections.abc import Generator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Error, Page, Route, expect

from lib.web_headers import content_security_policy, security_headers
from tests.services.browser import BOB, MALLORY, MARKUP, Site, Tab, chromium, demand_chromium, local_site, s256
from tests.services.processes import PATIENCE

pytestmark = pytest.mark.filterwarnings("ignore:get_jwt_config:DeprecationWarning")

PROBLEM = "main .problem h1"
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

expect.set_options(timeout=PATIENCE * 1000)


@pytest.fixture(scope="module")
def browser() -> Generator[Browser]:
    """One for all; its event loop must not outlast this module."""
    demand_chromium()
    with chromium() as made:
        yield made


@pytest.fixture(scope="module")
def running_site() -> Generator[Site]:
    with local_site() as made:
        yield made


@pytest.fixture
def site(running_site: Site) -> Site:
    """The page, as deployed."""
    running_site.reset()
    return running_site


@pytest.fixture
def tab(browser: Browser, site: Site) -> Generator[Tab]:
    """A tab, in which nothing may have broken the content security policy or gone elsewhere."""
    with Tab.of(browser) as made:
        yield made
        # Answers with an error status are what some tests are about.
        assert [error for error in made.errors if not error.startswith("Failed to load resource")] == []
        assert made.strangers == []


def heading(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(text)


def problem(page: Page, title: str, way_out: str) -> None:
    """The page shows this error, has moved the focus to it, and offers one way out."""
    expect(page.locator(PROBLEM)).to_have_text(title)
    expect(page.locator(PROBLEM)).to_be_focused()
    expect(page.locator("main").get_by_role("button")).to_have_text([way_out])


def ratio(page: Page, selector: str) -> float:
    """Contrast of an element's text with its own ground (WCAG 2)."""
    style: dict[str, str] = page.locator(selector).first.evaluate(
        "element => (({color, backgroundColor}) => ({color, backgroundColor}))(getComputedStyle(element))"
    )

    def luminance(color: str) -> float:
        channels = [int(part) / 255 for part in re.findall(r"\d+", color)[:3]]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted(luminance(color) for color in style.values())
    return (light + 0.05) / (dark + 0.05)


def test_login_sends_the_verifier_and_leaves_no_code_in_the_address(tab: Tab, site: Site) -> None:
    asked: list[str] = []
    tab.page.on("request", lambda request: asked.append(request.url))
    tab.log_in(site)
    heading(tab.page, "Hello, Ada Lovelace")
    expect(tab.page.get_by_text("ada@example.com")).to_be_visible()
    expect(tab.page.get_by_role("tabpanel", name="Shell")).to_contain_text(f"make login CONFIG={site.url}\n")
    assert tab.page.url == f"{site.url}/"
    [authorize] = [parse_qs(urlsplit(url).query) for url in asked if "/oauth2/authorize?response_type=code" in url][:1]
    exchange = site.login.requests[-1]
    assert authorize["code_challenge"] == [s256(exchange["code_verifier"])]
    assert len(exchange["code_verifier"]) >= 43
    assert exchange["redirect_uri"] == f"{site.url}/"
    assert exchange.keys() == {"grant_type", "client_id", "code", "redirect_uri", "code_verifier"}
    assert exchange["code_verifier"] not in "".join(asked)
    # Neither the history nor what outlives the tab holds anything of the login.
    assert tab.page.evaluate("localStorage.length") == 0
    assert tab.context.cookies(site.url) == []
    assert "mlplatform.pending" not in tab.stored()


def test_a_reload_keeps_the_session_and_another_tab_has_none(tab: Tab, site: Site) -> None:
    tab.enter(site)
    exchanges = len(site.login.requests)
    tab.page.reload()
    heading(tab.page, "Hello, Ada Lovelace")
    assert len(site.login.requests) == exchanges
    other = tab.context.new_page()
    other.goto(f"{site.url}/")
    expect(other.get_by_role("button", name="Log in")).to_be_visible()


@pytest.mark.parametrize("begun", [False, True], ids=["not-begun", "begun"])
@pytest.mark.parametrize("answer", ["code=stolen", "error=x&error_description=Call+0800+now"], ids=["code", "error"])
def test_an_answer_with_another_state_is_refused_and_not_shown(tab: Tab, site: Site, begun: bool, answer: str) -> None:
    if begun:
        tab.page.goto(f"{site.url}/")
        tab.page.get_by_role("button", name="Log in").click()
        tab.page.get_by_role("button", name="ada", exact=True).wait_for()
    exchanges = len(site.login.requests)
    tab.page.goto(f"{site.url}/?{answer}&state=foreign")
    problem(tab.page, "The login could not be verified", "Log in again")
    expect(tab.page.get_by_text("0800")).to_have_count(0)
    assert tab.query() == {}
    assert tab.stored() == {}
    assert len(site.login.requests) == exchanges


def test_a_code_is_worth_nothing_without_its_verifier(tab: Tab, site: Site) -> None:
    tab.page.goto(f"{site.url}/")
    tab.page.get_by_role("button", name="Log in").click()

    def other_verifier(route: Route) -> None:
        body = re.sub(r"code_verifier=[^&]+", f"code_verifier={'x' * 43}", route.request.post_data or "")
        route.continue_(post_data=body)

    tab.page.route("**/oauth2/token", other_verifier)
    tab.page.get_by_role("button", name="ada", exact=True).click()
    problem(tab.page, "The login was refused", "Log in again")
    expect(tab.page.locator(".detail")).to_have_text("invalid_grant")
    assert tab.stored() == {}


def test_an_id_token_for_someone_else_is_refused(tab: Tab, site: Site) -> None:
    good = {
        "iss": site.login.url,
        "aud": site.login.client_id,
        "sub": "ada",
        "nonce": "n",
        "exp": int(time.time()) + 60,
        "name": "Zoë",
    }
    cases: list[tuple[dict[str, Any] | None, str]] = [
        ({"iss": "https://elsewhere.example.com"}, "another issuer"),
        ({"aud": "another-client"}, "another client"),
        ({"aud": [site.login.client_id, "another-client"]}, "another client"),
        ({"nonce": "of-another-login"}, "not from this login"),
        ({"nonce": None}, "not from this login"),
        ({"exp": int(time.time()) - 600}, "expired"),
        ({"exp": None}, "expired"),
        (None, "cannot be read"),
        ({}, ""),
    ]
    answer: dict[str, Any] = {"access_token": "a", "expires_in": 3600, "token_type": "Bearer"}
    tab.page.route(
        "**/oauth2/token", lambda route: route.fulfill(json=answer, headers={"Access-Control-Allow-Origin": "*"})
    )
    tab.page.goto(f"{site.url}/")
    for claims, reason in cases:
        payload = base64.urlsafe_b64encode(json.dumps({**good, **(claims or {})}).encode()).rstrip(b"=").decode()
        answer["id_token"] = "nonsense" if claims is None else f"e30.{payload}.e30"
        tab.page.evaluate(
            "pending => sessionStorage.setItem('mlplatform.pending', pending)",
            json.dumps({"state": "s", "nonce": "n", "verifier": "v"}),
        )
        tab.page.goto(f"{site.url}/?code=c&state=s")
        if reason:
            problem(tab.page, "The login could not be verified", "Log in again")
            expect(tab.page.locator(".detail")).to_contain_text(reason)
            assert tab.stored() == {}
    # The last one was good, but for the API, which has not heard of its access token.
    problem(tab.page, "Your session has ended", "Log in again")


def test_a_refused_login_says_why_and_how_to_go_on(tab: Tab, site: Site) -> None:
    tab.page.goto(f"{site.url}/")
    tab.page.get_by_role("button", name="Log in").click()
    tab.page.get_by_role("button", name="Deny").click()
    problem(tab.page, "The login was refused", "Log in again")
    expect(tab.page.locator(".detail")).to_contain_text("access_denied")
    assert tab.query() == {}
    tab.page.get_by_role("button", name="Log in again").click()
    tab.page.get_by_role("button", name="ada", exact=True).click()
    heading(tab.page, "Hello, Ada Lovelace")


def test_the_token_is_renewed_before_it_ends(tab: Tab, site: Site) -> None:
    tab.page.clock.install()
    tab.log_in(site)
    first, until = tab.stored()["mlplatform.tokens"], tab.page.locator("time").get_attribute("datetime")
    tab.page.clock.fast_forward("58:30")
    assert tab.stored()["mlplatform.tokens"] == first
    with tab.page.expect_response("**/oauth2/token"):
        tab.page.clock.fast_forward("01:00")
    expect(tab.page.locator("time")).not_to_have_attribute("datetime", until or "")
    assert site.login.requests[-1]["grant_type"] == "refresh_token"
    before, after = json.loads(first), json.loads(tab.stored()["mlplatform.tokens"])
    assert after["access"] != before["access"]
    assert after["refresh"]
    heading(tab.page, "Hello, Ada Lovelace")


def test_a_session_that_was_ended_elsewhere_ends_here(tab: Tab, site: Site) -> None:
    tab.page.clock.install()
    tab.enter(site)
    site.login.revoked.append(json.loads(tab.stored()["mlplatform.tokens"])["refresh"])
    tab.page.clock.fast_forward("59:30")
    problem(tab.page, "Your session has ended", "Log in again")
    assert tab.stored() == {}
    expect(tab.page.get_by_role("button", name="Log out")).to_be_hidden()


def test_a_token_that_the_api_refuses_is_renewed_once(tab: Tab, site: Site) -> None:
    tab.enter(site)
    site.login.issued.pop(json.loads(tab.stored()["mlplatform.tokens"])["access"])
    tab.page.reload()
    heading(tab.page, "Hello, Ada Lovelace")
    tab.page.route("**/api/me", lambda route: route.fulfill(status=401, json={}))
    tab.page.reload()
    problem(tab.page, "Your session has ended", "Log in again")
    assert tab.stored() == {}


def test_while_the_login_service_is_away_a_token_serves_to_its_end(tab: Tab, site: Site) -> None:
    tab.page.clock.install()
    tab.enter(site)
    tab.page.route("**/oauth2/token", lambda route: route.abort())
    tab.page.clock.fast_forward("59:10")
    heading(tab.page, "Hello, Ada Lovelace")
    tab.page.clock.fast_forward("01:10")
    problem(tab.page, "The login service does not answer", "Try again")
    tab.page.unroute("**/oauth2/token")
    tab.page.get_by_role("button", name="Try again").click()
    heading(tab.page, "Hello, Ada Lovelace")


@pytest.mark.parametrize("how", ["error", "gone", "not-json", "of-another"])
def test_without_the_api_the_addresses_are_still_shown(tab: Tab, site: Site, how: str) -> None:
    answers = {
        "error": lambda route: route.fulfill(status=500, json={}),
        "gone": lambda route: route.abort(),
        "of-another": lambda route: route.fulfill(json={"subject": "eve", "groups": ["admin"]}),
        "not-json": lambda route: route.fulfill(status=200, body="<html></html>"),
    }
    tab.page.route("**/api/me", answers[how])
    tab.enter(site)
    expect(tab.page.get_by_role("alert")).to_contain_text("The platform's API does not answer.")
    expect(tab.page.get_by_text("https://mlflow.ml.example.com", exact=True)).to_be_visible()
    expect(tab.page.get_by_role("link", name="Cognito users")).to_have_count(0)
    tab.page.unroute("**/api/me")
    tab.page.get_by_role("button", name="Try again").click()
    heading(tab.page, "Hello, Ada Lovelace")
    expect(tab.page.get_by_role("alert")).to_be_hidden()


@pytest.mark.parametrize("missing", [None, "webClientId"])
def test_without_its_configuration_the_page_says_so(tab: Tab, site: Site, missing: str | None) -> None:
    site.config = {**site.default_config(), missing: None} if missing else None
    tab.page.goto(f"{site.url}/")
    problem(tab.page, "The page has no configuration", "Try again")
    expect(tab.page.locator(".detail")).to_have_text(f"missing: {missing}" if missing else "status 403")
    site.reset()
    tab.page.get_by_role("button", name="Try again").click()
    expect(tab.page.get_by_role("button", name="Log in")).to_be_visible()


def test_logout_ends_the_session_everywhere(tab: Tab, site: Site) -> None:
    tab.log_in(site)
    refresh = json.loads(tab.stored()["mlplatform.tokens"])["refresh"]
    with tab.page.expect_request(re.compile("/logout")) as asked:
        tab.page.get_by_role("button", name="Log out").click()
    expect(tab.page.get_by_role("button", name="Log in")).to_be_visible()
    query = parse_qs(urlsplit(asked.value.url).query)
    assert query == {"client_id": [site.login.client_id], "logout_uri": [f"{site.url}/"]}
    assert refresh in site.login.revoked
    assert tab.stored() == {}
    tab.page.go_back()
    expect(tab.page.get_by_text("ada@example.com")).to_have_count(0)


def test_who_comes_by_another_name_is_led_to_the_one_that_login_knows(tab: Tab, site: Site) -> None:
    tab.page.goto(site.url.replace("localhost", "127.0.0.1") + "/")
    tab.page.wait_for_url(f"{site.url}/")


def test_the_keyboard_is_enough(tab: Tab, site: Site) -> None:
    page, press = tab.page, tab.page.keyboard.press
    page.goto(f"{site.url}/")
    page.get_by_role("button", name="Log in").wait_for()
    press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    expect(page.get_by_role("link", name="Skip to content")).to_be_in_viewport()
    press("Enter")
    press("Tab")
    expect(page.get_by_role("button", name="Log in")).to_be_focused()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    press("Enter")
    page.get_by_role("button", name="ada", exact=True).focus()
    press("Enter")
    heading(page, "Hello, Ada Lovelace")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    press("Tab")
    expect(page.get_by_role("button", name="Copy address of MLflow")).to_be_focused()
    press("Enter")
    expect(page.get_by_role("status")).to_have_text("Copied address of MLflow")
    assert page.evaluate("navigator.clipboard.readText()") == "https://mlflow.ml.example.com"
    page.get_by_role("tab", name="Shell").focus()
    press("ArrowRight")
    expect(page.get_by_role("tab", name="Python")).to_be_focused()
    expect(page.get_by_role("tabpanel", name="Python")).to_be_visible()
    expect(page.get_by_role("tabpanel", name="Shell")).to_be_hidden()
    press("Tab")
    expect(page.get_by_role("button", name="Copy A first run")).to_be_focused()
    press("Space")
    expect(page.get_by_role("status")).to_have_text("Copied A first run")
    assert 'mlflow.set_tracking_uri("https://mlflow.ml.example.com")' in page.evaluate("navigator.clipboard.readText()")


def test_where_the_clipboard_is_closed_the_text_is_selected(tab: Tab, site: Site) -> None:
    tab.context.clear_permissions()
    tab.page.add_init_script("navigator.clipboard.writeText = () => Promise.reject(new Error('closed'))")
    tab.enter(site)
    tab.page.get_by_role("button", name="Copy address of MLflow").click()
    expect(tab.page.get_by_role("status")).to_contain_text("press Control and C")
    assert tab.page.evaluate("String(getSelection())") == "https://mlflow.ml.example.com"


def test_axe_finds_nothing(tab: Tab, site: Site) -> None:
    def clean() -> None:
        """All rules in light colours, and in dark ones those about colours."""
        tab.page.emulate_media(color_scheme="light", reduced_motion="reduce")
        results = Axe().run(tab.page, options={"runOnly": WCAG})
        assert results.violations_count == 0, results.generate_report()
        tab.page.emulate_media(color_scheme="dark")
        results = Axe().run(tab.page, options={"runOnly": ["color-contrast"]})
        assert results.violations_count == 0, results.generate_report()

    site.config = {**site.default_config(), "banner": {"text": "Test", "backgroundColor": "gold", "textColor": "black"}}
    tab.page.goto(f"{site.url}/")
    tab.page.get_by_role("button", name="Log in").wait_for()
    clean()
    tab.page.goto(f"{site.url}/?code=x&state=y")
    problem(tab.page, "The login could not be verified", "Log in again")
    clean()
    tab.enter(site)
    clean()
    site.api_status = 500
    tab.page.reload()
    tab.page.get_by_role("tab", name="Python").click()
    clean()


def test_no_view_is_wider_than_the_window(tab: Tab, site: Site) -> None:
    def fits() -> None:
        for width in (320, 1920):
            tab.page.set_viewport_size({"width": width, "height": 800})
            assert tab.page.evaluate("document.documentElement.scrollWidth") <= width

    tab.page.goto(f"{site.url}/")
    tab.page.get_by_role("button", name="Log in").wait_for()
    fits()
    tab.enter(site, MALLORY)
    fits()
    tab.page.get_by_role("tab", name="Python").click()
    fits()


def test_the_banner_has_its_colours_at_the_top_and_at_the_end(tab: Tab, site: Site) -> None:
    site.config = {
        **site.default_config(),
        "banner": {"text": "Internal", "backgroundColor": "#007a33", "textColor": "#ffffff"},
    }
    tab.page.goto(f"{site.url}/")
    banners = tab.page.locator(".banner")
    expect(banners).to_have_text(["Internal", "Internal"])
    for banner in banners.all():
        expect(banner).to_have_css("background-color", "rgb(0, 122, 51)")
        expect(banner).to_have_css("color", "rgb(255, 255, 255)")
    # Screen readers get it once.
    expect(tab.page.get_by_role("complementary", name="System notice")).to_have_count(1)


def test_there_is_no_banner_without_a_text(tab: Tab, site: Site) -> None:
    tab.page.goto(f"{site.url}/")
    tab.page.get_by_role("button", name="Log in").wait_for()
    assert [banner.is_visible() for banner in tab.page.locator(".banner").all()] == [False, False]


@pytest.mark.parametrize(("ground", "text"), [("#ffff00", "#ffffff"), ("#1b1b1b", "#333333"), ("gray", "silver")])
def test_a_banner_can_always_be_read(tab: Tab, site: Site, ground: str, text: str) -> None:
    site.config = {
        **site.default_config(),
        "banner": {"text": "Internal", "backgroundColor": ground, "textColor": text},
    }
    tab.page.goto(f"{site.url}/")
    tab.page.get_by_role("button", name="Log in").wait_for()
    assert ratio(tab.page, ".banner") >= 4.5


def test_who_has_no_name_is_greeted_by_the_address_and_not_by_a_number(tab: Tab, site: Site) -> None:
    tab.log_in(site, BOB)
    heading(tab.page, "Hello, bob@example.com")
    expect(tab.page.locator("#account-name")).to_have_text("bob@example.com")
    expect(tab.page.locator("main")).not_to_contain_text("6f1c6c0e")


def test_administrators_alone_get_the_link_to_the_users(tab: Tab, site: Site) -> None:
    pool = "eu-west-1_AbCdEfGhI"
    tab.enter(site, BOB)
    expect(tab.page.get_by_role("link", name="S3 bucket")).to_be_visible()
    expect(tab.page.get_by_role("link", name="Cognito users")).to_have_count(0)
    with tab.page.expect_navigation(url=f"{site.url}/"):
        tab.page.get_by_role("button", name="Log out").click()
    tab.enter(site)
    users = tab.page.get_by_role("link", name="Cognito users")
    expect(users).to_have_attribute("href", re.compile(r"^https://eu-west-1\.console\.aws\.amazon\.com/cognito/"))
    links: list[dict[str, str]] = tab.page.evaluate(
        """async (pool) => (await import("/settings.js")).consoleLinks({
          region: "us-gov-west-1", artifactRoot: "s3://bucket/mlflow", issuer: `https://cognito/${pool}` }, true)""",
        pool,
    )
    assert all(link["href"].startswith("https://us-gov-west-1.console.amazonaws-us-gov.com/") for link in links)
    assert links[2]["href"].endswith("/s3/buckets/bucket?region=us-gov-west-1&prefix=mlflow%2F")
    assert pool in links[3]["href"]


def test_markup_in_configuration_and_claims_is_text(tab: Tab, site: Site) -> None:
    site.config = {
        **site.default_config(),
        "stack": MARKUP,
        "region": MARKUP,
        "mlflowTrackingUri": f"https://x.example.com/{MARKUP}",
        "mlflowUiUrl": "javascript:document.title='owned'",
        "artifactRoot": f"s3://{MARKUP}",
        "metaflow": {"METAFLOW_SERVICE_URL": MARKUP, "METAFLOW_UI_URL": "javascript:1"},
        "banner": {"text": MARKUP, "backgroundColor": f"red}}{MARKUP}", "textColor": MARKUP},
    }
    tab.log_in(site, MALLORY)
    heading(tab.page, f"Hello, {MARKUP}")
    expect(tab.page.locator("main script, main img, .banner img")).to_have_count(0)
    assert tab.page.locator('a[href^="javascript"]').count() == 0
    assert "owned'" in tab.page.title()
    assert tab.page.title() != "owned"


def test_a_platform_without_the_optional_parts_shows_none_of_them(tab: Tab, site: Site) -> None:
    site.config = {
        **site.default_config(),
        "mlflowAuth": "basic",
        "aiGatewayUrl": None,
        "apiUrl": None,
        "mlflowUiUrl": None,
        "webUrl": None,
    }
    tab.enter(site)
    cards = tab.page.locator(".cards h3")
    expect(cards).to_have_text(["MLflow", "Artifacts"])
    # With basic authentication MLflow's own address is what people open.
    expect(tab.page.get_by_role("link", name="Open MLflow")).to_have_attribute("href", "https://mlflow.ml.example.com")
    expect(tab.page.get_by_role("tab")).to_have_text(["Shell", "Python"])
    expect(tab.page.get_by_role("tabpanel", name="Shell")).to_contain_text('eval "$(make -s env STACK=prod SECRETS=1)"')
    site.config["metaflow"] = {"METAFLOW_SERVICE_URL": "https://metaflow.example.com"}
    tab.page.reload()
    expect(cards).to_have_text(["MLflow", "Artifacts", "Metaflow"])
    tab.page.get_by_role("tab", name="Metaflow").click()
    expect(tab.page.get_by_role("tabpanel", name="Metaflow")).to_contain_text("METAFLOW_SERVICE_URL")


def test_what_the_policy_refuses_is_seen(tab: Tab, site: Site) -> None:
    """What the other tests rely on: violations are seen."""
    response = tab.page.goto(f"{site.url}/")
    assert response is not None
    sent = response.headers
    assert {name: sent[name.lower()] for name in security_headers(site.login.url)} == security_headers(site.login.url)
    assert "unsafe" not in content_security_policy(site.login.url)
    tab.page.evaluate("fetch('https://stranger.example.com/').catch(() => {})")
    tab.page.evaluate("document.body.setAttribute('style', 'color: red')")
    with pytest.raises(Error, match="TrustedHTML"):
        tab.page.evaluate("document.body.innerHTML = '<b></b>'")
    seen = " ".join(tab.errors)
    assert "violated connect-src: https://stranger.example.com/" in seen
    assert "violated style-src-attr: inline" in seen
    assert "'TrustedHTML' assignment" in seen
    tab.errors.clear()
    tab.strangers.clear()
