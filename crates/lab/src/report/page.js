
(() => {
  const tip = document.getElementById("tip");
  // The tooltip says it: the browser need not say it again.
  document.querySelectorAll(".hit title").forEach((title) => title.remove());
  // Each model has a legend of its own, and its charts beside it.
  document.querySelectorAll(".legend").forEach((legend) => {
    const charts = legend.closest("section").querySelector(".charts");
    const buttons = [...legend.querySelectorAll("button")];
    let pinned = null;
    const choose = (style) => {
      charts.classList.toggle("chosen", style !== null);
      charts.querySelectorAll(".series").forEach((g) => g.classList.toggle("on", g.dataset.s === style));
    };
    buttons.forEach((button) => {
      const style = button.dataset.s;
      button.setAttribute("aria-pressed", "false");
      button.addEventListener("pointerenter", () => choose(style));
      button.addEventListener("pointerleave", () => choose(pinned));
      button.addEventListener("focus", () => choose(style));
      button.addEventListener("blur", () => choose(pinned));
      button.addEventListener("click", () => {
        pinned = pinned === style ? null : style;
        buttons.forEach((b) => b.setAttribute("aria-pressed", String(b.dataset.s === pinned)));
        choose(pinned);
      });
    });
  });
  document.addEventListener("pointermove", (event) => {
    const text = event.target.dataset && event.target.dataset.tip;
    tip.hidden = !text;
    if (!text) return;
    tip.textContent = text;
    const left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8);
    const above = event.clientY - tip.offsetHeight - 10;
    tip.style.left = `${Math.max(8, left)}px`;
    tip.style.top = `${above < 8 ? event.clientY + 16 : above}px`;
  });
})();
