// SPDX-License-Identifier: MIT
// Numbers as a reader wants them: three significant digits, thousands apart, units after a thin space.

const THIN = "\u202f";
export const DASH = "\u2013";

function digits(value, places) {
  return value.toLocaleString("en-US", {
    minimumFractionDigits: 0,
    maximumFractionDigits: places,
  });
}

export function isNumber(value) {
  return typeof value === "number" && Number.isFinite(value);
}

export function count(value) {
  return isNumber(value) ? digits(value, 0) : DASH;
}

// Three significant digits, never in exponents.
export function figure(value) {
  if (!isNumber(value)) return DASH;
  const size = Math.abs(value);
  if (size >= 100) return digits(value, 0);
  if (size >= 10) return digits(value, 1);
  if (size >= 1) return digits(value, 2);
  return digits(value, 3);
}

export function ms(value) {
  return isNumber(value) ? `${figure(value)}${THIN}ms` : DASH;
}

// A time that may be long, in milliseconds.
export function duration(value) {
  return isNumber(value) && value >= 1000 ? seconds(value / 1000) : ms(value);
}

export function seconds(value) {
  return isNumber(value) ? `${figure(value)}${THIN}s` : DASH;
}

export function perSecond(value) {
  return isNumber(value) ? `${figure(value)}/s` : DASH;
}

// A share of 1. Something that is not zero never reads as zero.
export function percent(share) {
  if (!isNumber(share)) return DASH;
  const value = share * 100;
  if (value > 0 && value < 0.001) return `<${THIN}0.001${THIN}%`;
  const places = value >= 1 ? 1 : value >= 0.1 ? 2 : 3;
  return `${digits(value, places)}${THIN}%`;
}

// Whether a figure of a variant's table is a lower bound: so many requests were given up.
export function isBound(table, key) {
  return (table.at_least ?? []).includes(key);
}

// "1 request", "2,000 requests".
export function plural(n, one, many = `${one}s`) {
  return `${count(n)}\u00a0${n === 1 ? one : many}`;
}

// "a", "a and b", "a, b and c".
export function listing(words) {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} and ${words[words.length - 1]}`;
}

export function moment(text) {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return String(text ?? "");
  return `${date.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
