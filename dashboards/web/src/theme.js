// SPDX-License-Identifier: MIT
// The colours, light and dark. They become CSS variables, and the charts read them from here.

const COLOURS = {
  page: ["#ffffff", "#13161b"],
  raised: ["#f5f6f8", "#1c2027"],
  ink: ["#181d26", "#e9ebef"],
  muted: ["#596170", "#9ca5b3"],
  rule: ["#dde1e7", "#2d333d"],
  grid: ["#eceff3", "#232830"],
  accent: ["#0a66ad", "#6bb8f5"],
  good: ["#0f6d45", "#5fd09a"],
  bad: ["#b3261e", "#ff8a75"],
  caution: ["#fff4d6", "#352a10"],
  cautionInk: ["#6b4700", "#f5cf7d"],
  p50: ["#0a6fbf", "#5fb4f5"],
  p99: ["#181d26", "#f3f5f8"],
  max: ["#8a92a0", "#7f8897"],
  timeout: ["#b3261e", "#ff8a75"],
  injected: ["#eda100", "#d69a1e"],
  scheduled: ["#2b9c9c", "#3fa9a9"],
  collection: ["#8268c4", "#9a83dc"],
  cause0: ["#cb3a1f", "#ff7153"],
  cause1: ["#7440a5", "#c49bee"],
  cause2: ["#007a6c", "#3fc4b0"],
  cause3: ["#97620a", "#eeb04a"],
  cause4: ["#c8397f", "#ff8fc4"],
  cause5: ["#4d5767", "#aab4c3"],
  variant0: ["#c2410c", "#ff8a5c"],
  variant1: ["#0a66ad", "#6bb8f5"],
  variant2: ["#0f7a50", "#52cb95"],
  variant3: ["#7a3fb0", "#c39cf0"],
  variant4: ["#8a6a00", "#dcb93c"],
  variant5: ["#b82e75", "#ff8fc4"],
  variant6: ["#0b7f8f", "#4fc6d6"],
  variant7: ["#4d5767", "#b4bdca"],
};

const listeners = [];
const preference = matchMedia("(prefers-color-scheme: dark)");
let dark = preference.matches;
let chosen = false;

export function isDark() {
  return dark;
}

export function colour(name) {
  return COLOURS[name][dark ? 1 : 0];
}

// Called after every change, so that what is drawn on canvases can be drawn again.
export function onThemeChange(listener) {
  listeners.push(listener);
}

function apply(nextDark) {
  dark = nextDark;
  const root = document.documentElement;
  for (const name of Object.keys(COLOURS)) root.style.setProperty(`--${name}`, colour(name));
  root.style.colorScheme = dark ? "dark" : "light";
  for (const listener of listeners) listener();
}

export function toggleTheme() {
  chosen = true;
  apply(!dark);
}

// Paper is white: printing shows the light colours and puts the reader's back afterwards.
function followPrinter() {
  let before = dark;
  addEventListener("beforeprint", () => {
    before = dark;
    apply(false);
  });
  addEventListener("afterprint", () => apply(before));
}

export function startTheme() {
  preference.addEventListener("change", (event) => {
    if (!chosen) apply(event.matches);
  });
  followPrinter();
  apply(dark);
}
