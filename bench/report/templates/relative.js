// Show the ratios of the first workload relative to the program that a reader chose.
"use strict";
for (const select of document.querySelectorAll("#relative")) {
  const { heading, cells } = JSON.parse(select.parentElement.querySelector("script").textContent);
  const find = (table) => [...table.tHead.rows[0].cells]
    .findIndex((one) => one.textContent.trim().startsWith(heading));
  const table = [...document.querySelectorAll(".sections table.sortable")]
    .find((one) => find(one) >= 0);
  const column = table ? find(table) : -1;
  if (column < 0) {
    select.parentElement.hidden = true;
    continue;
  }
  const width = Object.values(Object.values(cells)[0])[0].length;
  const part = (row) => [...row.cells].slice(column, column + width);
  const headings = part(table.tHead.rows[0]).map((one) => [one, one.firstChild.textContent]);
  const lines = [...table.tBodies[0].rows].map((row) =>
    [row.dataset.of, part(row).map((cell) => [cell, cell.textContent, cell.dataset.key])]);

  const show = () => {
    const chosen = cells[select.value];
    for (const [one, text] of headings) {
      one.removeAttribute("aria-sort");  // other values stand in the order of before
      one.firstChild.textContent = chosen ? text.replace(/×.*/, `× ${select.value}`) : text;
    }
    for (const [name, own] of lines) {
      own.forEach(([cell, first, firstKey], place) => {
        const text = chosen ? chosen[name]?.[place] ?? "—" : first;
        cell.textContent = text;
        cell.dataset.key = (chosen ? parseFloat(text.replaceAll(",", "")) : firstKey) ?? "";
      });
    }
  };
  select.addEventListener("change", () => {
    address.set("relative", select.value);
    show();
  });
  address.follow((state) => {
    const name = state.get("relative") ?? "";
    select.value = name in cells ? name : "";
    show();
  });
}
