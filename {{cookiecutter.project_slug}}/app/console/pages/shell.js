// What both pages share: signing in with a key, who is there, signing out.

import { beginAnew, forgetKey, get, hasKey, keepKey, whyAnew } from "./api.js";
import { h, replace, say } from "./dom.js";

const main = document.getElementById("main");
const who = document.getElementById("who");

/** Runs `start(caller)` once somebody is there who holds the permission; asks for a key until then. */
export async function open(permission, start) {
  const why = whyAnew();
  if (!hasKey()) return ask(permission, start, why && h("div", { class: "notice bad" }, why));
  replace(main, h("p", { class: "quiet" }, "One moment…"));
  await enter(permission, start);
}

/** A problem in words: what it was, and what helps. */
export function trouble(found, ...more) {
  const text = found.message === found.title ? found.title : [found.title, ". ", found.message];
  return h(
    "div",
    { class: "notice bad" },
    h("p", {}, h("strong", {}, text)),
    found.action && h("p", {}, found.action),
    more,
  );
}

async function enter(permission, start) {
  let caller;
  try {
    caller = await get("v1/caller");
  } catch (error) {
    if (error.status === 401) forgetKey();
    return ask(permission, start, trouble(error));
  }
  if (!caller.permissions.includes(permission)) {
    const missing = `The key “${caller.name}” has the ${caller.roles.length > 1 ? "roles" : "role"} ${caller.roles.join(", ")}.`;
    return ask(
      permission,
      start,
      h("div", { class: "notice bad" }, h("p", {}, missing, ` This page needs the permission ${permission}.`)),
    );
  }
  for (const link of document.querySelectorAll("nav a[data-needs]"))
    link.hidden = !caller.permissions.includes(link.dataset.needs);
  replace(
    who,
    h("span", {}, h("span", { class: "unseen" }, "Signed in as "), caller.name),
    h("button", { type: "button", onclick: () => beginAnew() }, "Sign out"),
  );
  addEventListener("refused-key", ({ detail }) => beginAnew(`${detail.title}.`), { once: true });
  start(caller);
}

function ask(permission, start, why = null) {
  replace(who);
  const field = h("input", { id: "key", type: "password", autocomplete: "off", spellcheck: "false", required: true });
  const told = h("div", { role: "alert" }, why);
  const submit = async (event) => {
    event.preventDefault();
    if (!field.value.trim()) return;
    keepKey(field.value);
    replace(told);
    say("Signing in");
    await enter(permission, start);
  };
  const form = h("form", { class: "card sign-in", onsubmit: submit });
  form.append(
    h("h1", {}, "Sign in"),
    told,
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
  field.focus();
}
