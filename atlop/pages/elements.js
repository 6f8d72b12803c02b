"use strict";
// Creates all elements of a page. Text is always set as text: no data is parsed as HTML.

const SVG = "http://www.w3.org/2000/svg";

const byId = (id) => document.getElementById(id);

/** Create an element. Attributes that are functions become listeners; false, null or undefined ones are left out. */
function element(tag, attributes = {}, ...children) {
  return fillElement(document.createElement(tag), attributes, children);
}

/** Create an SVG element. */
function svgElement(tag, attributes = {}, ...children) {
  return fillElement(document.createElementNS(SVG, tag), attributes, children);
}

function fillElement(target, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") target.addEventListener(name, value);
    else if (value !== false && value !== null && value !== undefined) target.setAttribute(name, value);
  }
  target.append(...children);
  return target;
}

/** Isolate a text, so that its direction does not affect the text around it. */
const bidiText = (text) => element("bdi", {}, text);

const percent = (share) => (share === null ? "–" : (100 * share).toFixed(2));
const signedPercent = (share) => (share < 0 ? "−" : "+") + percent(Math.abs(share));
const formatCount = (count) => count.toLocaleString("en");
const formatNumber = (value, digits = 2) => value.toFixed(digits).replace("-", "−");
const truncated = (text, maxLength) => {
  const characters = [...text];
  return characters.length > maxLength ? characters.slice(0, maxLength - 1).join("") + "…" : text;
};

const COLOURS = 8;

/** Classes of an entity's marks: a colour, and another line for each further round of colours. Its number always tells it apart. */
const entityClass = (entity) => `colour-${entity % COLOURS} lines-${Math.floor(entity / COLOURS) % 3}`;

/** Let a wide element scroll sideways; a hint says so while a part of it is out of sight. */
function scrollSideways(label, content) {
  const hint = element("p", { class: "hint" }, "Scroll sideways to see all of it →");
  const area = element("div", { class: "sideways", tabindex: "0", role: "region", "aria-label": label }, content);
  new ResizeObserver(() => {
    hint.hidden = area.scrollWidth <= area.clientWidth;
  }).observe(area);
  return element("div", {}, hint, area);
}
