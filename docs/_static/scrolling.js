// What is wider than its column scrolls sideways. While it does, it can be focused, so that the
// keyboard can scroll it, and it has a name.
(() => {
  const watch = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });
  for (const box of document.querySelectorAll("div.highlight pre, .table-wrapper")) {
    const heading = box.closest("section").querySelector("h1, h2, h3, h4");
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", `${box.matches("pre") ? "Code" : "Table"}: ${heading.firstChild.textContent}`);
    watch.observe(box);
  }
})();
