/** The page's course: configuration, login, who this is, what there is. */

import { sessionOf } from "/login.js";
import { apiUnreachable, configMissing, Problem, sessionEnded, unexpected } from "/problems.js";
import { validConfig } from "/settings.js";
import { showBanner, showExpiry, showPlace, showPlatform, showProblem, showWelcome } from "/view.js";

let session = null;
let timer = 0;

const actions = {
  login: () => session.begin(),
  reload: () => location.reload(),
};

function fail(error) {
  clearTimeout(timer);
  showProblem(error instanceof Problem ? error : unexpected(error), actions);
}

async function readConfig() {
  let response;
  try {
    response = await fetch("/config.json", { cache: "no-store" });
  } catch (error) {
    throw configMissing(String(error));
  }
  if (!response.ok) throw configMissing(`status ${response.status}`);
  return validConfig(await response.json().catch(() => null));
}

const askMe = async (token) => {
  try {
    return await fetch("/api/me", { headers: { Authorization: `Bearer ${token}` }, cache: "no-store" });
  } catch (error) {
    throw apiUnreachable(String(error));
  }
};

/** Who the API says this is. A token that it refuses is renewed once. */
async function whoAmI() {
  let response = await askMe(await session.token());
  if (response.status === 401) response = await askMe(await session.token({ renewed: true }));
  if (response.status === 401) {
    session.drop();
    throw sessionEnded();
  }
  if (!response.ok) throw apiUnreachable(`status ${response.status}`);
  const me = await response.json().catch(() => null);
  if (me?.subject !== session.person.subject || !Array.isArray(me.groups)) throw apiUnreachable("an answer about someone else");
  return me;
}

async function keepFresh() {
  clearTimeout(timer);
  try {
    await session.token();
  } catch (error) {
    fail(error);
    return;
  }
  showExpiry(session.expiresAt);
  timer = setTimeout(keepFresh, session.renewIn);
}

async function enter(config) {
  let me = null;
  let trouble = null;
  try {
    me = await whoAmI();
  } catch (error) {
    // Addresses and settings do not depend on the API: they are shown without it.
    if (!(error instanceof Problem) || error.action === "login" || !session.active) throw error;
    trouble = error;
  }
  showPlatform(config, { ...me, ...session.person }, trouble, actions);
  await keepFresh();
}

async function start() {
  const config = await readConfig();
  // The login comes back to one address only; whoever came by another name of this page goes there first.
  if (config.webUrl && new URL(config.webUrl).origin !== location.origin) {
    location.replace(config.webUrl);
    return;
  }
  session = sessionOf(config);
  showBanner(config.banner);
  showPlace(config);
  await session.finish();
  if (session.active) await enter(config);
  else showWelcome(config, actions);
}

document.getElementById("logout").addEventListener("click", () => {
  clearTimeout(timer);
  session.end();
});
// A computer that slept has missed its timer.
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible" && timer && session?.active) keepFresh();
});
// After a logout, "back" must not show what was there.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
start().catch(fail);
