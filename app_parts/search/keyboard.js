// Arrows move between pictures, Enter opens the focused one (it is a link), "/" goes to the ask box, Escape back.

const typing = (element) => element.matches("input, textarea, select, [contenteditable=true], [role=slider], [role=combobox]");
const links = () =>
  [...document.querySelectorAll(".st-key-hits a[href*='full='], .st-key-collection a[href*='full=']")].filter(
    (link) => link.offsetParent !== null,
  );

function middle(element) {
  const box = element.getBoundingClientRect();
  return { x: box.left + box.width / 2, y: box.top + box.height / 2, height: box.height };
}

// The nearest picture in a direction: the next row for up and down, the next picture in order for left and right.
function next(all, from, key) {
  const at = all.indexOf(from);
  if (at < 0) return all[0];
  if (key === "ArrowRight") return all[at + 1];
  if (key === "ArrowLeft") return all[at - 1];
  const sign = key === "ArrowDown" ? 1 : -1;
  const start = middle(from);
  const distance = (link) => {
    const place = middle(link);
    return Math.abs(place.y - start.y) * 4 + Math.abs(place.x - start.x);
  };
  const beyond = all.filter((link) => sign * (middle(link).y - start.y) > start.height / 2);
  return beyond.sort((one, other) => distance(one) - distance(other))[0];
}

function pressed(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  const focused = document.activeElement ?? document.body;
  const dialog = document.querySelector("[data-testid=stPopoverBody], [role=dialog]");
  if (event.key === "Escape") {
    if (dialog) return; // Escape closes it
    if (typing(focused)) focused.blur();
    else document.querySelector(".st-key-back button")?.click();
    return;
  }
  if (typing(focused) || dialog) return;
  if (event.key === "/") {
    document.querySelector(".st-key-ask textarea")?.focus();
    event.preventDefault();
  } else if (["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"].includes(event.key)) {
    const chosen = next(links(), focused, event.key);
    if (!chosen) return;
    chosen.focus();
    chosen.scrollIntoView({ block: "nearest" });
    event.preventDefault();
  }
}

export default function () {
  document.addEventListener("keydown", pressed);
  return () => document.removeEventListener("keydown", pressed);
}
