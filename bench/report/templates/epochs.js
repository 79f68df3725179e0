// Show the programs in the order of what a reader chose, and the sentence that says who is first.
"use strict";
const SCALES = { s: 1, ms: 1e3, "µs": 1e6 };
for (const form of document.querySelectorAll("#chooser")) {
  const place = document.getElementById("standings");
  const standings = JSON.parse(place.querySelector("script").textContent);
  const counts = Object.keys(standings).map(Number).filter(Number.isFinite);
  const [slider, models, batch, select] = ["epochs", "models", "batch", "quantity"]
    .map((name) => form.querySelector(`#${name}`));
  const sizes = models?.dataset.sizes.split(" ");
  const body = place.querySelector("tbody");
  const rows = new Map([...body.rows].map((row) => [row.dataset.of, row]));

  const show = () => {
    const epochs = counts[slider.value];
    const size = models && models.value > 0 ? `m${sizes[models.value]}` : "";
    const images = batch && batch.selectedIndex > 0 ? `b${batch.value}` : "";
    const keys = [[epochs, size || images, select.value], [epochs, size || images], [epochs]];
    const [heading, lines, leaders, sentence] = standings[select.value]
      ?? standings[keys.map((key) => key.filter(Boolean).join(" ")).find((key) => key in standings)];
    const trains = !(select.value in standings);
    for (const part of [slider, models, batch]) if (part) part.parentElement.hidden = !trains;
    slider.setAttribute("aria-valuetext", `${epochs.toLocaleString("en")} epochs`);
    models?.setAttribute("aria-valuetext", `${sizes[models.value]} models`);
    place.querySelector("thead span").textContent = heading;
    place.querySelector(".headline").textContent = sentence;
    for (const row of rows.values()) row.classList.add("absent");
    body.append(...lines.map(([name, text, compared], number) => {
      const row = rows.get(name);
      row.classList.remove("absent");
      row.classList.toggle("leader", number < leaders);
      row.cells[1].textContent = text || ratios.write(compared, SCALES[heading.split(", ")[1]]);
      row.cells[2].dataset.key = compared;
      return row;
    }));
    ratios.show();
    // The horizontal axis goes from 1 to the last number, on a logarithmic scale.
    for (const rule of document.querySelectorAll(".pair .chosen_marks line")) {
      const plot = rule.closest("svg").querySelector(".role-axis-grid line[x2]:not([x2='0'])");
      if (!plot) continue;
      const share = Math.log(epochs) / Math.log(counts.at(-1));
      rule.setAttribute("transform", `translate(${plot.getAttribute("x2") * share},0)`);
      rule.classList.toggle("chosen", trains && !size && !images && !select.value);
    }
  };
  place.querySelector("#all")?.addEventListener("click", () => place.classList.add("all"));
  const choices = { epochs: () => counts[slider.value], models: () => sizes[models.value],
    batch: () => batch.value, quantity: () => select.value };
  form.addEventListener("input", ({ target }) => {
    show();
    address.set(target.id, choices[target.id]());
  });
  address.follow((state) => {
    const index = counts.indexOf(Number(state.get("epochs")));
    if (index >= 0) slider.value = index;
    const size = sizes?.indexOf(state.get("models")) ?? -1;
    if (size >= 0) models.value = size;
    for (const [part, name] of [[batch, "batch"], [select, "quantity"]]) {
      const value = state.get(name) ?? "";
      if (part) part.selectedIndex = Math.max(0, [...part.options].findIndex((one) => one.value === value));
    }
    show();
  });
}
