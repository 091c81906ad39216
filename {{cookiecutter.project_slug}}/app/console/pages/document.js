// The published text of a document, with the place of a citation marked and in view.

import { download, get } from "./api.js";
import { h, replace } from "./dom.js";
import { errorNotice, open } from "./shell.js";
import { plain } from "./texts.js";

const { id, version, start, end } = Object.fromEntries(new URL(location.href).searchParams);

async function show(caller) {
  const main = document.getElementById("main");
  try {
    const found = await get(`v1/documents/${encodeURIComponent(id ?? "")}/text`, { version, start, end });
    replace(main, page(found, caller));
    document.title = found.title;
    const mark = document.getElementById("mark");
    mark?.scrollIntoView({ block: "center" });
    mark?.focus({ preventScroll: true });
  } catch (error) {
    const current = error.code === "document_version_not_found" && h("p", {}, h("a", { href: address(id) }, "Open the published version"));
    replace(main, h("div", { class: "document" }, errorNotice(error, current)));
  }
}

function page(found, caller) {
  const messages = h("div", { role: "alert" });
  const original = () =>
    download(`v1/documents/${found.document_id}/original`).catch((error) => replace(messages, errorNotice(error)));
  return h(
    "article",
    { class: "document", "aria-label": "Document" },
    h("h1", { dir: "auto" }, plain(found.title)),
    h("p", { class: "quiet" }, plain(`${found.source} › ${found.uri}`), ` · version ${found.version}`),
    found.flags.length > 0 && h("p", { class: "notice" }, `Findings at its upload: ${found.flags.join(", ")}.`),
    messages,
    caller.permissions.includes("documents:original") &&
      h("p", {}, h("button", { type: "button", onclick: original }, "Download the original file")),
    contents(found),
    h("div", { class: "card text", dir: "auto" }, body(found)),
  );
}

function contents({ headings, document_id, version }) {
  if (headings.length < 2) return null;
  const lines = headings.map(({ level, title, start }) =>
    h("li", { class: `level-${level}` }, h("a", { href: address(document_id, { version, start, end: start + 1 }) }, plain(title))),
  );
  return h("details", { class: "card" }, h("summary", {}, `Headings (${headings.length})`), h("ul", {}, lines));
}

// Offsets count code points, and strings of JavaScript have two units for some of them.
function body({ text, marked }) {
  if (!marked) return plain(text);
  const characters = Array.from(text);
  const part = (from, to) => plain(characters.slice(from, to).join(""));
  return [
    part(0, marked.start),
    h("mark", { id: "mark", tabindex: -1 }, part(marked.start, marked.end)),
    part(marked.end),
  ];
}

function address(document_id, place = {}) {
  return `document?${new URLSearchParams({ id: document_id ?? "", ...place })}`;
}

open("documents:read", show);
