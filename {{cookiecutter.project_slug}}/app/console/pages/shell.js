// The parts that all pages share: signing in at the identity provider or with a key, the name of the caller, signing
// out.

import {
  findSession,
  forgetKey,
  get,
  hasCredential,
  keepKey,
  signOut,
  takeRefusal,
  takeSignOutReason,
} from "./api.js";
import { h, replace, say } from "./dom.js";

const main = document.getElementById("main");
const who = document.getElementById("who");
const REFUSALS = {
  provider: "The identity provider did not let you in.",
  unmapped: "Your account has no role in this service. Ask whoever manages it.",
  claim: "Your account lacks what this service needs to know. Ask whoever manages it.",
  revoked: "Your access was revoked.",
};

let canSignIn = false; // whether there is an identity provider

/** Runs `start(caller)` once a caller with the permission is there; asks for a sign-in or a key until then. */
export async function open(permission, start) {
  const [reason, refusal] = [takeSignOutReason(), takeRefusal()];
  canSignIn = await findSession();
  if (!hasCredential()) {
    const text = refusal ? (REFUSALS[refusal] ?? `The sign-in was refused (${refusal}). Try again.`) : reason;
    return askForKey(permission, start, text && h("div", { class: "notice bad" }, text));
  }
  replace(main, h("p", { class: "quiet" }, "One moment…"));
  await enter(permission, start);
}

/** The notice of a problem: its title, detail and action. */
export function errorNotice(error, ...more) {
  const text = error.message === error.title ? error.title : [error.title, ". ", error.message];
  return h(
    "div",
    { class: "notice bad" },
    h("p", {}, h("strong", {}, text)),
    error.action && h("p", {}, error.action),
    more,
  );
}

async function enter(permission, start) {
  let caller;
  try {
    caller = await get("v1/caller");
  } catch (error) {
    if (error.status === 401) forgetKey();
    return askForKey(permission, start, errorNotice(error));
  }
  if (!caller.permissions.includes(permission)) {
    const missing = `“${caller.name}” has the ${caller.roles.length > 1 ? "roles" : "role"} ${caller.roles.join(", ")}.`;
    return askForKey(
      permission,
      start,
      h("div", { class: "notice bad" }, h("p", {}, missing, ` This page needs the permission ${permission}.`)),
    );
  }
  for (const link of document.querySelectorAll("nav a[data-needs]"))
    link.hidden = !caller.permissions.includes(link.dataset.needs);
  replace(
    who,
    h("span", {}, h("span", { class: "visually-hidden" }, "Signed in as "), caller.name),
    h("button", { type: "button", onclick: () => signOut() }, "Sign out"),
  );
  addEventListener("refused-key", ({ detail }) => signOut(`${detail.title}.`), { once: true });
  start(caller);
}

function askForKey(permission, start, message = null) {
  replace(who);
  const field = h("input", { id: "key", type: "password", autocomplete: "off", spellcheck: "false", required: true });
  const messages = h("div", { role: "alert" }, message);
  const submit = async (event) => {
    event.preventDefault();
    if (!field.value.trim()) return;
    keepKey(field.value);
    replace(messages);
    say("Signing in");
    await enter(permission, start);
  };
  const form = h("form", { class: "card sign-in", onsubmit: submit });
  replace(
    form,
    h("h1", {}, "Sign in"),
    messages,
    canSignIn && h("a", { class: "main", href: "./sign-in" }, "Sign in with your account"),
    canSignIn && h("p", { class: "quiet" }, "Or with a key:"),
    h("label", { for: "key" }, "API key"),
    field,
    h(
      "p",
      { class: "quiet" },
      "It stays in this tab and is forgotten when the tab is closed. ‘app keys create’ makes one.",
    ),
    h("button", { class: "main" }, "Sign in"),
  );
  replace(main, form);
  if (!canSignIn) field.focus();
}
