// Switches between light and dark; what is drawn in colours of its own listens to "colours".
"use strict";
{
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const button = document.getElementById("colours");
  const dark = () => (root.dataset.colours ?? (system.matches ? "dark" : "light")) === "dark";
  const tell = () => {
    button.textContent = dark() ? "Light" : "Dark";
    button.setAttribute("aria-label", `${button.textContent} colours`);
    dispatchEvent(new Event("colours"));
  };
  button.addEventListener("click", () => {
    root.dataset.colours = dark() ? "light" : "dark";
    tell();
  });
  system.addEventListener("change", tell);
  root.classList.add("js");
  for (const each of document.querySelectorAll(".scripted")) each.hidden = false;
  tell();
}
