// The charts: each specification as it is, in the colours, the letters and the room of the page.
"use strict";
{
  const WIDEST = 820; // a longer axis shows nothing more
  const NARROWEST = 160; // of a small chart with its labels
  const LABELS = 62; // what the labels of a small chart take of it
  const GROWTH = 1.5; // how much wider than it was meant a small chart may become
  const figures = [...document.querySelectorAll("figure")].map((figure) => ({
    figure,
    place: figure.querySelector(".live"),
    specification: JSON.parse(figure.querySelector("script").textContent),
  }));

  const isImage = ({ mark, layer = [] }) =>
    mark?.type === "image" || mark === "image" || layer.some(isImage);

  // A small chart stands for a value of a field; those of a wrapped facet go on in the next row.
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
      const found = widened(specification, Math.min(most, Math.floor(room / columns) - LABELS));
      return specification.columns ? { ...found, columns } : found;
    }
    // Where images stand is counted in pixels: what holds some is made smaller as a whole.
    if (typeof specification.width === "number" && !isImage(specification)) {
      const autosize = { type: "fit-x", contains: "padding" };
      return { ...specification, width: Math.min(room, WIDEST), autosize };
    }
    return specification;
  };

  // Black, and the light greys that stand back behind other colours, change with the paper.
  const recoloured = (found, { ink, line }) => {
    if (Array.isArray(found)) return found.map((each) => recoloured(each, { ink, line }));
    if (found && typeof found === "object") {
      const its = Object.entries(found).map(([key, one]) =>
        [key, /^(data|datasets)$/.test(key) ? one : recoloured(one, { ink, line })]);
      return Object.fromEntries(its);
    }
    if (/^#000000$/i.test(found)) return ink;
    return /^#([b-e][0-9a-f])\1\1$/i.test(found) ? line : found;
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

  // Keeps the title of an axis from running into the next, or off the chart.
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

  // As many columns of the legend as fit beside the names of the rows, were they all short.
  const columnsOf = (room) => Math.max(1, Math.floor((room - 150) / 90));

  // Draws a chart, and says by how much it is wider than its room.
  const embed = async (one, specification, room, columns = columnsOf(room)) => {
    const its = colours();
    one.view?.finalize();
    one.view = await vegaEmbed(one.place, recoloured(specification, its), {
      mode: "vega-lite", renderer: "svg", actions: false, ast: true, defaultStyle: false,
      config: config(its, room, columns, specification.spec?.width ?? room),
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
