// Keep what a reader chose in the URL, as in #epochs=20&style=tuned: a link shows the same view.
"use strict";
const address = {
  state: new URLSearchParams(),
  set(name, value) {
    if (value) address.state.set(name, value);
    else address.state.delete(name);
    history.replaceState(null, "", `#${address.state}`);
  },
  // Call a function with the state now, and whenever the URL has another one.
  follow(show) {
    addEventListener("hashchange", () => show(address.state));
    show(address.state);
  },
};
{
  // Open what is folded at a place.
  const show = (id, scroll) => {
    const place = document.getElementById(id);
    const fold = place?.closest("section")?.querySelector("details.fold");
    if (fold) fold.open = true;
    if (scroll) place?.scrollIntoView();
  };
  const read = () => {
    const fragment = location.hash.slice(1);
    if (fragment.includes("=") || !fragment) {
      address.state = new URLSearchParams(fragment);
      show(address.state.get("at"), true);
    } else if (address.state.size) {
      // The reader followed a link within the page: the URL keeps that place and the choices.
      address.set("at", fragment);
      show(fragment);
    } else {
      show(fragment);
    }
  };
  addEventListener("hashchange", read);
  read();
}
