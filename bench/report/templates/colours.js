// Switch between light and dark.
"use strict";
{
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const button = document.getElementById("colours");
  const dark = () => (root.dataset.colours ?? (system.matches ? "dark" : "light")) === "dark";
  const announce = () => {
    button.textContent = dark() ? "Light" : "Dark";
    button.setAttribute("aria-label", `${button.textContent} colours`);
  };
  button.addEventListener("click", () => {
    root.dataset.colours = dark() ? "light" : "dark";
    announce();
  });
  system.addEventListener("change", announce);
  root.classList.add("js");
  for (const element of document.querySelectorAll(".scripted")) element.hidden = false;
  announce();
}
