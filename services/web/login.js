/** Login with the user pool's pages: authorization code with PKCE (RFC 7636), by Cognito's endpoints. */

import { loginForeign, loginInvalid, loginRefused, loginUnreachable, sessionEnded } from "/problems.js";

const PENDING = "mlplatform.pending";
const TOKENS = "mlplatform.tokens";
/** Milliseconds before its end that an access token is renewed; Cognito's live for five minutes at least. */
const LEAD = 60_000;
/** Milliseconds between tries to renew, while the login service does not answer. */
const RETRY = 15_000;
/** Milliseconds that this clock may differ from the login service's. */
const SKEW = 120_000;

const base64url = (bytes) =>
  btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));
const challenge = async (verifier) =>
  base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier))));

/** Claims of a token. Its signature is not looked at: it came by TLS from the token endpoint (OpenID Connect 3.1.3.7). */
function claimsOf(token) {
  const part = String(token).split(".")[1] ?? "";
  const bytes = Uint8Array.from(atob(part.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes));
}

/** The session of this tab: tokens in memory, and in sessionStorage so that a reload keeps them. */
export function sessionOf({ issuer, loginUrl, webClientId }) {
  const home = `${location.origin}/`;
  const stored = (key) => JSON.parse(sessionStorage.getItem(key) ?? "null");
  let tokens = stored(TOKENS);
  let renewal = null;

  function keep(next) {
    tokens = next;
    if (next) sessionStorage.setItem(TOKENS, JSON.stringify(next));
    else sessionStorage.removeItem(TOKENS);
  }

  async function request(fields) {
    let response;
    try {
      response = await fetch(`${loginUrl}/oauth2/token`, {
        method: "POST",
        body: new URLSearchParams({ client_id: webClientId, ...fields }),
        credentials: "omit",
        cache: "no-store",
        redirect: "error",
      });
    } catch (error) {
      throw loginUnreachable(String(error));
    }
    if (response.status >= 500) throw loginUnreachable(`status ${response.status}`);
    const answer = await response.json().catch(() => ({}));
    return { ok: response.ok && typeof answer.access_token === "string", answer };
  }

  function checked(idToken, nonce) {
    let claims;
    try {
      claims = claimsOf(idToken);
    } catch {
      throw loginInvalid("the id token cannot be read");
    }
    if (claims.iss !== issuer) throw loginInvalid("the id token has another issuer");
    if (claims.aud !== webClientId && !(Array.isArray(claims.aud) && claims.aud.length === 1 && claims.aud[0] === webClientId))
      throw loginInvalid("the id token is for another client");
    if (!(claims.exp * 1000 > Date.now() - SKEW)) throw loginInvalid("the id token has expired");
    if (nonce !== undefined && claims.nonce !== nonce) throw loginInvalid("the id token is not from this login");
    return claims;
  }

  const lasting = (answer) => ({ access: answer.access_token, expiresAt: Date.now() + answer.expires_in * 1000 });

  async function renew() {
    if (!tokens.refresh) {
      keep(null);
      throw sessionEnded();
    }
    const { person, refresh } = tokens;
    const { ok, answer } = await request({ grant_type: "refresh_token", refresh_token: refresh });
    // A logout may have come in between.
    if (!tokens) throw sessionEnded();
    if (!ok || (answer.id_token && checked(answer.id_token).sub !== person.subject)) {
      keep(null);
      throw sessionEnded();
    }
    keep({ person, refresh: answer.refresh_token ?? refresh, ...lasting(answer) });
  }

  return {
    /** Whether someone is logged in, as far as this tab knows. */
    get active() {
      return tokens !== null;
    },
    /** Who logged in, by the id token: subject, and name and email if the pool knows them. */
    get person() {
      return tokens?.person ?? null;
    },
    /** When the access token ends, in milliseconds. */
    get expiresAt() {
      return tokens?.expiresAt ?? 0;
    },
    /** Milliseconds until the token should be looked at again. */
    get renewIn() {
      return Math.max(RETRY, this.expiresAt - LEAD - Date.now());
    },

    /** Leaves for the login pages. */
    async begin() {
      const pending = { state: random(), nonce: random(), verifier: random() };
      sessionStorage.setItem(PENDING, JSON.stringify(pending));
      const query = new URLSearchParams({
        response_type: "code",
        client_id: webClientId,
        redirect_uri: home,
        scope: "openid email profile",
        state: pending.state,
        nonce: pending.nonce,
        code_challenge: await challenge(pending.verifier),
        code_challenge_method: "S256",
      });
      location.assign(`${loginUrl}/oauth2/authorize?${query}`);
    },

    /** Takes the login pages' answer from the address, if there is one; whether there was. */
    async finish() {
      const answer = new URLSearchParams(location.search);
      if (!answer.has("code") && !answer.has("error")) return false;
      history.replaceState(null, "", location.pathname);
      const pending = stored(PENDING);
      sessionStorage.removeItem(PENDING);
      // Before anything of the answer is shown: whoever makes a link could otherwise put words on this page.
      if (!pending || answer.get("state") !== pending.state) throw loginForeign();
      if (answer.has("error")) throw loginRefused(answer.get("error"), answer.get("error_description"));
      const { ok, answer: granted } = await request({
        grant_type: "authorization_code",
        code: answer.get("code"),
        redirect_uri: home,
        code_verifier: pending.verifier,
      });
      if (!ok) throw loginRefused(granted.error ?? "no token", granted.error_description);
      const { sub, name, email } = checked(granted.id_token, pending.nonce);
      keep({ person: { subject: sub, name, email }, refresh: granted.refresh_token ?? null, ...lasting(granted) });
      return true;
    },

    /** An access token that is good for another minute, or at least still good while the login service is away. */
    async token({ renewed = false } = {}) {
      if (!tokens) throw sessionEnded();
      if (!renewed && Date.now() < tokens.expiresAt - LEAD) return tokens.access;
      renewal ??= renew().finally(() => {
        renewal = null;
      });
      try {
        await renewal;
      } catch (problem) {
        if (renewed || !tokens || Date.now() >= tokens.expiresAt) throw problem;
      }
      return tokens.access;
    },

    /** Forgets the tokens: what is left when the API no longer takes them. */
    drop() {
      keep(null);
    },

    /** Forgets and revokes the tokens, and leaves for the login service's logout, which comes back here. */
    async end() {
      const refresh = tokens?.refresh;
      keep(null);
      if (refresh)
        // The answer is of no use, so it need not be readable from here; the page must not wait for it long either.
        await fetch(`${loginUrl}/oauth2/revoke`, {
          method: "POST",
          mode: "no-cors",
          credentials: "omit",
          keepalive: true,
          body: new URLSearchParams({ client_id: webClientId, token: refresh }),
          signal: AbortSignal.timeout(3000),
        }).catch(() => {});
      location.assign(`${loginUrl}/logout?${new URLSearchParams({ client_id: webClientId, logout_uri: home })}`);
    },
  };
}
