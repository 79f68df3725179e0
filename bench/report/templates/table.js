// Sort tables by the values of their cells.
"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const headings = [...table.tHead.rows[0].cells];
  const section = table.closest("section");
  const name = `sort.${section.id}.${[...section.querySelectorAll("table")].indexOf(table)}`;

  const key = (row, column) => {
    const cell = row.cells[column];
    return headings[column].classList.contains("n")
      ? parseFloat(cell.dataset.key ?? "NaN")
      : cell.textContent;
  };
  const order = (a, b) =>
    typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b;
  const absent = (value) => Number.isNaN(value);

  const sort = (column, up) => {
    for (const other of headings) other.removeAttribute("aria-sort");
    headings[column]?.setAttribute("aria-sort", up ? "ascending" : "descending");
    const keyed = rows.map((row) => [headings[column] ? key(row, column) : 0, row]);
    keyed.sort(([a], [b]) =>
      absent(a) || absent(b) ? absent(a) - absent(b) : up ? order(a, b) : order(b, a));
    body.append(...keyed.map(([, row]) => row));
  };
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    button.addEventListener("click", () => {
      const up = heading.getAttribute("aria-sort") !== "ascending";
      sort(column, up);
      address.set(name, `${column}.${up ? "up" : "down"}`);
    });
    heading.replaceChildren(button);
  });
  address.follow((state) => {
    const [column, way] = (state.get(name) ?? "").split(".");
    const fold = table.closest("details");
    if (column && fold) fold.open = true;
    if (column || table.querySelector("[aria-sort]")) sort(column, way === "up");
  });
}
