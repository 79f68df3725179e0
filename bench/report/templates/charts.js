// Draw the charts again, in the colours, the font and the width of the page.
"use strict";
{
  const WIDEST = 820; // a longer axis shows nothing more
  const NARROWEST = 160; // width of a panel with its labels
  const LABELS = 62; // width of a panel's labels
  const GROWTH = 1.5; // how much wider than designed a panel may become
  const figures = [...document.querySelectorAll("figure")].map((figure) => ({
    figure,
    place: figure.querySelector(".live"),
    specification: JSON.parse(figure.querySelector("script").textContent),
  }));

  const isImage = ({ mark, layer = [] }) =>
    mark?.type === "image" || mark === "image" || layer.some(isImage);

  // A panel shows one value of a field; the panels of a wrapped facet continue in the next row.
  const charts = ({ data, datasets, facet }) => {
    const { field } = facet.column ?? facet;
    return new Set((data.values ?? datasets[data.name]).map((point) => point[field])).size;
  };
  const across = (specification, room) => {
    const most = Math.min(specification.columns ?? Infinity, charts(specification));
    const wrapped = specification.facet.field !== undefined;
    return wrapped ? Math.min(most, Math.max(1, Math.floor(room / NARROWEST))) : most;
  };
  const widened = (specification, width) => ({
    ...specification, spec: { ...specification.spec, width },
  });

  const fitted = (specification, room) => {
    if (specification.facet && specification.spec.width) {
      const columns = across(specification, room);
      const most = Math.min(GROWTH * specification.spec.width, WIDEST / columns);
      const wide = widened(specification, Math.min(most, Math.floor(room / columns) - LABELS));
      return specification.columns ? { ...wide, columns } : wide;
    }
    // Images are placed by pixels: a chart with images is scaled as a whole.
    if (typeof specification.width === "number" && !isImage(specification)) {
      const autosize = { type: "fit-x", contains: "padding" };
      return { ...specification, width: Math.min(room, WIDEST), autosize };
    }
    return specification;
  };

  // Black and the light greys change with the background.
  const recoloured = (value, { ink, line }) => {
    if (Array.isArray(value)) return value.map((item) => recoloured(item, { ink, line }));
    if (value && typeof value === "object") {
      const entries = Object.entries(value).map(([key, item]) =>
        [key, /^(data|datasets)$/.test(key) ? item : recoloured(item, { ink, line })]);
      return Object.fromEntries(entries);
    }
    if (/^#000000$/i.test(value)) return ink;
    return /^#([b-e][0-9a-f])\1\1$/i.test(value) ? line : value;
  };

  const colours = () => {
    const probe = document.body.appendChild(document.createElement("i"));
    const [ink, faint, line] = ["--ink", "--faint", "--line"].map((name) => {
      probe.style.color = `var(${name})`;
      return getComputedStyle(probe).color;
    });
    probe.style.fontFamily = "var(--plain)";
    const font = getComputedStyle(probe).fontFamily;
    probe.remove();
    return { ink, faint, line, font };
  };

  // Keep the title of an axis from running into the next, or off the chart.
  const config = ({ ink, faint, line, font }, room, columns, title) => ({
    background: "transparent",
    font,
    axis: { labelColor: ink, titleColor: faint, gridColor: line, tickColor: line,
      domainColor: line, titleFontWeight: "normal", titleFontSize: room < 480 ? 10 : 11,
      labelSeparation: 5 },
    axisX: { titleAnchor: "end", titleLimit: title },
    header: { labelColor: ink, titleColor: ink },
    legend: { labelColor: ink, titleColor: faint, symbolFillColor: ink, columns },
    text: { color: ink },
    view: { stroke: line },
    tooltipFormat: { numberFormat: ",.4~r" },
  });

  // The number of legend columns that fit beside the row names, if all names are short.
  const columnsOf = (room) => Math.max(1, Math.floor((room - 150) / 90));

  // Draw a chart; return by how many pixels it is too wide.
  const embed = async (one, specification, room, columns = columnsOf(room)) => {
    const palette = colours();
    one.view?.finalize();
    one.view = await vegaEmbed(one.place, recoloured(specification, palette), {
      mode: "vega-lite", renderer: "svg", actions: false, ast: true, defaultStyle: false,
      config: config(palette, room, columns, specification.spec?.width ?? room),
      tooltip: { disableDefaultStyle: true },
    });
    return Number(one.place.firstElementChild.getAttribute("width")) - room;
  };

  const drawOne = async (one) => {
    const room = one.figure.clientWidth;
    one.room = room;
    one.figure.classList.add("drawn");
    try {
      const specification = fitted(one.specification, room);
      let over = await embed(one, specification, room);
      if (over <= 0 || !specification.spec) return;
      over = await embed(one, specification, room, 1);
      if (over <= 0) return;
      const less = Math.ceil(over / across(specification, room));
      await embed(one, widened(specification, specification.spec.width - less), room, 1);
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
