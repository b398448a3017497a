// What the colours stand for: a button for each value, or a scale. Names come from files and are shown as text.

function showLegend(root, { legend, scale, palette }, choose) {
  const list = root.querySelector(".legend");
  const buttons = legend.map((entry) => legendButton(entry, palette));
  for (const button of buttons)
    button.addEventListener("click", () => {
      const only = button.getAttribute("aria-pressed") !== "true";
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === button && only));
      choose(only ? Number(button.dataset.colour) : null);
    });
  list.replaceChildren(
    ...buttons.map((button) => {
      const item = document.createElement("li");
      item.append(button);
      return item;
    }),
  );
  const line = root.querySelector(".scale");
  line.hidden = !scale;
  if (!scale) return;
  line.querySelector(".low").textContent = scale.low;
  line.querySelector(".high").textContent = scale.high;
  line.querySelector(".ramp").style.background = `linear-gradient(90deg, ${palette.slice(1).join(",")})`;
}

// A click shows only the points of this colour, and another one all of them.
function legendButton({ name, count, colour }, palette) {
  const button = document.createElement("button");
  button.type = "button";
  button.title = `Show only: ${name}`;
  button.dataset.colour = colour;
  button.setAttribute("aria-pressed", "false");
  const swatch = document.createElement("span");
  swatch.className = "swatch";
  swatch.style.background = palette[colour];
  const label = document.createElement("span");
  label.className = "name";
  label.textContent = `${name} (${count.toLocaleString("en")})`;
  button.append(swatch, label);
  return button;
}
