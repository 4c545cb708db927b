// What is wider than the page scrolls sideways. While it does, it can be focused, so that the
// keyboard can scroll it, and it has a name.
(() => {
  const named = (box) => {
    const picture = box.querySelector("svg[aria-label]");
    const section = box.closest("section");
    const heading = section && section.querySelector("h1, h2, h3, h4");
    const about = heading ? heading.firstChild.textContent : document.title;
    if (picture) return picture.getAttribute("aria-label");
    return `${box.matches("pre") ? "Code" : "Table"}: ${about}`;
  };
  const watch = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });
  for (const box of document.querySelectorAll("div.highlight pre, .table-wrapper, figure.picture")) {
    if (!box.matches("figure")) box.setAttribute("role", "group");
    box.setAttribute("aria-label", named(box));
    watch.observe(box);
  }
})();
