// Show the programs in the order of what a reader chose: a start and some epochs, or another one.
"use strict";
for (const place of document.querySelectorAll("#standings")) {
  const standings = JSON.parse(place.querySelector("script").textContent);
  const counts = Object.keys(standings).map(Number).filter(Number.isFinite);
  const slider = place.querySelector("#epochs");
  const select = place.querySelector("#quantity");
  const models = place.querySelector("#models");
  const sizes = models?.dataset.sizes.split(" ");
  const body = place.querySelector("tbody");
  const rows = new Map([...body.rows].map((row) => [row.dataset.of, row]));
  const [started, other] = place.querySelectorAll("caption span");

  const show = () => {
    const epochs = counts[slider.value];
    // Of the first workload's number of models, keys are epochs alone.
    const size = sizes?.[models.value];
    const end = select?.value === "warm" ? "~" : "";
    const [heading, lines, leaders, caption] =
      standings[select?.value] ?? standings[`${epochs}@${size}${end}`] ?? standings[`${epochs}${end}`];
    started.hidden = caption !== "";
    started.querySelector("b").textContent = end ? "warm" : "cold";
    for (const part of place.querySelectorAll("input, label:not([for=quantity])")) part.hidden = started.hidden;
    slider.setAttribute("aria-valuetext", `${epochs} epochs`);
    place.querySelector("thead span").textContent = heading;
    const [epochsShown, modelsShown] = place.querySelectorAll("output");
    epochsShown.textContent = epochs.toLocaleString("en");
    if (models) {
      models.setAttribute("aria-valuetext", `${size} models`);
      modelsShown.textContent = Number(size).toLocaleString("en");
    }
    other.textContent = caption;
    for (const row of rows.values()) row.classList.add("absent");
    body.append(...lines.map(([name, text, compared], number) => {
      const row = rows.get(name);
      row.classList.remove("absent");
      row.classList.toggle("leader", number < leaders);
      row.cells[1].textContent = text;
      row.cells[2].dataset.key = compared;
      return row;
    }));
    ratios.show();
    // The horizontal axis goes from 1 to the last number, on a logarithmic scale.
    for (const rule of place.parentElement.querySelectorAll(".chosen_marks line")) {
      const plot = rule.closest("svg").querySelector(".role-axis-grid line[x2]:not([x2='0'])");
      const share = Math.log(epochs) / Math.log(counts.at(-1));
      rule.setAttribute("transform", `translate(${plot.getAttribute("x2") * share},0)`);
      rule.classList.toggle("chosen", caption === "" && !end);
    }
  };
  place.querySelector("#all")?.addEventListener("click", () => place.classList.add("all"));
  slider.addEventListener("input", () => {
    show();
    address.set("epochs", counts[slider.value]);
  });
  models?.addEventListener("input", () => {
    show();
    address.set("models", sizes[models.value]);
  });
  select?.addEventListener("change", () => {
    show();
    address.set("quantity", select.value);
  });
  address.follow((state) => {
    const index = counts.indexOf(Number(state.get("epochs")));
    const quantity = state.get("quantity") ?? "";
    const size = sizes?.indexOf(state.get("models")) ?? -1;
    if (index < 0 && size < 0 && !quantity && !select?.value) return;
    if (index >= 0) slider.value = index;
    if (size >= 0) models.value = size;
    if (select) select.value = [...select.options].some((one) => one.value === quantity) ? quantity : "";
    show();
  });
}
