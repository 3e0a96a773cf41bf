/** What can go wrong, in words for people, each with a way out. */

/** An error to show. `action` names the button that leads out of it: "login" or "reload". */
export class Problem extends Error {
  constructor(title, text, { action = "reload", detail = "" } = {}) {
    super(`${title}: ${text}`);
    Object.assign(this, { title, text, action, detail });
  }
}

export const configMissing = (detail) =>
  new Problem(
    "The page has no configuration",
    "config.json, which is written when the platform is deployed, is missing or incomplete. " +
      "Try again in a minute; if it stays so, ask your platform team to deploy the stack again.",
    { detail },
  );

export const loginRefused = (error, description) =>
  new Problem("The login was refused", "The login service did not let you in and gave this reason:", {
    action: "login",
    detail: description ? `${description} (${error})` : error,
  });

export const loginForeign = () =>
  new Problem(
    "The login could not be verified",
    "The answer does not belong to a login that began in this tab, so it was thrown away. " +
      "This happens with old links, or when a login was finished in another tab.",
    { action: "login" },
  );

export const loginInvalid = (detail) =>
  new Problem("The login could not be verified", "The login service sent a token that is not meant for this page.", {
    action: "login",
    detail,
  });

export const sessionEnded = () =>
  new Problem("Your session has ended", "It is too old, or it was ended elsewhere. Nothing is lost; log in again.", {
    action: "login",
  });

export const loginUnreachable = (detail) =>
  new Problem("The login service does not answer", "Check your network connection, then try again.", { detail });

export const apiUnreachable = (detail) =>
  new Problem("The platform's API does not answer.", "Your groups are not known now; the rest of this page is right.", { detail });

export const unexpected = (error) =>
  new Problem("Something went wrong", "This should not happen. Try again; if it stays so, tell your platform team.", {
    detail: String(error),
  });
