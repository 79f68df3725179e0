// Show who is done first with as many epochs as the slider says; the address keeps the number.
"use strict";
for (const place of document.querySelectorAll("#standings")) {
  const standings = JSON.parse(place.querySelector("script").textContent);
  const counts = Object.keys(standings).map(Number);
  const slider = place.querySelector("#epochs");
  const body = place.querySelector("tbody");
  const row = body.rows[0];

  const show = () => {
    const epochs = counts[slider.value];
    const [unit, lines, leaders] = standings[epochs];
    slider.setAttribute("aria-valuetext", `${epochs} epochs`);
    place.querySelector("thead span").textContent = unit;
    place.querySelector("output").textContent = epochs.toLocaleString("en");
    body.replaceChildren(...lines.map(([name, style, ...numbers], number) => {
      const line = row.cloneNode(true);
      line.classList.toggle("leader", number < leaders);
      line.cells[0].firstChild.textContent = `${name} `;
      line.cells[0].lastChild.textContent = style;
      numbers.forEach((text, column) => { line.cells[column + 1].textContent = text; });
      return line;
    }));
    // The horizontal axis goes from 1 to the last number, on a logarithmic scale.
    for (const rule of place.parentElement.querySelectorAll(".chosen_marks line")) {
      const plot = rule.closest("svg").querySelector(".role-axis-grid line[x2]:not([x2='0'])");
      const share = Math.log(epochs) / Math.log(counts.at(-1));
      rule.setAttribute("transform", `translate(${plot.getAttribute("x2") * share},0)`);
      rule.classList.add("chosen");
    }
  };
  const choose = () => {
    const wanted = Number(new URLSearchParams(location.hash.slice(1)).get("epochs"));
    const index = counts.indexOf(wanted);
    if (index < 0) return;
    slider.value = index;
    show();
  };
  slider.addEventListener("input", () => {
    show();
    const state = new URLSearchParams(location.hash.includes("=") ? location.hash.slice(1) : "");
    state.set("epochs", counts[slider.value]);
    history.replaceState(null, "", `#${state}`);
  });
  addEventListener("hashchange", choose);
  choose();
}
