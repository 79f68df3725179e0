// Show what a mark of a chart stands for: under the pointer, or with the arrow keys.
"use strict";
{
  const tip = document.body.appendChild(document.createElement("div"));
  tip.id = "tip";
  tip.setAttribute("role", "status");
  tip.hidden = true;
  let marked;

  // The browser would show the title of a mark as well, but later and not for the keyboard.
  const read = (mark) => {
    const title = mark.querySelector(":scope > title");
    if (title) {
      mark.dataset.tip = title.textContent;
      title.remove();
    }
    return mark.dataset.tip;
  };
  const hide = () => {
    tip.hidden = true;
    marked?.classList.remove("marked");
    marked = undefined;
  };
  const show = (mark) => {
    hide();
    marked = mark;
    mark.classList.add("marked");
    tip.textContent = read(mark);
    tip.hidden = false;
    const place = mark.getBoundingClientRect();
    const left = Math.min(place.right + 8, innerWidth - tip.offsetWidth - 8);
    const below = place.bottom + 8 + tip.offsetHeight < innerHeight;
    tip.style.left = `${Math.max(8, left)}px`;
    tip.style.top = `${below ? place.bottom + 8 : place.top - 8 - tip.offsetHeight}px`;
  };

  const MARKS = ":is(:has(> title), [data-tip]):not(.faded)";
  for (const chart of document.querySelectorAll(".chart")) {
    chart.addEventListener("pointerover", ({ target }) => {
      const mark = target.closest(MARKS);
      if (mark) show(mark);
      else hide();
    });
    chart.addEventListener("pointerleave", hide);
    chart.addEventListener("blur", hide);
    chart.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (event.key === "Escape") hide();
      if (!step) return;
      event.preventDefault();
      const marks = [...chart.querySelectorAll(MARKS)].filter((mark) => mark.checkVisibility());
      const next = marks.indexOf(marked) + step;
      if (marks.length) show(marks[(next + marks.length) % marks.length]);
      marked?.scrollIntoView({ block: "nearest" });
    });
  }
  addEventListener("scroll", () => { if (marked) show(marked); }, { passive: true });
}
