// The way to the API. The key lives in the tab's session storage, and is forgotten with the tab.

const KEY = "console.key";
const WHY = "console.why";
const API = new URL("../", document.baseURI);

let ahead = 0; // milliseconds by which the service's clock is ahead of this machine's
let nearest = Infinity; // how long the request took that told so

/** What went wrong, as the service said it. code "unreachable": there was no reply. */
export class Trouble extends Error {
  constructor(status, body) {
    super(body.detail || body.title);
    Object.assign(this, { status, code: body.code, title: body.title, action: body.action ?? "" });
  }
}

export const hasKey = () => sessionStorage.getItem(KEY) !== null;
export const keepKey = (key) => sessionStorage.setItem(KEY, key.trim());
export const forgetKey = () => sessionStorage.removeItem(KEY);

/** Forgets the key and everything that was shown; the page begins anew and says why. */
export function beginAnew(why) {
  forgetKey();
  if (why) sessionStorage.setItem(WHY, why);
  location.reload();
}

export function whyAnew() {
  const why = sessionStorage.getItem(WHY);
  sessionStorage.removeItem(WHY);
  return why;
}

/** The service's time, in milliseconds. */
export const now = () => Date.now() + ahead;

/** Errors: Trouble. body: sent as JSON. */
export async function call(method, path, body, headers = {}) {
  const started = Date.now();
  const reply = await send(method, path, body, headers);
  heed(reply, started);
  const said = await reply.json().catch(() => ({}));
  if (reply.ok) return said;
  const trouble = new Trouble(reply.status, { code: "", title: `The reply was ${reply.status}`, ...said });
  if (reply.status === 401) dispatchEvent(new CustomEvent("refused-key", { detail: trouble }));
  throw trouble;
}

export const get = (path, query = {}) => {
  const given = Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return call("GET", given.length ? `${path}?${new URLSearchParams(given)}` : path);
};
export const post = (path, body, headers) => call("POST", path, body, headers);

/** A name for one decision, so that sending it twice does it once. */
export function once() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function send(method, path, body, headers) {
  const told = { authorization: `Bearer ${sessionStorage.getItem(KEY) ?? ""}`, ...headers };
  if (body !== undefined) told["content-type"] = "application/json";
  const options = { method, headers: told, cache: "no-store", credentials: "omit", redirect: "error" };
  try {
    return await fetch(new URL(path, API), { ...options, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new Trouble(0, {
      code: "unreachable",
      title: "The service cannot be reached",
      action: "What you typed is still here; try again.",
    });
  }
}

// Leases and due times are by the service's clock; a machine that is an hour off must still count them right.
function heed(reply, started) {
  const took = Date.now() - started;
  const told = Date.parse(reply.headers.get("date") ?? "");
  if (Number.isNaN(told) || took > nearest) return;
  nearest = took + 50;
  const off = told + 500 - (started + took / 2);
  ahead = Math.abs(off) > 1500 ? off : 0;
}
