// Sortable tables.

/**
 * Create a table.
 * Each column is {title, value(row), show(row)}: `value` is sorted by, `show` returns text or an element, by default `value`.
 * A column with `words: true` first sorts in ascending order, the others in descending order.
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
        element("tr", {}, ...columns.map((column, index) =>
          element(index ? "td" : "th", { scope: index ? false : "row", class: column.words ? "words" : false }, (column.show ?? column.value)(row)))),
      ),
    );
  }

  function sort(column, head) {
    const descending = head.getAttribute("aria-sort") ? head.getAttribute("aria-sort") === "ascending" : !column.words;
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const ordered = [...rows].sort((a, b) => {
      const [first, second] = [column.value(a), column.value(b)];
      return column.words ? String(first).localeCompare(String(second)) : (first ?? -Infinity) - (second ?? -Infinity);
    });
    fill(descending ? ordered.reverse() : ordered);
  }

  const first = columns.findIndex((column) => column.title === sortedBy);
  if (first >= 0) sort(columns[first], heads[first]);
  else fill(rows);
  const content = element("table", {}, element("caption", {}, caption), element("thead", {}, element("tr", {}, ...heads)), body);
  return scrollSideways(caption, content);
}
