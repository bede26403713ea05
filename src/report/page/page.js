// A group that is pointed at, or chosen with the keyboard, stands out in the source, the schedule and the graph.
const parts = [...document.querySelectorAll("[data-group]")];
let chosen = null;
const show = (group) => parts.forEach((part) => part.classList.toggle("faded", group !== null && part.dataset.group !== group));
parts.forEach((part) => {
  part.setAttribute("tabindex", "0");
  const choose = () => { chosen = chosen === part.dataset.group ? null : part.dataset.group; show(chosen); };
  part.addEventListener("mouseenter", () => show(part.dataset.group));
  part.addEventListener("mouseleave", () => show(chosen));
  part.addEventListener("click", choose);
  part.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); choose(); }
    if (event.key === "Escape") { chosen = null; show(null); }
  });
});
