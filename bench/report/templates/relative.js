// Show the ratios of the first workload relative to the program that a reader chose.
"use strict";
for (const select of document.querySelectorAll("#relative")) {
  const ratios = JSON.parse(select.parentElement.querySelector("script").textContent);
  const find = (table) => [...table.tHead.rows[0].cells]
    .findIndex((heading) => heading.textContent.trim().startsWith("× fastest"));
  const table = [...document.querySelectorAll(".sections table.sortable")]
    .find((one) => find(one) >= 0);
  const column = table ? find(table) : -1;
  if (column < 0) {
    select.parentElement.hidden = true;
    continue;
  }
  const heading = table.tHead.rows[0].cells[column].firstChild;
  const cells = [...table.tBodies[0].rows].map((row) => [row.dataset.of, row.cells[column]]);
  const first = cells.map(([, cell]) => [cell.textContent, cell.dataset.key]);

  const show = () => {
    const chosen = ratios[select.value];
    heading.closest("th").removeAttribute("aria-sort");  // other values stand in the order of before
    heading.textContent = chosen ? `× ${select.value}` : "× fastest";
    cells.forEach(([name, cell], place) => {
      const text = chosen ? chosen[name] ?? "—" : first[place][0];
      const key = chosen ? parseFloat(text.replaceAll(",", "")) : first[place][1];
      cell.textContent = text;
      cell.dataset.key = key ?? "";
    });
  };
  select.addEventListener("change", () => {
    address.set("relative", select.value);
    show();
  });
  address.follow((state) => {
    const name = state.get("relative") ?? "";
    select.value = name in ratios ? name : "";
    show();
  });
}
