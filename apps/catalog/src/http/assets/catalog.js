// The catalogue's page: reads the address, asks /search or /shows, and shows what comes. Nothing is kept but the address.
"use strict";

const form = document.getElementById("filters");
const list = document.getElementById("shows");
const more = document.getElementById("more");
const nothing = document.getElementById("nothing");
const problem = document.getElementById("problem");
const summary = document.getElementById("summary");
const details = document.getElementById("details");

const PAGE = 24;
let next = null;
let shown = 0;
// Answers of an older question must not be shown under a newer one.
let question = 0;

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined && text !== null) made.textContent = text;
  if (className) made.className = className;
  return made;
}

async function ask(path) {
  const answer = await fetch(path, { headers: { accept: "application/json" } });
  const body = await answer.json().catch(() => null);
  if (!answer.ok) throw new Error(body?.detail ?? body?.title ?? `the server answered ${answer.status}`);
  return body;
}

function complain(error) {
  problem.textContent = error instanceof TypeError ? "The server cannot be reached." : error.message;
  problem.hidden = false;
}

function wanted() {
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(form)) {
    if (value.trim() !== "") query.set(name, value.trim());
  }
  return query;
}

function card(show) {
  const item = element("li");
  const button = element("button");
  button.type = "button";
  button.append(element("strong", show.title));
  const facts = [show.release_year, show.type, show.rating, show.duration].filter(Boolean).join(" · ");
  button.append(element("small", facts));
  if (show.people?.length) button.append(element("small", `with ${show.people.join(", ")}`));
  if (show.description) button.append(element("p", show.description));
  button.addEventListener("click", () => open(show.show_id));
  item.append(button);
  return item;
}

// A text alone is a search, whose best matches come first; beside it, a filter or an order makes it a list.
function pathOf(query, fromStart) {
  const isSearch = query.has("q") && [...query].every(([name, value]) => name === "q" || (name === "sort" && value === "-release_year"));
  if (isSearch) return `/search?${new URLSearchParams({ q: query.get("q"), limit: "100" })}`;
  query.set("limit", String(PAGE));
  if (!fromStart && next) query.set("after", next);
  return `/shows?${query}`;
}

async function load(fromStart) {
  const asked = ++question;
  try {
    const page = await ask(pathOf(wanted(), fromStart));
    if (asked !== question) return;
    problem.hidden = true;
    if (fromStart) { list.replaceChildren(); shown = 0; }
    list.append(...page.items.map(card));
    shown += page.items.length;
    next = page.next ?? null;
    more.hidden = !next;
    nothing.hidden = shown > 0;
    summary.textContent = shown === 0 ? "" : page.more ? `the best ${shown} of more; another word narrows them` : next ? `the first ${shown} shows` : shown === 1 ? "1 show" : `${shown} shows`;
  } catch (error) {
    if (asked === question) complain(error);
  }
}

function names(title, rows, filter) {
  if (rows.length === 0) return [];
  const line = element("dd");
  rows.forEach((row, nth) => {
    if (nth > 0) line.append(", ");
    if (!filter) { line.append(row.name); return; }
    const link = element("a", row.name);
    link.href = `/?${new URLSearchParams({ [filter]: row.name })}`;
    line.append(link);
  });
  return [element("dt", title), line];
}

async function open(id) {
  try {
    const show = await ask(`/shows/${encodeURIComponent(id)}`);
    const title = element("h2", show.title);
    title.id = "details-title";
    const facts = [show.release_year, show.type, show.rating, show.duration].filter(Boolean).join(" · ");
    const about = element("dl");
    about.append(
      ...names("Directed by", show.directors, "director"),
      ...names("With", show.actors, null),
      ...names("Genres", show.genres, "genre"),
      ...names("Made in", show.countries, "country"),
    );
    if (show.date_added) about.append(element("dt", "In the catalogue since"), element("dd", show.date_added));
    if (show.views) about.append(element("dt", "Looked at"), element("dd", show.views === 1 ? "once" : `${show.views} times`));
    const body = document.getElementById("details-body");
    body.replaceChildren(title, element("p", facts, "facts"));
    if (show.description) body.append(element("p", show.description));
    body.append(about);
    problem.hidden = true;
    if (!details.open) details.showModal();
  } catch (error) {
    complain(error);
  }
}

function readAddress() {
  const query = new URLSearchParams(location.search);
  for (const field of form.elements) {
    if (field.name) field.value = query.get(field.name) ?? (field.name === "sort" ? "-release_year" : "");
  }
}

function search() {
  const query = wanted();
  if (query.get("sort") === "-release_year") query.delete("sort");
  const address = query.size > 0 ? `/?${query}` : "/";
  if (address !== location.pathname + location.search) history.pushState(null, "", address);
  load(true);
}

form.addEventListener("submit", (event) => { event.preventDefault(); search(); });
form.addEventListener("reset", () => setTimeout(search));
form.addEventListener("change", search);
// While somebody types, once there is a pause.
let pause;
form.elements.q.addEventListener("input", () => {
  clearTimeout(pause);
  pause = setTimeout(() => load(true), 150);
});
more.addEventListener("click", () => load(false));
window.addEventListener("popstate", () => { readAddress(); load(true); });

(async () => {
  try {
    const genres = await ask("/genres");
    for (const genre of genres.items) {
      const option = element("option", `${genre.name} (${genre.shows})`);
      option.value = genre.name;
      form.elements.genre.append(option);
    }
  } catch (error) {
    complain(error);
  }
  readAddress();
  load(true);
})();
