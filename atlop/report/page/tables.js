// Tables whose columns sort.

/**
 * Make a table.
 * columns: {title, value(row), show(row)} each; `show` gives text or an element, and is `value` where left out.
 * A column of words has `words: true`; it sorts upwards first, numbers downwards.
 */
function table(caption, columns, rows, { sortable = false, sortedBy = null } = {}) {
  const body = element("tbody");
  const heads = columns.map((column) => {
    const head = element("th", { scope: "col", class: column.words ? "words" : false });
    head.append(sortable ? element("button", { type: "button", click: () => sort(column, head) }, column.title) : column.title);
    return head;
  });

  function fill(ordered) {
    body.replaceChildren(
      ...ordered.map((row) =>
        element("tr", {}, ...columns.map((column, place) =>
          element(place ? "td" : "th", { scope: place ? false : "row", class: column.words ? "words" : false }, (column.show ?? column.value)(row)))),
      ),
    );
  }

  function sort(column, head) {
    const descending = head.getAttribute("aria-sort") ? head.getAttribute("aria-sort") === "ascending" : !column.words;
    for (const each of heads) each.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const ordered = [...rows].sort((one, other) => {
      const [first, second] = [column.value(one), column.value(other)];
      return column.words ? String(first).localeCompare(String(second)) : (first ?? -Infinity) - (second ?? -Infinity);
    });
    fill(descending ? ordered.reverse() : ordered);
  }

  const first = columns.findIndex((column) => column.title === sortedBy);
  if (first >= 0) sort(columns[first], heads[first]);
  else fill(rows);
  const made = element("table", {}, element("caption", {}, caption), element("thead", {}, element("tr", {}, ...heads)), body);
  return element("div", { class: "table", tabindex: "0", role: "region", "aria-label": caption }, made);
}
