/** Fills the templates of index.html. Everything is set as text, never as markup. */

import { clientSettings, consoleLinks, linkable, places } from "/settings.js";

const ADMIN = "admin";
/** Least contrast of text that WCAG 2 asks for at level AA. */
const CONTRAST = 4.5;

const byId = (id) => document.getElementById(id);
const copyOf = (id) => byId(id).content.cloneNode(true);
const slot = (root, name) => root.querySelector(`[data-slot="${name}"]`);
const part = (root, name) => root.querySelector(`[data-part="${name}"]`);

function fill(root, name, text) {
  const element = slot(root, name);
  element.textContent = text ?? "";
  element.hidden = !text;
}

function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** Says something to who cannot see it. */
export function announce(text) {
  byId("status").textContent = text;
}

function copies(button, what, text) {
  button.setAttribute("aria-label", `Copy ${what}`);
  button.addEventListener("click", async () => {
    let done = "Copied";
    try {
      await navigator.clipboard.writeText(text());
    } catch {
      getSelection().selectAllChildren(button.parentElement.parentElement.querySelector("code"));
      done = "Press Ctrl+C";
    }
    button.textContent = done;
    announce(done === "Copied" ? `Copied ${what}` : `${what} is selected; press Control and C to copy it`);
    setTimeout(() => {
      button.textContent = "Copy";
      announce("");
    }, 2500);
  });
}

/** Puts a view in place of what is shown; the focus goes to its heading if `focus`, as after a loaded page. */
function show(view, title, focus) {
  const main = byId("main");
  main.replaceChildren(view);
  main.removeAttribute("aria-busy");
  document.title = `${title} – ML Platform`;
  if (focus) main.querySelector("h1").focus({ preventScroll: true });
}

function on(root, actions) {
  for (const button of root.querySelectorAll("[data-action]")) {
    const action = actions[button.dataset.action];
    if (action) button.addEventListener("click", action);
    else button.remove();
  }
}

function luminance(color) {
  const linear = color.match(/[\d.]+/g).slice(0, 3).map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
}

function contrast(one, other) {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

/** The banner at the top and at the end. A text that could not be read on its ground becomes black or white. */
export function showBanner(banner) {
  if (!banner?.text) return;
  for (const place of document.querySelectorAll(".banner")) {
    place.textContent = banner.text;
    place.hidden = false;
    // By the object model: a strict content security policy refuses style attributes.
    place.style.setProperty("background-color", banner.backgroundColor);
    place.style.setProperty("color", banner.textColor);
    const { color, backgroundColor } = getComputedStyle(place);
    if (contrast(color, backgroundColor) < CONTRAST) {
      const white = contrast("255 255 255", backgroundColor) >= CONTRAST;
      place.style.setProperty("color", white ? "#ffffff" : "#000000");
    }
  }
}

/** Which platform this is, at the foot of every view. */
export function showPlace({ stack, environment, region }) {
  const words = new Set(["ML Platform", stack, environment, region].filter(Boolean));
  byId("place").textContent = [...words].join(" · ");
}

const kicker = ({ stack, region }) => `${stack} · ${region}`;

/** Before the login. */
export function showWelcome(config, actions) {
  const view = copyOf("view-welcome");
  fill(view, "kicker", kicker(config));
  on(view, actions);
  show(view, `Log in to ${config.stack}`, false);
}

/** What went wrong, and the way out. */
export function showProblem(problem, actions) {
  byId("account").hidden = true;
  const view = copyOf("view-problem");
  fill(view, "title", problem.title);
  fill(view, "text", problem.text);
  fill(view, "detail", problem.detail);
  on(view, { [problem.action]: actions[problem.action] });
  show(view, problem.title, true);
}

function card({ title, text, address, open, label }) {
  const made = copyOf("part-card");
  fill(made, "title", title);
  fill(made, "text", text);
  fill(made, "address", address);
  copies(made.querySelector(".copy"), `address of ${title}`, () => address);
  if (linkable(open)) Object.assign(slot(made, "open"), { href: open, textContent: label });
  else part(made, "open").remove();
  return made;
}

function snippet({ title, text, code }) {
  const made = copyOf("part-snippet");
  fill(made, "title", title);
  fill(made, "text", text);
  fill(made, "code", code);
  made.querySelector("pre").setAttribute("aria-label", title);
  made.querySelector("pre").setAttribute("role", "region");
  copies(made.querySelector(".copy"), title, () => code);
  return made;
}

/** Tabs by the ARIA practices: one stop for the Tab key, arrows between them. */
function tabs(list, panels, settings) {
  const made = settings.map(({ id, title, snippets }) => {
    const panel = element("div", { id: `panel-${id}`, role: "tabpanel" }, ...snippets.map(snippet));
    panel.setAttribute("aria-labelledby", `tab-${id}`);
    const tab = element("button", { id: `tab-${id}`, type: "button", role: "tab", textContent: title });
    tab.setAttribute("aria-controls", panel.id);
    return { tab, panel };
  });
  const select = (index, focus) => {
    for (const [position, { tab, panel }] of made.entries()) {
      const chosen = position === index;
      tab.setAttribute("aria-selected", String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
      panel.hidden = !chosen;
      if (chosen && focus) tab.focus();
    }
  };
  for (const [index, { tab }] of made.entries()) {
    const keys = { ArrowRight: index + 1, ArrowLeft: index - 1 + made.length, Home: 0, End: made.length - 1 };
    tab.addEventListener("click", () => select(index, false));
    tab.addEventListener("keydown", (event) => {
      if (!(event.key in keys)) return;
      event.preventDefault();
      select(keys[event.key] % made.length, true);
    });
  }
  list.append(...made.map(({ tab }) => tab));
  panels.append(...made.map(({ panel }) => panel));
  select(0, false);
}

const time = (milliseconds) =>
  new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" }).format(new Date(milliseconds));

/** Until when the token at hand is good. */
export function showExpiry(milliseconds) {
  const until = slot(document, "until");
  if (until) Object.assign(until, { dateTime: new Date(milliseconds).toISOString(), textContent: time(milliseconds) });
}

/** After the login. Without the API, groups are missing in `person`, and `trouble` says why. */
export function showPlatform(config, person, trouble, actions) {
  const view = copyOf("view-platform");
  const groups = person.groups ?? [];
  // In pools whose users log in by e-mail, the user name is a number that nobody knows.
  const name = person.name ?? person.email ?? person.username ?? person.subject;
  fill(view, "kicker", kicker(config));
  fill(view, "hello", `Hello, ${name}`);
  fill(view, "email", person.email === name ? null : person.email);
  if (groups.length) slot(view, "groups").append(...groups.map((name) => element("span", { className: "badge" }, name)));
  else part(view, "groups").remove();
  if (trouble) {
    fill(view, "trouble-title", trouble.title);
    fill(view, "trouble-text", trouble.text);
    part(view, "trouble").hidden = false;
  }
  slot(view, "cards").append(...places(config).map(card));
  tabs(slot(view, "tabs"), slot(view, "panels"), clientSettings(config));
  slot(view, "links").append(
    ...consoleLinks(config, groups.includes(ADMIN)).map(({ title, text, href }) =>
      element("li", {}, element("a", { href, textContent: title }), element("span", { className: "muted" }, text)),
    ),
  );
  on(view, actions);
  byId("account-name").textContent = name;
  byId("account").hidden = false;
  show(view, config.stack, true);
}
