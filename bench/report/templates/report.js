// The comparison: sorted by what its cells stand for, not by their text, and cut down by choices.
"use strict";
for (const table of document.querySelectorAll("#comparison")) {
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const headings = [...table.tHead.rows[0].cells];

  const key = (row, column) => {
    const cell = row.cells[column];
    return headings[column].classList.contains("n")
      ? parseFloat(cell.dataset.key ?? "NaN")
      : cell.textContent;
  };
  const order = (a, b) =>
    typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b;
  const absent = (value) => Number.isNaN(value);

  const sort = (column) => {
    const heading = headings[column];
    const up = heading.getAttribute("aria-sort") !== "ascending";
    for (const each of headings) each.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", up ? "ascending" : "descending");
    const keyed = rows.map((row) => [key(row, column), row]);
    keyed.sort(([a], [b]) =>
      absent(a) || absent(b) ? absent(a) - absent(b) : up ? order(a, b) : order(b, a));
    body.append(...keyed.map(([, row]) => row));
  };
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    button.addEventListener("click", () => sort(column));
    heading.replaceChildren(button);
  });

  const form = document.getElementById("filters");
  const choose = () => {
    const chosen = [...form.elements].filter((one) => one.name && one.value);
    for (const row of rows) row.hidden = chosen.some((one) => row.dataset[one.name] !== one.value);
    const shown = rows.filter((row) => !row.hidden).length;
    form.querySelector("output").textContent = `${shown} of ${rows.length} rows`;
  };
  form.addEventListener("change", choose);
  choose();
}

// The charts: each specification as it is, in the colours, the letters and the room of the page.
{
  const WIDEST = 820; // a longer axis shows nothing more
  const NARROWEST = 160; // of a small chart with its labels
  const LABELS = 62; // what the labels of a small chart take of it
  const figures = [...document.querySelectorAll("figure")].map((figure) => ({
    figure,
    place: figure.querySelector(".live"),
    specification: JSON.parse(figure.querySelector("script").textContent),
  }));

  const fitted = (specification, room) => {
    if (specification.facet && specification.spec?.width && specification.columns) {
      const columns = Math.min(specification.columns, Math.max(1, Math.floor(room / NARROWEST)));
      const width = Math.min(specification.spec.width, Math.floor(room / columns) - LABELS);
      return { ...specification, columns, spec: { ...specification.spec, width } };
    }
    if (typeof specification.width === "number" && (specification.mark || specification.layer)) {
      const autosize = { type: "fit-x", contains: "padding" };
      return { ...specification, width: Math.min(room, WIDEST), autosize };
    }
    return specification; // wider than the page, it moves in its own box
  };

  // Lays the legend out in as many columns as fit beside the names of the rows, and keeps the
  // title of an axis from running into the next, or off the chart.
  const config = (room, title) => {
    const probe = document.body.appendChild(document.createElement("i"));
    const [ink, faint, line] = ["--ink", "--faint", "--line"].map((name) => {
      probe.style.color = `var(${name})`;
      return getComputedStyle(probe).color;
    });
    probe.style.fontFamily = "var(--plain)";
    const font = getComputedStyle(probe).fontFamily;
    probe.remove();
    return {
      background: "transparent",
      font,
      axis: { labelColor: ink, titleColor: faint, gridColor: line, tickColor: line,
        domainColor: line, titleFontWeight: "normal", titleLimit: title, labelSeparation: 5 },
      axisX: { titleAnchor: "end" },
      header: { labelColor: ink, titleColor: ink },
      legend: { labelColor: ink, titleColor: faint, columns: Math.max(1, Math.floor((room - 150) / 90)) },
      text: { color: ink },
      view: { stroke: line },
      tooltipFormat: { numberFormat: ",.4~r" },
    };
  };

  const drawOne = async (one) => {
    const room = one.figure.clientWidth;
    const specification = fitted(one.specification, room);
    const options = {
      mode: "vega-lite", renderer: "svg", actions: false, ast: true, defaultStyle: false,
      config: config(room, specification.spec?.width ?? room), tooltip: { disableDefaultStyle: true },
    };
    one.view?.finalize();
    one.room = room;
    one.figure.classList.add("drawn");
    try {
      one.view = await vegaEmbed(one.place, specification, options);
      one.place.firstElementChild.ariaHidden = "true"; // its place has a text, and a table below
    } catch (error) {
      one.figure.classList.remove("drawn");
      console.error(error);
    }
  };

  let turn = 0;
  const draw = async (chosen) => {
    const mine = ++turn;
    document.documentElement.dataset.charts = "drawing";
    for (const one of figures.filter(chosen)) {
      await drawOne(one);
      await new Promise((resolve) => setTimeout(resolve)); // a reader's click comes first
      if (mine !== turn) return;
    }
    document.documentElement.dataset.charts = "drawn";
    performance.mark("charts");
  };

  let waiting;
  addEventListener("colours", () => draw(() => true));
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => draw((one) => one.room !== one.figure.clientWidth), 200);
  });
  draw(() => true);
}
