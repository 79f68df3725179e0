// Show the programs that a reader chose: other lines of tables go, other marks of charts fade.
"use strict";
for (const form of document.querySelectorAll("form.filters")) {
  const names = Object.entries(JSON.parse(form.querySelector("script").textContent));
  const programs = names.filter(([, features]) => features.style);
  const selects = [...form.querySelectorAll("select")];
  let filtered = false;

  // What a part of a chart is about: the names in its tooltip, or a label of an axis.
  const describe = (part) => part.dataset.of ?? part.dataset.tip
    ?? part.querySelector(":scope > title")?.textContent ?? part.textContent;
  const show = () => {
    const chosen = selects.filter((select) => select.value);
    const others = new Set(names.filter(([, features]) => chosen.some(({ name, value }) =>
      name in features && features[name] !== value)).map(([name]) => name));
    const hides = (text) => text.split(" · ").some((name) => others.has(name));
    form.querySelector("output").textContent =
      `${programs.filter(([name]) => !others.has(name)).length} of ${programs.length} programs`;
    if (!filtered && !others.size) return;
    filtered = others.size > 0;
    for (const row of document.querySelectorAll("tr[data-of]")) row.hidden = hides(row.dataset.of);
    const parts = document.querySelectorAll(".chart :is(.role-axis-label text, .role-mark text, [data-of], [data-tip], :has(> title))");
    for (const part of parts) part.classList.toggle("faded", hides(describe(part)));
  };

  form.addEventListener("change", ({ target }) => {
    address.set(target.name, target.value);
    show();
  });
  address.follow((state) => {
    for (const select of selects) {
      select.value = state.get(select.name) ?? "";
      if (select.selectedIndex < 0) select.value = "";
    }
    show();
  });
}
