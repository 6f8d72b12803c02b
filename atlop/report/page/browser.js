// Which documents and facts are looked at: filters, the place in the page's address, and what follows from both.

const VIEWS = ["scores", "relations", "comparison", "documents"];
const filters = byId("filters");
const state = { view: "scores", document: 0, fact: null, entity: null, visible: [], address: null };

const values = () => Object.fromEntries(new FormData(filters));

/** Return what decides whether a fact passes the filters. */
function factFilter({ relation, outcome, sentences, lowest, highest, difference }) {
  const tests = [
    relation !== "" && ((fact) => fact.relation === Number(relation)),
    outcome !== "" && ((fact) => fact.outcome === outcome || (fact.outcome && outcomeOf(fact).group === outcome)),
    sentences !== "" && ((fact) => fact.within === (sentences === "within")),
    lowest !== "" && ((fact) => fact.margin !== null && fact.margin >= Number(lowest)),
    highest !== "" && ((fact) => fact.margin !== null && fact.margin <= Number(highest)),
    difference && ((fact) => DIFFERENCES[difference].holds(fact)),
  ].filter(Boolean);
  return { isActive: tests.length > 0, passes: (fact) => tests.every((test) => test(fact)) };
}

/** Find the documents and facts that pass; every document does while nothing but a search is asked for. */
function applyFilters() {
  const asked = values();
  const { isActive, passes } = factFilter(asked);
  const searched = asked.search.trim().toLowerCase();
  state.visible = DATA.documents
    .filter((page) => !searched || searchable(page).includes(searched))
    .map((page) => ({ page, facts: page.facts.filter(passes) }))
    .filter(({ facts }) => !isActive || facts.length > 0);
  const facts = state.visible.reduce((total, each) => total + each.facts.length, 0);
  byId("found").textContent = `${counted(facts)} facts in ${counted(state.visible.length)} documents`;
  byId("documents").replaceChildren(...state.visible.map(({ page, facts }) =>
    element("li", {}, element("a", { href: `#document/${page.index}` }, named(page.title), element("small", {}, ` ${facts.length}`)))));
}

function filtersChanged() {
  applyFilters();
  const here = state.visible.find(({ page }) => page.index === state.document);
  if (!here && state.visible.length) openDocument(state.visible[0].page.index);
  else if (here && state.fact && !here.facts.includes(state.fact)) openDocument(state.document);
  else showDocument();
}

/** Ask for these values of the filters and for nothing else. */
function chooseOnly(asked) {
  filters.reset();
  for (const [name, value] of Object.entries(asked)) filters.elements[name].value = value;
  filtersChanged();
}

/** Go to a document; while another view is looked at, it is the one that comes up later. */
function openDocument(index) {
  if (state.view === "documents") visit(`#document/${index}`);
  else Object.assign(state, { document: index, fact: null });
}

/** Go to an address within the page, at once: the browser tells of a changed address only later. */
function visit(address) {
  location.hash = address;
  route();
}

/** Show what the page's address says. */
function route() {
  if (location.hash === state.address) return;
  state.address = location.hash;
  const [place, index, ...rest] = location.hash.slice(1).split("/");
  state.view = VIEWS.includes(place) ? place : ["document", "fact"].includes(place) ? "documents" : "scores";
  if (place === "document" || place === "fact") {
    if (Number(index) !== state.document) state.entity = null;
    state.document = Math.min(Math.max(Math.trunc(Number(index)) || 0, 0), DATA.documents.length - 1);
    state.fact = place === "fact" ? factAt(rest) : null;
    const shown = state.visible.find(({ page }) => page.index === state.document);
    if (!shown || (state.fact && !shown.facts.includes(state.fact))) {
      filters.reset();
      applyFilters();
    }
  }
  for (const view of VIEWS) byId(`view-${view}`).hidden = view !== state.view;
  for (const link of document.querySelectorAll("header nav a")) {
    if (link.hash === `#${state.view}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (state.view === "documents") showDocument();
  else scrollTo(0, 0);
}

function factAt([subject, object, relation = ""]) {
  const same = (fact) =>
    fact.subject === Number(subject) && fact.object === Number(object) && linkOf(fact).endsWith(`/${relation}`);
  return DATA.documents[state.document]?.facts.find(same) ?? null;
}

function showDocument() {
  const page = DATA.documents[state.document];
  if (!page || state.view !== "documents") return;
  const facts = state.visible.find((each) => each.page === page)?.facts ?? [];
  byId("title").replaceChildren(named(page.title));
  showText(page, state.fact);
  showGraph(page, facts, state.fact);
  showEntities(page);
  showFacts(page, facts, state.fact);
  for (const link of byId("documents").querySelectorAll("a")) {
    const isShown = link.hash === `#document/${page.index}`;
    if (isShown) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
    if (isShown) within(link, byId("documents").parentElement);
  }
  const open = byId("facts").querySelector("[aria-current]");
  if (open) open.parentElement.scrollIntoView({ block: "nearest" });
}

/** Scroll a list so far that one of its items is seen, and nothing else. */
function within(item, list) {
  const [inner, outer] = [item.getBoundingClientRect(), list.getBoundingClientRect()];
  if (inner.top < outer.top) list.scrollTop -= outer.top - inner.top;
  else if (inner.bottom > outer.bottom) list.scrollTop += inner.bottom - outer.bottom;
}

function pickEntity(entity) {
  state.entity = state.entity === entity ? null : entity;
  showDocument();
}

/** Go so many facts on, through all documents that pass the filters. */
function step(by) {
  const all = state.visible.flatMap(({ facts }) => facts);
  if (!all.length) return;
  const here = all.indexOf(state.fact);
  const before = all.findIndex((fact) => fact.document >= state.document);
  const next = here >= 0 ? here + by : by > 0 ? Math.max(before, 0) : Math.max(before - 1, 0);
  visit(linkOf(all[Math.min(Math.max(next, 0), all.length - 1)]));
}

/** Go so many documents on. */
function stepDocument(by) {
  const here = state.visible.findIndex(({ page }) => page.index === state.document);
  const next = state.visible[Math.min(Math.max(here + by, 0), state.visible.length - 1)];
  if (next) openDocument(next.page.index);
}
