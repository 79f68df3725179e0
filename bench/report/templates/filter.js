// Show the programs that a reader chose: other lines of tables go, other marks of charts fade.
"use strict";
for (const form of document.querySelectorAll("form.filters")) {
  const names = Object.entries(JSON.parse(form.querySelector("script.programs").textContent));
  const programs = names.filter(([, features]) => features.style);
  const selects = [...form.querySelectorAll("select")];
  const relative = form.querySelector("#relative");
  const boxes = [...form.querySelectorAll("input")];
  let filtered = false;

  // What a part of a chart is about: the names in its tooltip, or a label of an axis.
  const describe = (part) => part.dataset.of ?? part.dataset.tip
    ?? part.querySelector(":scope > title")?.textContent ?? part.textContent;
  const tick = () => boxes.filter((box) => box.checked).map((box) => box.value);
  const show = () => {
    const chosen = selects.filter((select) => select.value)
      .map(({ name, value }) => [name, [value]]);
    if (tick().length) chosen.push(["family", tick()]);
    // What the others are relative to stays.
    const others = new Set(names.filter(([name, features]) => name !== relative?.value
      && chosen.some(([feature, values]) => feature in features && !values.includes(features[feature])))
      .map(([name]) => name));
    const hides = (text) => text.split(" · ").some((name) => others.has(name));
    form.querySelector("output").textContent =
      `${programs.filter(([name]) => !others.has(name)).length} of ${programs.length} programs${others.size ? "; sentences are about all" : ""}`;
    if (filtered || others.size) {
      filtered = others.size > 0;
      document.body.classList.toggle("filtered", filtered);
      for (const row of document.querySelectorAll("tr[data-of]")) row.hidden = hides(row.dataset.of);
      const parts = document.querySelectorAll(".chart :is(.role-axis-label text, .role-mark text, [data-of], [data-tip], :has(> title))");
      for (const part of parts) part.classList.toggle("faded", hides(describe(part)));
    }
    ratios.show();
  };

  form.addEventListener("change", ({ target }) => {
    if (target.type === "checkbox") address.set("family", tick().join(","));
    else address.set(target.name, target.value);
    show();
  });
  address.follow((state) => {
    for (const select of selects) {
      select.value = state.get(select.name) ?? "";
      if (select.selectedIndex < 0) select.value = "";
    }
    const ticked = (state.get("family") ?? "").split(",");
    for (const box of boxes) box.checked = ticked.includes(box.value);
    show();
  });
}
