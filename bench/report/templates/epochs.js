// Show who is done first with as many epochs as the slider says.
"use strict";
for (const place of document.querySelectorAll("#standings")) {
  const standings = JSON.parse(place.querySelector("script").textContent);
  const counts = Object.keys(standings).map(Number);
  const slider = place.querySelector("#epochs");
  const body = place.querySelector("tbody");
  const rows = new Map([...body.rows].map((row) => [row.dataset.of, row]));

  const show = () => {
    const epochs = counts[slider.value];
    const [unit, lines, leaders] = standings[epochs];
    slider.setAttribute("aria-valuetext", `${epochs} epochs`);
    place.querySelector("thead span").textContent = unit;
    place.querySelector("output").textContent = epochs.toLocaleString("en");
    body.append(...lines.map(([name, , ...numbers], number) => {
      const row = rows.get(name);
      row.classList.toggle("leader", number < leaders);
      numbers.forEach((text, column) => { row.cells[column + 1].textContent = text; });
      return row;
    }));
    // The horizontal axis goes from 1 to the last number, on a logarithmic scale.
    for (const rule of place.parentElement.querySelectorAll(".chosen_marks line")) {
      const plot = rule.closest("svg").querySelector(".role-axis-grid line[x2]:not([x2='0'])");
      const share = Math.log(epochs) / Math.log(counts.at(-1));
      rule.setAttribute("transform", `translate(${plot.getAttribute("x2") * share},0)`);
      rule.classList.add("chosen");
    }
  };
  slider.addEventListener("input", () => {
    show();
    address.set("epochs", counts[slider.value]);
  });
  address.follow((state) => {
    const index = counts.indexOf(Number(state.get("epochs")));
    if (index < 0) return;
    slider.value = index;
    show();
  });
}
