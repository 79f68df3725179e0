// Show ratios relative to the program that a reader chose, or else to the first one that is shown.
"use strict";
const ratios = (() => {
  const select = document.getElementById("relative");
  // Of several machines, their cells by the base and the program; else keys hold what is compared.
  const data = select?.parentElement.querySelector("script");
  const { heading, cells } = data ? JSON.parse(data.textContent) : { heading: "×" };
  const width = cells ? Object.values(Object.values(cells)[0])[0].length : 1;

  const format = (value) =>
    Number(value.toPrecision(3)).toLocaleString("en", { minimumSignificantDigits: 3 });
  // As divide_intervals in bench/analysis/intervals.py and format_factor in numbers.py.
  const divide = ([mean, low, high, other], [below, least, most]) => {
    const ratio = mean / below;
    if (ratio === 1) return "1";
    if (low && least) {
      const down = Math.hypot(Math.log(mean / low), Math.log(most / below));
      const up = Math.hypot(Math.log(high / mean), Math.log(below / least));
      return `${format(ratio)} [${format(ratio * Math.exp(-down))}, ${format(ratio * Math.exp(up))}]`;
    }
    return other ? `${format(ratio)} or ${format(other / below)}` : format(ratio);
  };
  const onGpu = (row) => row.dataset.of.endsWith("(gpu)");

  const columns = [...document.querySelectorAll("table:has([data-of])")].map((table) => {
    const headings = [...table.tHead.rows[0].cells];
    const place = headings.findIndex((one) => one.textContent.startsWith(heading));
    const take = (row) => [...row.cells].slice(place, place + width);
    const rows = [...table.tBodies[0].rows];
    if (place >= 0) for (const cell of rows.flatMap(take)) cell.dataset.text = cell.textContent;
    return {
      place,
      take,
      // Where a title names the base, it changes, too.
      headings: [...headings.slice(place, place + width), table.parentElement.previousElementSibling]
        .filter((one) => one?.matches("th, h3")).map((one) => [one, one.textContent]),
      written: table.matches(".sortable"),
      // The first row is that of the order in which a table was written, if a reader can sort it.
      list: () => table.matches(".sortable") ? rows : [...table.tBodies[0].rows],
    };
  }).filter(({ place }) => place >= 0).slice(0, cells ? 1 : undefined);
  if (select && !columns.length) select.parentElement.hidden = true;

  const show = ({ take, headings, written, list }) => {
    const rows = list();
    const read = (row) => take(row)[0].dataset.key?.split(" ").map(Number);
    const write = (row, base, place) => {
      if (cells) return cells[base.dataset.of]?.[row.dataset.of]?.[place] ?? "—";
      return read(row) && onGpu(row) === onGpu(base) ? divide(read(row), read(base)) : "—";
    };
    const shown = rows.filter((row) => !row.hidden && !row.matches(".absent") && (cells || read(row)));
    const chosen = shown.find((row) => row.dataset.of === select?.value);
    const whole = written && rows.every((row) => !row.hidden);
    const name = chosen?.dataset.of ?? (written && !whole ? "first shown" : "");
    for (const [one, text] of headings)
      (one.querySelector("button") ?? one).textContent = name ? text.replace(/×[^,]*/, `× ${name}`) : text;
    for (const row of rows) {
      const base = chosen ?? (whole ? undefined : shown.find((one) => onGpu(one) === onGpu(row)));
      take(row).forEach((cell, number) => {
        const text = base ? write(row, base, number) : cell.dataset.text;
        cell.textContent = text;
        if (cells) cell.dataset.key = parseFloat(text.replaceAll(",", "")) || "";
      });
    }
  };
  // As format_interval in numbers.py, of the key of a cell.
  const write = (key, scale) => {
    const [mean, low, high, other] = key.split(" ").map((one) => format(Number(one) * scale));
    if (other) return `${mean} or ${other}`;
    return low ? `${mean} [${low}, ${high}]` : mean;
  };
  return { write, show: () => columns.forEach(show) };
})();
