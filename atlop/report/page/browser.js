// The visible documents and facts: filters, navigation by the address's fragment, and the document view.

/** What fills each view when it is first looked at. */
const VIEWS = { scores: showScores, relations: showRelations, suspects: showSuspects, comparison: showComparison, documents: () => {} };
const filled = new Set();
const filters = byId("filters");
const state = { view: "scores", document: 0, fact: null, entity: null, visible: [], address: null };

const filterValues = () => Object.fromEntries(new FormData(filters));

/** Return a test for the filters, and whether any filter is active. */
function factFilter({ relation, outcome, sentences, lowest, highest, difference }) {
  const tests = [
    relation !== "" && ((fact) => fact.relation === Number(relation)),
    outcome !== "" && ((fact) => fact.outcome === outcome || (fact.outcome && factOutcome(fact).group === outcome)),
    sentences !== "" && ((fact) => fact.within === (sentences === "within")),
    lowest !== "" && ((fact) => fact.margin !== null && fact.margin >= Number(lowest)),
    highest !== "" && ((fact) => fact.margin !== null && fact.margin <= Number(highest)),
    difference && ((fact) => DIFFERENCES[difference].holds(fact)),
  ].filter(Boolean);
  return { isActive: tests.length > 0, passes: (fact) => tests.every((test) => test(fact)) };
}

/** Find the visible documents and facts. Without an active filter, documents without facts are visible too. */
function applyFilters() {
  const selected = filterValues();
  const { isActive, passes } = factFilter(selected);
  const query = selected.search.trim().toLowerCase();
  state.visible = DATA.documents
    .filter((doc) => !query || searchable(doc).includes(query))
    .map((doc) => ({ doc, facts: doc.facts.filter(passes) }))
    .filter(({ facts }) => !isActive || facts.length > 0);
  const facts = state.visible.reduce((total, item) => total + item.facts.length, 0);
  byId("found").textContent = `${formatCount(facts)} facts in ${formatCount(state.visible.length)} documents`;
  byId("documents").replaceChildren(...state.visible.map(({ doc, facts }) =>
    element("li", {}, element("a", { href: `#document/${doc.index}` }, bidiText(doc.title), element("small", {}, ` ${facts.length}`)))));
}

function filtersChanged() {
  applyFilters();
  const current = state.visible.find(({ doc }) => doc.index === state.document);
  if (!current && state.visible.length) openDocument(state.visible[0].doc.index);
  else if (current && state.fact && !current.facts.includes(state.fact)) openDocument(state.document);
  else showDocument();
}

/** Set these filters, and reset all others. */
function filterBy(selected) {
  filters.reset();
  for (const [name, value] of Object.entries(selected)) filters.elements[name].value = value;
  filtersChanged();
}

/** Go to a document; in another view, choose it for when the document view opens. */
function openDocument(index) {
  if (state.view === "documents") navigate(`#document/${index}`);
  else Object.assign(state, { document: index, fact: null });
}

/** Go to an address within the page at once; the browser's `hashchange` event comes later. */
function navigate(address) {
  location.hash = address;
  route();
}

/** Show what the page's address points to. */
function route() {
  if (location.hash === state.address) return;
  state.address = location.hash;
  const [kind, index, ...rest] = location.hash.slice(1).split("/");
  state.view = Object.hasOwn(VIEWS, kind) ? kind : ["document", "fact"].includes(kind) ? "documents" : "scores";
  if (kind === "document" || kind === "fact") {
    if (Number(index) !== state.document) state.entity = null;
    state.document = Math.min(Math.max(Math.trunc(Number(index)) || 0, 0), DATA.documents.length - 1);
    state.fact = kind === "fact" ? factAt(rest) : null;
    const shown = state.visible.find(({ doc }) => doc.index === state.document);
    if (!shown || (state.fact && !shown.facts.includes(state.fact))) {
      filters.reset();
      applyFilters();
    }
  }
  for (const view of Object.keys(VIEWS)) byId(`view-${view}`).hidden = view !== state.view;
  for (const link of document.querySelectorAll("header nav a")) {
    if (link.hash === `#${state.view}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (!filled.has(state.view)) VIEWS[state.view]();
  filled.add(state.view);
  if (state.view === "documents") showDocument();
  else scrollTo(0, 0);
}

function factAt([subject, object, relation = ""]) {
  const matches = (fact) =>
    fact.subject === Number(subject) && fact.object === Number(object) && factLink(fact).endsWith(`/${relation}`);
  return DATA.documents[state.document]?.facts.find(matches) ?? null;
}

function showDocument() {
  if (!DATA.documents.length || state.view !== "documents") return;
  const doc = opened(DATA.documents[state.document]);
  const facts = state.visible.find((item) => item.doc === doc)?.facts ?? [];
  byId("title").replaceChildren(bidiText(doc.title));
  showText(doc, state.fact);
  showGraph(doc, facts, state.fact);
  showEntities(doc);
  showFacts(doc, facts, state.fact);
  for (const link of byId("documents").querySelectorAll("a")) {
    const isShown = link.hash === `#document/${doc.index}`;
    if (isShown) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
    if (isShown) scrollWithin(link, byId("documents").parentElement);
  }
  const open = byId("facts").querySelector("[aria-current]");
  if (open) open.parentElement.scrollIntoView({ block: "nearest" });
}

/** Scroll a list to make an item visible, without scrolling the page. */
function scrollWithin(item, list) {
  const [inner, outer] = [item.getBoundingClientRect(), list.getBoundingClientRect()];
  if (inner.top < outer.top) list.scrollTop -= outer.top - inner.top;
  else if (inner.bottom > outer.bottom) list.scrollTop += inner.bottom - outer.bottom;
}

function pickEntity(entity) {
  state.entity = state.entity === entity ? null : entity;
  showDocument();
}

/** Move by a number of facts, through all visible documents. */
function moveFact(offset) {
  const all = state.visible.flatMap(({ facts }) => facts);
  if (!all.length) return;
  const current = all.indexOf(state.fact);
  const following = all.findIndex((fact) => fact.document >= state.document);
  const next = current >= 0 ? current + offset : offset > 0 ? Math.max(following, 0) : Math.max(following - 1, 0);
  navigate(factLink(all[Math.min(Math.max(next, 0), all.length - 1)]));
}

/** Move by a number of visible documents. */
function moveDocument(offset) {
  const current = state.visible.findIndex(({ doc }) => doc.index === state.document);
  const next = state.visible[Math.min(Math.max(current + offset, 0), state.visible.length - 1)];
  if (next) openDocument(next.doc.index);
}
